/* The maps profile: all that is mapped is in it once, the profiler's own apart, with the bytes that
 * the kernel says. */
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>

#include "maps.h"
#include "profile/maps.h"
#include "record/maps.h"
#include "sys/pages.h"

static void the_profilers_own_is_left_out(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    int previous = lp_own_enter();
    char *own = map_here(10);
    lp_own_leave(previous);
    void *table = lp_own_map(5 * PAGE, LP_OWN_MAPS);
    expect_nothing(own);
    expect_nothing(table);
    struct lp_profile *profile = take();
    assert_true(lp_maps_own(profile)[0] >= 2);
    assert_true(lp_maps_own(profile)[1] >= 15 * PAGE);
    drop(profile);
    munmap(own, 10 * PAGE);
    lp_own_unmap(table, 5 * PAGE, LP_OWN_MAPS);
}

struct span {
    uintptr_t start, end;
};
static struct span spans[20000];
static size_t nspans;

static void add_span(uintptr_t start, size_t bytes, void *arg)
{
    (void)arg;
    spans[nspans++] = (struct span){start, start + ((bytes + PAGE - 1) & ~(size_t)(PAGE - 1))};
}

/* Is each address of /proc/self/maps in one mapping, of the program or the profiler? */
static bool all_is_there_once(void)
{
    char line[600];
    bool whole = true;
    nspans = 0;
    struct lp_profile *profile = take();
    for (size_t i = 0; i < profile->nitems; i++) {
        unsigned long start, end;
        assert_int_equal(sscanf(profile->items[i].state, "%lx-%lx", &start, &end), 2);
        add_span(start, end - start, NULL);
    }
    drop(profile);
    lp_own_each(add_span, NULL);
    struct lp_range range = {0};
    while (lp_ranges_copy(&lp_maps, range.start + range.length, &range, 1, false))
        if (range.own)
            add_span(range.start, range.length, NULL);

    int fd = open("/proc/self/maps", O_RDONLY);
    FILE *maps = fdopen(fd, "r");
    static char buffer[4096];
    setbuffer(maps, buffer, sizeof buffer);
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end, covered = 0;
        assert_int_equal(sscanf(line, "%lx-%lx", &start, &end), 2);
        for (size_t i = 0; i < nspans; i++) {
            uintptr_t from = start > spans[i].start ? start : spans[i].start;
            uintptr_t to = end < spans[i].end ? end : spans[i].end;
            covered += to > from ? to - from : 0;
        }
        whole = whole && covered == end - start;
    }
    fclose(maps);
    return whole;
}

static void everything_mapped_is_there_once(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    char *start = map_here(100);
    munmap(start + 30 * PAGE, PAGE);
    map_there(start + 10 * PAGE, 5);
    mprotect(start + 12 * PAGE, 20 * PAGE, PROT_READ);
    bool whole = false; /* libc may map something between the two looks */
    for (int i = 0; i < 10 && !whole; i++)
        whole = all_is_there_once();
    assert_true(whole);
    munmap(start, 30 * PAGE);
    munmap(start + 31 * PAGE, 69 * PAGE);
}

/* The pages of a mapping are those that the kernel counts. Its outermost are guards: where no hook
 * sees the call, what lies beside is not to be taken for a part of it. */
static void resident_pages_are_the_kernels(void **state)
{
    (void)state;
    enum { PAGES = 4000 };
    char *capacity = map_here(PAGES + 2), *start = capacity + PAGE;
    mprotect(capacity, PAGE, PROT_NONE);
    mprotect(start + (size_t)PAGES * PAGE, PAGE, PROT_NONE);
    size_t touched = 0;
    for (size_t i = 0; i < PAGES; i += 1 + i % 5, touched++)
        start[i * PAGE] = 1;
    volatile char nothing = start[1 * PAGE + 1] + start[2 * PAGE + 1]; /* read only: no memory */
    (void)nothing;
    int64_t resident = look(start).resident;
    assert_true(resident >= (int64_t)touched * PAGE);
    assert_true(resident <= (int64_t)(touched + 2) * PAGE); /* older kernels cannot tell zeros */
    munmap(capacity, (size_t)(PAGES + 2) * PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_profilers_own_is_left_out),
        cmocka_unit_test(everything_mapped_is_there_once),
        cmocka_unit_test(resident_pages_are_the_kernels),
    };
    return cmocka_run_group_tests_name("maps_whole", tests, NULL, NULL);
}
