/* The maps profile: what a call maps stands under it, and goes with what unmaps it, whatever the
 * kernel merges and splits. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "maps.h"
#include "sys/losses.h"
#include "record/maps.h"

char *move_here(char *old, size_t old_pages, size_t pages, int flags, void *where);
__attribute__((noinline)) char *move_here(char *old, size_t old_pages, size_t pages, int flags,
                                          void *where)
{
    char *start = mremap(old, old_pages * PAGE, pages * PAGE, flags, where);
    __asm__ volatile("" : "+r"(start));
    return start;
}

static void a_mapping_stands_under_its_call(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    memset(start, 1, 3 * PAGE);
    expect(start, 10, "anonymous", "map_here");
    assert_int_equal(look(start).resident, 3 * PAGE);
    assert_int_equal(munmap(start, 10 * PAGE), 0);
    expect_nothing(start);
}

static void neighbours_that_the_kernel_merges_are_told_apart(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *capacity = map_here(30);
    char *first = map_there(capacity, 10), *second = map_there(capacity + 10 * PAGE, 10);
    second[0] = 1;
    expect(first, 10, "anonymous", "map_there");
    expect(second, 10, "anonymous", "map_there");
    expect(capacity + 20 * PAGE, 10, "anonymous", "map_here");
    assert_int_equal(look(first).resident, 0);
    assert_int_equal(look(second).resident, PAGE);
    /* One call may take them all, and parts of the outer ones. */
    assert_int_equal(munmap(capacity + 5 * PAGE, 20 * PAGE), 0);
    expect(capacity, 5, "anonymous", "map_there");
    expect_nothing(second);
    expect(capacity + 25 * PAGE, 5, "anonymous", "map_here");
    assert_int_equal(munmap(capacity, 5 * PAGE), 0);
    assert_int_equal(munmap(capacity + 25 * PAGE, 5 * PAGE), 0);
    expect_nothing(capacity);
    expect_nothing(capacity + 25 * PAGE);
}

static void a_hole_makes_two(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    assert_int_equal(munmap(start + 4 * PAGE, PAGE), 0);
    expect(start, 4, "anonymous", "map_here");
    expect_nothing(start + 4 * PAGE);
    expect(start + 5 * PAGE, 5, "anonymous", "map_here");
    munmap(start, 4 * PAGE);
    munmap(start + 5 * PAGE, 5 * PAGE);
}

static void a_fixed_mapping_replaces_what_was_there(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    assert_ptr_equal(map_there(start + 3 * PAGE, 2), start + 3 * PAGE);
    expect(start, 3, "anonymous", "map_here");
    expect(start + 3 * PAGE, 2, "anonymous", "map_there");
    expect(start + 5 * PAGE, 5, "anonymous", "map_here");
    munmap(start, 10 * PAGE);
}

static void protections_do_not_split(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    start[PAGE] = 1;
    mprotect(start, PAGE, PROT_NONE); /* a guard */
    mprotect(start + 5 * PAGE, PAGE, PROT_READ);
    expect(start, 10, "anonymous", "map_here");
    assert_int_equal(look(start).resident, PAGE);
    munmap(start, 10 * PAGE);
}

static void what_is_moved_belongs_to_who_moved_it(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *old = map_here(10), *capacity = map_here(40);
    char *moved = move_here(old, 10, 20, MREMAP_MAYMOVE | MREMAP_FIXED, capacity + 10 * PAGE);
    assert_ptr_equal(moved, capacity + 10 * PAGE);
    expect_nothing(old);
    expect(capacity, 10, "anonymous", "map_here");
    expect(moved, 20, "anonymous", "move_here");
    expect(capacity + 30 * PAGE, 10, "anonymous", "map_here");
    munmap(capacity, 40 * PAGE);

    char *grown = map_here(20); /* in place: there is room above */
    munmap(grown + 5 * PAGE, 15 * PAGE);
    assert_ptr_equal(move_here(grown, 5, 15, 0, NULL), grown);
    expect(grown, 15, "anonymous", "move_here");
    munmap(grown, 15 * PAGE);

    char *shrunk = map_here(10);
    assert_ptr_equal(move_here(shrunk, 10, 4, 0, NULL), shrunk);
    expect(shrunk, 4, "anonymous", "map_here");
    expect_nothing(shrunk + 4 * PAGE);
    munmap(shrunk, 4 * PAGE);

    char *part = map_here(10), *target = map_here(2); /* some of the middle */
    assert_ptr_equal(move_here(part + 3 * PAGE, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, target),
                     target);
    expect(part, 3, "anonymous", "map_here");
    expect_nothing(part + 3 * PAGE);
    expect(part + 5 * PAGE, 5, "anonymous", "map_here");
    expect(target, 2, "anonymous", "move_here");
    munmap(part, 3 * PAGE);
    munmap(part + 5 * PAGE, 5 * PAGE);
    munmap(target, 2 * PAGE);
}

static void what_fails_changes_nothing(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    uint32_t live = lp_ranges_live(&lp_maps);
    assert_int_equal(munmap(start + 1, PAGE), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(munmap(start, 0), -1);
    assert_int_equal(munmap(start, SIZE_MAX), -1);
    assert_ptr_equal(move_here(start + PAGE, 2, 4, 0, NULL), MAP_FAILED); /* something is above */
    assert_ptr_equal(mmap(NULL, SIZE_MAX, RW, PLAIN, -1, 0), MAP_FAILED);
    assert_ptr_equal(mmap(start, PAGE, RW, PLAIN | MAP_FIXED_NOREPLACE, -1, 0), MAP_FAILED);
    assert_int_equal(lp_ranges_live(&lp_maps), live);
    expect(start, 10, "anonymous", "map_here");
    munmap(start, 10 * PAGE);
}

static void a_forked_child_has_the_same(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct seen seen = look(start);
        bool good = !strcmp(seen.kind, "anonymous") && !strcmp(seen.function, "map_here");
        munmap(start, 10 * PAGE);
        _exit(!(good && look(start).kind[0] == '\0'));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(start, 10, "anonymous", "map_here");
    munmap(start, 10 * PAGE);
}

static char *of_handler;

static void handler(int number)
{
    (void)number;
    of_handler = map_here(3);
    munmap(map_here(2), 2 * PAGE);
}

/* A signal above the profiler at work: no stack, but nothing breaks and nothing stays. */
static void a_handler_may_map(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    expect(of_handler, 3, "anonymous", "map_here");
    munmap(of_handler, 3 * PAGE);

    uint64_t lost = lp_losses(LP_LOSS_REENTERED);
    uint32_t live = lp_ranges_live(&lp_maps);
    lp_self.busy = true;
    raise(SIGUSR1);
    lp_self.busy = false;
    assert_int_equal(lp_losses(LP_LOSS_REENTERED), lost + 2);
    assert_int_equal(lp_ranges_live(&lp_maps), live + 1);
    assert_string_equal(look(of_handler).kind, "anonymous");
    munmap(of_handler, 3 * PAGE);
    signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_stands_under_its_call),
        cmocka_unit_test(neighbours_that_the_kernel_merges_are_told_apart),
        cmocka_unit_test(a_hole_makes_two),
        cmocka_unit_test(a_fixed_mapping_replaces_what_was_there),
        cmocka_unit_test(protections_do_not_split),
        cmocka_unit_test(what_is_moved_belongs_to_who_moved_it),
        cmocka_unit_test(what_fails_changes_nothing),
        cmocka_unit_test(a_forked_child_has_the_same),
        cmocka_unit_test(a_handler_may_map),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
