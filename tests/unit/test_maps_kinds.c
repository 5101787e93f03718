/* The maps profile: what a mapping is, told by what was asked for, by its name, or by what stands
 * in it. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/rate.h"
#include "maps.h"
#include "record/maps.h"

/* The value of a row of this kind whose stack begins in this function. */
static int64_t row_value(const char *function, const char *kind, int value)
{
    struct lp_profile *profile = take();
    int64_t sum = 0;
    for (size_t i = 0; i < profile->nrows; i++) {
        const struct lp_row *row = &profile->rows[i];
        if (!strcmp(leaf_of(row->stack), function) && !strcmp(row->label_text, kind))
            sum += row->value[value];
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
}

/* It stays in the table, so this comes last. */
static void what_went_behind_our_back_is_not(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    char *start = map_here(10);
    syscall(SYS_munmap, start, 10 * PAGE);
    expect_nothing(start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_only_reserved_is_no_memory),
        cmocka_unit_test(kinds_are_told_by_what_is_mapped),
        cmocka_unit_test(what_libc_maps_is_recognized),
        cmocka_unit_test(what_malloc_maps_is_recognized),
        cmocka_unit_test(what_no_hook_saw_is_there),
        cmocka_unit_test(what_went_behind_our_back_is_not),
    };
    return cmocka_run_group_tests_name("maps_kinds", tests, NULL, NULL);
}
