/* The maps profile: every mapping of the program once, under the call that made it, with the bytes
 * that the kernel says. */
#include "unit.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "snapshot/take.h"
#include "tables/losses.h"
#include "tables/maps.h"
#include "tables/own.h"
#include "tables/stacks.h"

enum { PAGE = 4096, RW = PROT_READ | PROT_WRITE, PLAIN = MAP_PRIVATE | MAP_ANONYMOUS };

static struct lp_profile *take(void)
{
    int previous = lp_own_enter();
    struct lp_profile *profile = lp_take(lp_kind_find("maps"));
    lp_own_leave(previous);
    assert_non_null(profile);
    return profile;
}

static void drop(struct lp_profile *profile)
{
    int previous = lp_own_enter();
    lp_profile_free(profile);
    lp_own_leave(previous);
}

/* The item that has this address; kind "" when there is none. */
struct seen {
    char kind[32], state[500], function[64];
    uintptr_t start;
    int64_t mapped, resident, age_ns;
};

static struct seen look(const void *address)
{
    struct seen seen = {0};
    struct lp_profile *profile = take();
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        unsigned long start, end;
        assert_int_equal(sscanf(item->state, "%lx-%lx", &start, &end), 2);
        if ((uintptr_t)address < start || (uintptr_t)address >= end)
            continue;
        assert_string_equal(seen.kind, ""); /* nothing twice */
        seen.start = start;
        seen.mapped = item->value[1];
        seen.resident = item->value[2];
        seen.age_ns = item->age_ns;
        snprintf(seen.kind, sizeof seen.kind, "%s", item->name);
        snprintf(seen.state, sizeof seen.state, "%s", item->state);
        struct lp_stack stack = lp_stack_get(item->stack);
        Dl_info info;
        if (stack.nframes && dladdr((void *)stack.frames[0], &info) && info.dli_sname)
            snprintf(seen.function, sizeof seen.function, "%s", info.dli_sname);
    }
    drop(profile);
    return seen;
}

static void expect(const char *address, size_t pages, const char *kind, const char *function)
{
    struct seen seen = look(address);
    assert_string_equal(seen.kind, kind);
    assert_int_equal(seen.start, (uintptr_t)address);
    assert_int_equal(seen.mapped, pages * PAGE);
    assert_string_equal(seen.function, function);
    assert_true(seen.age_ns >= 0);
}

/* Nothing of the test's: libc or a sanitizer may have taken the place meanwhile. */
static void expect_nothing(const char *address)
{
    assert_string_equal(look(address).function, "");
}

char *map_here(size_t pages);
__attribute__((noinline)) char *map_here(size_t pages)
{
    char *start = mmap(NULL, pages * PAGE, RW, PLAIN, -1, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

char *map_there(void *where, size_t pages);
__attribute__((noinline)) char *map_there(void *where, size_t pages)
{
    char *start = mmap64(where, pages * PAGE, RW, PLAIN | MAP_FIXED, -1, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

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
    char *room = map_here(30);
    char *first = map_there(room, 10), *second = map_there(room + 10 * PAGE, 10);
    second[0] = 1;
    expect(first, 10, "anonymous", "map_there");
    expect(second, 10, "anonymous", "map_there");
    expect(room + 20 * PAGE, 10, "anonymous", "map_here");
    assert_int_equal(look(first).resident, 0);
    assert_int_equal(look(second).resident, PAGE);
    /* One call may take them all, and parts of the outer ones. */
    assert_int_equal(munmap(room + 5 * PAGE, 20 * PAGE), 0);
    expect(room, 5, "anonymous", "map_there");
    expect_nothing(second);
    expect(room + 25 * PAGE, 5, "anonymous", "map_here");
    assert_int_equal(munmap(room, 30 * PAGE), 0);
    expect_nothing(room);
    expect_nothing(room + 25 * PAGE);
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
    munmap(start, 10 * PAGE);
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

/* The value of a row of this kind whose stack begins in this function. */
static int64_t row_value(const char *function, const char *kind, int value)
{
    struct lp_profile *profile = take();
    int64_t sum = 0;
    for (size_t i = 0; i < profile->nrows; i++) {
        struct lp_stack stack = lp_stack_get(profile->rows[i].stack);
        Dl_info info;
        if (stack.nframes && dladdr((void *)stack.frames[0], &info) && info.dli_sname &&
            !strcmp(info.dli_sname, function) && !strcmp(profile->rows[i].label_text, kind))
            sum += profile->rows[i].value[value];
    }
    drop(profile);
    return sum;
}

char *reserve_here(size_t pages);
__attribute__((noinline)) char *reserve_here(size_t pages)
{
    char *start = mmap(NULL, pages * PAGE, PROT_NONE, PLAIN | MAP_NORESERVE, -1, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

static void what_is_only_reserved_is_no_memory(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    enum { PAGES = 100000 };
    const struct lp_resource *resource = &lp_kind_find("maps")->resources[0];
    char *start = reserve_here(PAGES);
    assert_string_equal(look(start).kind, "reserved");
    assert_int_equal(row_value("reserve_here", "reserved", 1), (int64_t)PAGES * PAGE);
    const uint32_t known = LP_STACK_FIRST, unknown = LP_STACK_EARLIER;
    assert_false(resource->counts(&(struct lp_row){.label_text = "reserved", .stack = known}));
    assert_true(resource->counts(&(struct lp_row){.label_text = "anonymous", .stack = known}));
    assert_false(resource->counts(&(struct lp_row){.label_text = "anonymous", .stack = unknown}));
    assert_false(resource->counts(&(struct lp_row){.label_text = "thread stack", .stack = known}));

    mprotect(start + 7 * PAGE, 50 * PAGE, RW); /* now some of it is used */
    assert_string_equal(look(start).kind, "anonymous");
    assert_int_equal(row_value("reserve_here", "anonymous", 0), 1);
    assert_int_equal(row_value("reserve_here", "anonymous", 1), 50 * PAGE);
    assert_int_equal(row_value("reserve_here", "reserved", 0), 0);
    assert_int_equal(row_value("reserve_here", "reserved", 1), (int64_t)(PAGES - 50) * PAGE);
    munmap(start, (size_t)PAGES * PAGE);
}

static void what_is_moved_belongs_to_who_moved_it(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *old = map_here(10), *room = map_here(40);
    char *moved = move_here(old, 10, 20, MREMAP_MAYMOVE | MREMAP_FIXED, room + 10 * PAGE);
    assert_ptr_equal(moved, room + 10 * PAGE);
    expect_nothing(old);
    expect(room, 10, "anonymous", "map_here");
    expect(moved, 20, "anonymous", "move_here");
    expect(room + 30 * PAGE, 10, "anonymous", "map_here");
    munmap(room, 40 * PAGE);

    char *grown = map_here(20); /* in place: there is room above */
    munmap(grown + 5 * PAGE, 15 * PAGE);
    assert_ptr_equal(move_here(grown, 5, 15, 0, NULL), grown);
    expect(grown, 15, "anonymous", "move_here");
    munmap(grown, 20 * PAGE);

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
    munmap(part, 10 * PAGE);
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

char *attach_here(int id);
__attribute__((noinline)) char *attach_here(int id)
{
    char *start = shmat(id, NULL, 0);
    __asm__ volatile("" : "+r"(start));
    return start;
}

static void kinds_are_told_by_what_is_mapped(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    int fd = memfd_create("something", 0);
    assert_int_equal(ftruncate(fd, 3 * PAGE), 0);
    char *memory = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    assert_string_equal(look(memory).kind, "shared memory");
    assert_non_null(strstr(look(memory).state, "memfd:something"));
    close(fd);
    munmap(memory, 3 * PAGE);

    char *everybodys = mmap(NULL, 3 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_string_equal(look(everybodys).kind, "shared memory");
    munmap(everybodys, 3 * PAGE);

    FILE *program = fopen("/proc/self/exe", "r");
    char *text = mmap(NULL, 100, PROT_READ, MAP_PRIVATE, fileno(program), 0); /* less than a page */
    fclose(program);
    assert_string_equal(look(text).kind, "file");
    assert_int_equal(look(text).mapped, PAGE);
    munmap(text, 100);
    expect_nothing(text);

    int id = shmget(IPC_PRIVATE, 5 * PAGE, IPC_CREAT | 0600);
    assert_true(id >= 0);
    char *segment = attach_here(id);
    shmctl(id, IPC_RMID, NULL);
    expect(segment, 5, "shared memory", "attach_here");
    mprotect(segment + PAGE, PAGE, PROT_READ);
    expect(segment, 5, "shared memory", "attach_here");
    uint32_t live = lp_ranges_live(&lp_maps);
    assert_int_equal(shmdt(segment), 0);
    assert_int_equal(lp_ranges_live(&lp_maps), live - 1);
    expect_nothing(segment);
}

static void *stand(void *where)
{
    pthread_barrier_t *both = where;
    volatile char here = 1;
    *(volatile char *volatile *)(both + 1) = &here;
    pthread_barrier_wait(both);
    pthread_barrier_wait(both);
    return NULL;
}

static void what_libc_maps_is_recognized(void **state)
{
    (void)state;
    struct {
        pthread_barrier_t both;
        char *on_stack;
    } shared = {0};
    pthread_t thread;
    pthread_barrier_init(&shared.both, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, stand, &shared), 0);
    pthread_barrier_wait(&shared.both);
    struct seen seen = look(shared.on_stack);
    assert_string_equal(seen.kind, "thread stack");
    pthread_attr_t attributes;
    size_t stack, guard;
    pthread_getattr_np(thread, &attributes);
    pthread_attr_getstacksize(&attributes, &stack);
    pthread_attr_getguardsize(&attributes, &guard);
    assert_true(seen.mapped == (int64_t)stack || seen.mapped == (int64_t)(stack + guard));
    pthread_attr_destroy(&attributes);
    pthread_barrier_wait(&shared.both);
    /* It has ended, and is still there until it is joined. */
    while (pthread_tryjoin_np(thread, NULL) == EBUSY)
        usleep(1000);
    pthread_barrier_destroy(&shared.both);

    int local;
    assert_string_equal(look(&local).kind, "stack");
    assert_string_equal(look((void *)(uintptr_t)look).kind, "file");
    static int zeros[3 * PAGE];
    zeros[PAGE] = 1;
    assert_string_equal(look(&zeros[PAGE]).kind, "file");
}

static void *allocate(void *arg)
{
    *(void **)arg = malloc(1000);
    return NULL;
}

static void what_malloc_maps_is_recognized(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    lp_rate_set(0); /* a block that is sampled would take a page or two more */
    void *block = malloc(10 << 20), *small = malloc(10), *aligned = NULL, *elsewhere;
    assert_string_equal(look(block).kind, "malloc mmap");
    assert_int_equal(look(block).mapped, (10 << 20) + PAGE);
    assert_string_equal(look(small).kind, "malloc arena");
    assert_int_equal(posix_memalign(&aligned, 64 << 10, 10 << 20), 0);
    assert_string_equal(look(aligned).kind, "malloc mmap");
    pthread_t thread;
    pthread_create(&thread, NULL, allocate, &elsewhere);
    pthread_join(thread, NULL);
    assert_string_equal(look(elsewhere).kind, "malloc arena");
    free(block);
    free(small);
    free(aligned);
    free(elsewhere);
}

static void what_no_hook_saw_is_there(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = (char *)syscall(SYS_mmap, NULL, 10 * PAGE, PROT_READ, PLAIN, -1, 0L);
    struct seen seen = look(start);
    assert_string_equal(seen.kind, "unknown");
    assert_string_equal(seen.function, "");
    syscall(SYS_munmap, start, 10 * PAGE);
    expect_nothing(start);
    /* Nor is anything shown that went behind our back. */
    start = map_here(10);
    syscall(SYS_munmap, start, 10 * PAGE);
    expect_nothing(start);
    munmap(start, 10 * PAGE);
}

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
    assert_true(profile->own[0] >= 2);
    assert_true(profile->own[1] >= 15 * PAGE);
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
    munmap(start, 100 * PAGE);
}

/* The pages of all mappings are those that the kernel counts. */
static void resident_pages_are_the_kernels(void **state)
{
    (void)state;
    enum { PAGES = 4000 };
    char *start = map_here(PAGES);
    size_t touched = 0;
    for (size_t i = 0; i < PAGES; i += 1 + i % 5, touched++)
        start[i * PAGE] = 1;
    volatile char nothing = start[1 * PAGE + 1] + start[2 * PAGE + 1]; /* read only: no memory */
    (void)nothing;
    int64_t resident = look(start).resident;
    assert_true(resident >= (int64_t)touched * PAGE);
    assert_true(resident <= (int64_t)(touched + 2) * PAGE); /* older kernels cannot tell zeros */
    munmap(start, (size_t)PAGES * PAGE);
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
        cmocka_unit_test(what_is_only_reserved_is_no_memory),
        cmocka_unit_test(what_is_moved_belongs_to_who_moved_it),
        cmocka_unit_test(what_fails_changes_nothing),
        cmocka_unit_test(kinds_are_told_by_what_is_mapped),
        cmocka_unit_test(what_libc_maps_is_recognized),
        cmocka_unit_test(what_malloc_maps_is_recognized),
        cmocka_unit_test(what_no_hook_saw_is_there),
        cmocka_unit_test(the_profilers_own_is_left_out),
        cmocka_unit_test(everything_mapped_is_there_once),
        cmocka_unit_test(resident_pages_are_the_kernels),
        cmocka_unit_test(a_forked_child_has_the_same),
        cmocka_unit_test(a_handler_may_map),
    };
    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
