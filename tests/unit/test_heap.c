/* The heap's hooks in this very process: exact means exact, sampled means unbiased, and the program
 * sees glibc's malloc as it always was. */
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/rate.h"
#include "leakprof.h"
#include "snapshot/take.h"
#include "tables/losses.h"
#include "tables/stacks.h"

enum { N = 500, SIZE = 1337 };

static void *kept[N];

/* Compilers may delete a malloc whose result is not used. */
static void *opaque(void *block)
{
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

/* In use by blocks of one size, whatever the stack. */
static int64_t in_use(int64_t size, double *variance)
{
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    int64_t bytes = 0;
    if (variance)
        *variance = 0;
    for (size_t i = 0; i < heap->nrows; i++) {
        if (heap->rows[i].label_num != size)
            continue;
        bytes += heap->rows[i].value[3];
        if (variance)
            *variance += heap->rows[i].variance[3];
    }
    lp_profile_free(heap);
    return bytes;
}

static int exact(void **state)
{
    (void)state;
    lp_rate_set(1);
    return 0;
}

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

static void errors_are_glibcs(void **state)
{
    (void)state;
    void *out = &out;
    volatile size_t huge = PTRDIFF_MAX, big = SIZE_MAX / 2 + 2;
    assert_int_equal(posix_memalign(&out, 3, 100), EINVAL);
    assert_int_equal(posix_memalign(&out, 0, 100), EINVAL);
    assert_int_equal(posix_memalign(&out, 24, 100), EINVAL);
    assert_ptr_equal(out, &out);
    errno = 0;
    assert_null(opaque(malloc(huge)));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(opaque(calloc(big, 2)));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(opaque(reallocarray(NULL, big, 2)));
    assert_int_equal(errno, ENOMEM);
}

static void *allocate_with_errno(void *arg)
{
    errno = 4711;
    void *block = opaque(malloc(SIZE));
    if (errno != 4711)
        return "changed by malloc";
    free(block);
    return errno == 4711 ? arg : "changed by free";
}

/* In a new thread, where the unwinder has yet to look at the stack's pages. */
static void errno_survives_a_sample(void **state)
{
    (void)state;
    pthread_t thread;
    void *complaint;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread, NULL, allocate_with_errno, NULL);
        pthread_join(thread, &complaint);
        assert_null(complaint);
    }
}

static void *allocate_deep(void *arg)
{
    volatile char pages[3 * 4096];
    pages[0] = pages[sizeof pages - 1] = 1;
    free(opaque(malloc(SIZE)));
    return pages[0] ? arg : NULL;
}

/* libunwind would keep a pipe open, and use whatever has its numbers after this. */
static void closing_all_descriptors_is_safe(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int ends[2], left = -1;
        pthread_t thread;
        close_range(3, ~0U, 0);
        if (pipe(ends) != 0 || ends[0] != 3)
            _exit(1);
        for (int i = 0; i < 50; i++) {
            pthread_create(&thread, NULL, allocate_deep, NULL);
            pthread_join(thread, NULL);
        }
        if (ioctl(ends[0], FIONREAD, &left) != 0 || left != 0)
            _exit(2);
        _exit(write(ends[1], "x", 1) == 1 && read(ends[0], &left, 1) == 1 ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void calloc_is_zero_at_every_rate(void **state)
{
    (void)state;
    static const int64_t rates[] = {0, 1, 4096, 65536};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        lp_rate_set(rates[r]);
        for (int i = 0; i < 200; i++) {
            size_t size = (size_t)(i + 1) * 1000;
            unsigned char *block = opaque(malloc(size));
            memset(block, 0xff, size);
            free(block);
            block = opaque(calloc(10, size / 10));
            for (size_t at = 0; at < size / 10 * 10; at++)
                if (block[at] != 0)
                    fail_msg("byte %zu of %zu is %d at rate %d", at, size, block[at],
                             (int)rates[r]);
            free(block);
        }
    }
    lp_rate_set(1);
}

static void a_sampled_estimate_is_within_its_error(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { BLOCKS = 40000, BYTES = 1733 };
    static void *blocks[BLOCKS];
    int outside = 0;
    for (int run = 0; run < 20; run++) {
        lp_self.random = 1000003u * (unsigned)(run + 1);
        lp_rate_set(65536);
        for (int i = 0; i < BLOCKS; i++)
            blocks[i] = opaque(malloc(BYTES));
        double variance, truth = (double)BLOCKS * BYTES;
        double error = (double)in_use(BYTES, &variance) - truth;
        assert_true(variance > 0);
        outside += fabs(error) > 1.96 * sqrt(variance);
        assert_true(fabs(error) < 5 * sqrt(variance));
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        assert_int_equal(in_use(BYTES, NULL), 0);
    }
    assert_in_range(outside, 0, 4); /* 1 of 20 expected */
    lp_rate_set(1);
}

/* Sizes from 16 bytes to 256 KiB, each doubling as frequent as the next. */
static void a_mixture_is_estimated_without_bias(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { RUNS = 100, BLOCKS = 1200, RATE = 262144 };
    static void *blocks[BLOCKS];
    unsigned short random[3] = {1, 2, 3};
    double bias = 0;
    int inside = 0;
    for (int run = 0; run < RUNS; run++) {
        struct leakprof_stats before, after;
        double truth = 0;
        lp_self.random = 1000003u * (unsigned)(run + 1);
        lp_rate_set(RATE);
        leakprof_stats(&before);
        for (int i = 0; i < BLOCKS; i++) {
            size_t size = (size_t)(16 * exp(erand48(random) * log(16384)));
            blocks[i] = opaque(malloc(size));
            truth += (double)size;
        }
        leakprof_stats(&after);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        double off = (double)(after.heap_inuse_bytes - before.heap_inuse_bytes) - truth;
        inside += fabs(off) <= 1.96 * (double)after.heap_inuse_bytes_error;
        bias += off / truth / RUNS;
    }
    assert_in_range(inside, 90, 99);
    assert_true(fabs(bias) < 0.02); /* one run is off by 9 %, the mean of 100 by 0.9 % */
    lp_rate_set(1);
}

static void frees_are_seen_across_a_change_of_rate(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    static const int64_t rates[] = {1, 524288, 0, 8192, 1, 0};
    for (size_t r = 0; r + 1 < sizeof rates / sizeof *rates; r++) {
        lp_rate_set(rates[r]);
        for (int i = 0; i < N; i++)
            kept[i] = opaque(malloc(7331));
        lp_rate_set(rates[r + 1]);
        for (int i = 0; i < N; i++)
            free(kept[i]);
        assert_int_equal(in_use(7331, NULL), 0);
    }
    lp_rate_set(1);
}

/* One life at four rates. Each phase allocates blocks of its own size and frees some of the phase
 * before it. */
static void figures_are_right_through_a_life_at_four_rates(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { PHASES = 4, BLOCKS = 6000, RUNS = 20 };
    static const int64_t rates[PHASES] = {524288, 1, 0, 4096};
    static const int64_t sizes[PHASES] = {3109, 1511, 2711, 2113};
    static void *blocks[PHASES][BLOCKS];
    double sum[PHASES] = {0}, sum_variance[PHASES] = {0}, variance;
    for (int run = 0; run < RUNS; run++) {
        lp_self.random = 1000003u * (unsigned)(run + 1);
        for (int p = 0; p < PHASES; p++) {
            lp_rate_set(rates[p]);
            for (int i = 0; i < BLOCKS; i++) {
                blocks[p][i] = opaque(malloc((size_t)sizes[p]));
                if (p > 0 && i % 3 == 0) {
                    free(blocks[p - 1][i]);
                    blocks[p - 1][i] = NULL;
                }
            }
        }
        for (int p = 0; p < PHASES; p++) {
            double left = p + 1 < PHASES ? BLOCKS / 3 * 2 : BLOCKS;
            double error = (double)in_use(sizes[p], &variance) - left * (double)sizes[p];
            if (rates[p] == 0)
                assert_int_equal(in_use(sizes[p], NULL), 0);
            else if (rates[p] == 1)
                assert_true(error == 0 && variance == 0);
            else
                assert_true(variance > 0 && fabs(error) < 6 * sqrt(variance));
            sum[p] += error;
            sum_variance[p] += variance;
        }
        lp_rate_set(524288);
        for (int p = 0; p < PHASES; p++)
            for (int i = 0; i < BLOCKS; i++)
                free(blocks[p][i]);
        for (int p = 0; p < PHASES; p++)
            assert_int_equal(in_use(sizes[p], NULL), 0);
    }
    assert_true(fabs(sum[0]) < 3 * sqrt(sum_variance[0]));
    assert_true(fabs(sum[3]) < 3 * sqrt(sum_variance[3]));
    lp_rate_set(1);
}

static void nothing_is_recorded_when_off(void **state)
{
    (void)state;
    lp_rate_set(0);
    void *block = opaque(malloc(9999));
    assert_int_equal(in_use(9999, NULL), 0);
    free(block);
    lp_rate_set(1);
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
    assert_true(trim.done && trim.returned);
    assert_true(trim.free_before > (int64_t)BLOCKS / 10 * 9 * BYTES);
    assert_true(trim.rss_before - trim.rss_after > (int64_t)BLOCKS / 2 * BYTES);
    assert_true(trim.rss_after > 0);
}

static void nothing_was_lost_on_the_way(void **state)
{
    (void)state;
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        if (lp_losses(cause))
            fail_msg("%d lost by %s", (int)lp_losses(cause), lp_loss_name(cause));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_is_counted_when_exact),
        cmocka_unit_test(another_thread_may_free),
        cmocka_unit_test(every_entry_point_is_seen),
        cmocka_unit_test(a_failed_realloc_keeps_the_old_record),
        cmocka_unit_test(errors_are_glibcs),
        cmocka_unit_test(errno_survives_a_sample),
        cmocka_unit_test(closing_all_descriptors_is_safe),
        cmocka_unit_test(calloc_is_zero_at_every_rate),
        cmocka_unit_test(a_sampled_estimate_is_within_its_error),
        cmocka_unit_test(a_mixture_is_estimated_without_bias),
        cmocka_unit_test(frees_are_seen_across_a_change_of_rate),
        cmocka_unit_test(figures_are_right_through_a_life_at_four_rates),
        cmocka_unit_test(nothing_is_recorded_when_off),
        cmocka_unit_test(the_profilers_own_blocks_are_not_the_programs),
        cmocka_unit_test(the_leaf_frame_is_the_caller_of_malloc),
        cmocka_unit_test(a_forked_child_goes_on_with_the_inherited_table),
        cmocka_unit_test(trimming_gives_free_memory_back),
        cmocka_unit_test(nothing_was_lost_on_the_way),
    };
    return cmocka_run_group_tests_name("heap", tests, exact, NULL);
}
