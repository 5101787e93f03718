/* The heap's hooks in this very process: exact means exact, and what is free can be given back. */
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "inspect/trim.h"
#include "record/stacks.h"

enum { N = 500, SIZE = 1337 };

static void *kept[N];

static void every_block_is_counted_when_exact(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (int i = 0; i < N; i++)
        kept[i] = opaque(malloc(SIZE));
    assert_int_equal(in_use(SIZE, NULL), N * SIZE);
    for (int i = 0; i < N / 2; i++)
        free(kept[i]);
    assert_int_equal(in_use(SIZE, NULL), (N - N / 2) * SIZE);
    for (int i = N / 2; i < N; i++)
        free(kept[i]);
    assert_int_equal(in_use(SIZE, NULL), 0);
}

static void *free_all(void *arg)
{
    (void)arg;
    for (int i = 0; i < N; i++)
        free(kept[i]);
    return NULL;
}

static void another_thread_may_free(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    pthread_t thread;
    for (int i = 0; i < N; i++)
        kept[i] = opaque(calloc(1, SIZE));
    pthread_create(&thread, NULL, free_all, NULL);
    pthread_join(thread, NULL);
    assert_int_equal(in_use(SIZE, NULL), 0);
}

static void every_entry_point_is_seen(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *aligned = NULL;
    void *blocks[] = {
        opaque(malloc(3001)),
        opaque(calloc(1, 3001)),
        opaque(realloc(NULL, 3001)),
        opaque(reallocarray(NULL, 1, 3001)),
        opaque(memalign(64, 3001)),
        opaque(aligned_alloc(64, 3001)),
        opaque(valloc(3001)),
        (assert_int_equal(posix_memalign(&aligned, 64, 3001), 0), aligned),
        opaque(memset(opaque(realloc(opaque(malloc(10)), 3001)), 1, 3001)),
    };
    int64_t n = sizeof blocks / sizeof *blocks;
    assert_int_equal(in_use(3001, NULL), n * 3001);
    for (int i = 0; i < n; i++)
        free(blocks[i]);
    assert_int_equal(in_use(3001, NULL), 0);

    char text[3000];
    memset(text, 'x', sizeof text);
    text[2999] = '\0';
    char *copy = opaque(strdup(text)); /* libc's own malloc comes by here as well */
    assert_int_equal(in_use(3000, NULL), 3000);
    free(copy);
}

static void a_failed_realloc_keeps_the_old_record(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *block = opaque(malloc(SIZE)), *same = opaque(block);
    volatile size_t huge = PTRDIFF_MAX;
    errno = 0;
    assert_null(opaque(realloc(block, huge)));
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(in_use(SIZE, NULL), SIZE);
    block = opaque(realloc(same, SIZE + 1));
    assert_int_equal(in_use(SIZE, NULL), 0);
    assert_int_equal(in_use(SIZE + 1, NULL), SIZE + 1);
    free(block);
    assert_int_equal(in_use(SIZE + 1, NULL), 0);
}

static void the_profilers_own_blocks_are_not_the_programs(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    int64_t before = lp_own_heap();
    int previous = lp_own_enter();
    void *block = opaque(malloc(5555));
    assert_in_range(lp_own_heap() - before, 5555, 5600);
    assert_int_equal(in_use(5555, NULL), 0);
    free(block);
    lp_own_leave(previous);
    assert_int_equal(lp_own_heap(), before);
}

static void the_leaf_frame_is_the_caller_of_malloc(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *block = opaque(malloc(6006));
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    bool found = false;
    for (size_t i = 0; i < heap->nrows; i++) {
        if (heap->rows[i].label_num != 6006)
            continue;
        struct lp_stack stack = lp_stack_get(heap->rows[i].stack);
        uintptr_t self = (uintptr_t)the_leaf_frame_is_the_caller_of_malloc;
        found = stack.nframes > 2 && stack.frames[0] - self < 4096;
    }
    assert_true(found);
    lp_profile_free(heap);
    free(block);
}

static void a_forked_child_goes_on_with_the_inherited_table(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *block = opaque(malloc(8118));
    pid_t child = fork();
    if (child == 0) {
        void *mine = opaque(malloc(8118));
        bool good = in_use(8118, NULL) == 2 * 8118;
        free(block);
        free(mine);
        _exit(good && in_use(8118, NULL) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(in_use(8118, NULL), 8118);
    free(block);
}

static void trimming_gives_free_memory_back(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { BLOCKS = 32000, BYTES = 2000 };
    static void *blocks[BLOCKS];
    lp_rate_set(0);
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = memset(opaque(malloc(BYTES)), 1, BYTES);
    for (int i = 0; i < BLOCKS - 1; i++) /* the last holds the heap's end where it is */
        free(blocks[i]);
    struct lp_trim trim = lp_trim_now();
    free(blocks[BLOCKS - 1]);
    lp_rate_set(1);
    assert_true(trim.returned);
    assert_true(trim.free_before > (int64_t)BLOCKS / 10 * 9 * BYTES);
    assert_true(trim.rss_before - trim.rss_after > (int64_t)BLOCKS / 2 * BYTES);
    assert_true(trim.rss_after > 0);
}

enum { SHARERS = 4, EACH = 5000 };
static void *shared[SHARERS][EACH];

/* Allocates, and frees every second block of the thread before. */
static void *share_a_site(void *arg)
{
    intptr_t me = (intptr_t)arg;
    for (int i = 0; i < EACH; i++)
        shared[me][i] = opaque(malloc(3331));
    return NULL;
}

static void *free_of_another(void *arg)
{
    intptr_t other = ((intptr_t)arg + 1) % SHARERS;
    for (int i = 0; i < EACH; i += 2)
        free(shared[other][i]);
    return NULL;
}

static void on_all_threads(void *(*work)(void *arg))
{
    pthread_t threads[SHARERS];
    for (intptr_t i = 0; i < SHARERS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < SHARERS; i++)
        pthread_join(threads[i], NULL);
}

/* A child has the shares of its parent's threads, and counts in its own thread's. */
static bool a_child_goes_on(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        for (int t = 0; t < SHARERS; t++)
            for (int i = 1; i < EACH; i += 2)
                free(shared[t][i]);
        bool good = in_use(3331, NULL) == 0;
        share_a_site((void *)0);
        _exit(good && in_use(3331, NULL) == EACH * INT64_C(3331) ? 0 : 1);
    }
    return waitpid(child, &status, 0) == child && status == 0;
}

/* Each counts in a share of its own, and the sums are exact. */
static void threads_share_a_site(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (int round = 0; round < 3; round++) {
        double variance;
        on_all_threads(share_a_site);
        assert_int_equal(in_use(3331, &variance), SHARERS * EACH * INT64_C(3331));
        assert_true(variance == 0);
        on_all_threads(free_of_another);
        assert_int_equal(in_use(3331, NULL), SHARERS * EACH / 2 * INT64_C(3331));
        assert_true(a_child_goes_on());
        for (int t = 0; t < SHARERS; t++)
            for (int i = 1; i < EACH; i += 2)
                free(shared[t][i]);
        assert_int_equal(in_use(3331, NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_is_counted_when_exact),
        cmocka_unit_test(another_thread_may_free),
        cmocka_unit_test(threads_share_a_site),
        cmocka_unit_test(every_entry_point_is_seen),
        cmocka_unit_test(a_failed_realloc_keeps_the_old_record),
        cmocka_unit_test(the_profilers_own_blocks_are_not_the_programs),
        cmocka_unit_test(the_leaf_frame_is_the_caller_of_malloc),
        cmocka_unit_test(a_forked_child_goes_on_with_the_inherited_table),
        cmocka_unit_test(trimming_gives_free_memory_back),
        cmocka_unit_test(nothing_was_lost_on_the_way),
    };
    return cmocka_run_group_tests_name("heap", tests, exact, NULL);
}
