/* The block and mutex profiles: sampling is unbiased and knows its error, holders of locks are
 * charged for all that others waited and for no more, and the profiler's own waits are not in it.
 */
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "record/self.h"
#include "record/waits.h"
#include "leakprof.h"
#include "profile/take.h"
#include "record/contention.h"
#include "record/capacity.h"
#include "sys/losses.h"
#include "record/stacks.h"

enum { SECOND = 1000000000, DRAWS = 20000 };

static struct lp_profile *take(const char *name)
{
    int previous = lp_own_enter();
    struct lp_profile *profile = lp_take(lp_kind_find(name));
    lp_own_leave(previous);
    assert_non_null(profile);
    return profile;
}

struct totals {
    int64_t count, ns;
    double count_error, ns_error;
};

static struct totals totals(const struct lp_profile *profile)
{
    struct totals t;
    t.count = lp_profile_total(profile, 0, &t.count_error);
    t.ns = lp_profile_total(profile, 1, &t.ns_error);
    return t;
}

static struct totals gained(const struct lp_profile *from, const struct lp_profile *to)
{
    struct lp_profile *diff = lp_profile_diff(from, to);
    struct totals t = totals(diff);
    lp_profile_free(diff);
    return t;
}

static void near(double value, double wanted, double error)
{
    assert_true(error > 0 && fabs(value - wanted) <= 6 * error);
}

__attribute__((noinline)) static void wait_for(int64_t ns)
{
    lp_waited(ns, __builtin_return_address(0));
}

__attribute__((noinline)) static void keep_waiting(int64_t ns)
{
    lp_wait_caused(ns, __builtin_return_address(0));
}

static void short_waits_are_scaled_up_without_bias(void **state)
{
    (void)state;
    enum { RATE = 1000000, SHORT = 50000 }; /* one in twenty */
    lp_waits_rate_set(LP_WAITS_BLOCK, RATE);
    struct lp_profile *before = take("block");
    for (int i = 0; i < DRAWS; i++)
        wait_for(SHORT);
    struct lp_profile *after = take("block");
    struct totals t = gained(before, after);
    near((double)t.count, DRAWS, t.count_error);
    near((double)t.ns, (double)DRAWS * SHORT, t.ns_error);
    /* The error that it knows is the one that there is: sqrt(n (1 - p) / p) */
    double true_error = sqrt(DRAWS * 19.0);
    assert_true(t.count_error > true_error * 0.8 && t.count_error < true_error * 1.2);
    lp_profile_free(before);
    lp_profile_free(after);
}

static void long_waits_are_exact(void **state)
{
    (void)state;
    lp_waits_rate_set(LP_WAITS_BLOCK, 1000);
    struct lp_profile *before = take("block");
    for (int i = 0; i < 100; i++)
        wait_for(1000 + i);
    struct lp_profile *after = take("block");
    struct totals t = gained(before, after);
    assert_int_equal(t.count, 100);
    assert_int_equal(t.ns, 100 * 1000 + 99 * 100 / 2);
    assert_true(t.count_error == 0 && t.ns_error == 0);
    lp_profile_free(before);
    lp_profile_free(after);
}

static void one_unlock_in_n_stands_for_n(void **state)
{
    (void)state;
    lp_waits_rate_set(LP_WAITS_MUTEX, 10);
    struct lp_profile *before = take("mutex");
    for (int i = 0; i < DRAWS; i++)
        keep_waiting(700);
    struct lp_profile *after = take("mutex");
    struct totals t = gained(before, after);
    near((double)t.count, DRAWS, t.count_error);
    near((double)t.ns, (double)DRAWS * 700, t.ns_error);
    assert_int_equal(t.ns, t.count * 700);
    lp_waits_rate_set(LP_WAITS_MUTEX, 1);
    keep_waiting(5);
    struct lp_profile *last = take("mutex");
    t = gained(after, last);
    assert_int_equal(t.count, 1);
    assert_int_equal(t.ns, 5);
    assert_true(t.count_error == 0); /* what was estimated before does not blur it */
    lp_profile_free(before);
    lp_profile_free(after);
    lp_profile_free(last);
}

static void off_records_nothing(void **state)
{
    (void)state;
    lp_waits_rate_set(LP_WAITS_BLOCK, 0);
    lp_waits_rate_set(LP_WAITS_MUTEX, 0);
    assert_int_equal(lp_waits_on, 0);
    struct lp_profile *block = take("block"), *mutex = take("mutex");
    assert_int_equal(lp_wait_begin(), 0);
    wait_for(SECOND);
    keep_waiting(SECOND);
    struct lp_profile *block2 = take("block"), *mutex2 = take("mutex");
    assert_int_equal(gained(block, block2).count, 0);
    assert_int_equal(gained(mutex, mutex2).count, 0);
    assert_non_null(block->note);
    assert_int_equal(leakprof_set_block_rate(-1), -EINVAL);
    assert_int_equal(leakprof_set_mutex_fraction((INT64_C(1) << 40) + 1), -EINVAL);
    assert_int_equal(leakprof_set_block_rate(5), 0);
    assert_int_equal(leakprof_set_mutex_fraction(6), 0);
    assert_int_equal(lp_waits_rate(LP_WAITS_BLOCK), 5);
    assert_int_equal(lp_waits_rate(LP_WAITS_MUTEX), 6);
    assert_int_not_equal(lp_waits_on, 0);
    lp_profile_free(block);
    lp_profile_free(mutex);
    lp_profile_free(block2);
    lp_profile_free(mutex2);
}

static void the_profilers_own_waits_are_not_recorded(void **state)
{
    (void)state;
    lp_waits_rate_set(LP_WAITS_BLOCK, 1);
    struct lp_profile *before = take("block");
    int previous = lp_own_enter();
    assert_int_equal(lp_wait_begin(), 0);
    wait_for(SECOND);
    lp_own_leave(previous);
    lp_self.busy = true;
    wait_for(SECOND);
    lp_self.busy = false;
    struct lp_profile *after = take("block");
    assert_int_equal(gained(before, after).count, 0);
    lp_profile_free(before);
    lp_profile_free(after);
}

/* Charged at least this, and no more than what has passed on top of it since `from`. */
static void charged(const void *lock, int64_t least, int64_t waiters, int64_t from)
{
    int64_t ns = lp_contention_charge(lock);
    assert_true(ns >= least && ns <= least + waiters * (lp_now_ns() - from));
}

static void a_holder_is_charged_for_every_moment_once(void **state)
{
    (void)state;
    int lock, other;
    int64_t now = lp_now_ns();
    assert_int_equal(lp_contended, 0);
    assert_int_equal(lp_contention_charge(&lock), 0);
    uint32_t first = lp_contention_begin(&lock, now - 3 * (int64_t)SECOND);
    uint32_t second = lp_contention_begin(&lock, now - 1 * (int64_t)SECOND);
    uint32_t third = lp_contention_begin(&other, now - 7 * (int64_t)SECOND);
    assert_true(first && second && third);
    assert_int_equal(lp_contended, 2);
    charged(&lock, 4 * (int64_t)SECOND, 2, now);
    int64_t between = lp_now_ns();
    charged(&lock, 0, 2, now); /* both go on waiting, for the next holder */
    lp_contention_end(&lock, first, now - 3 * (int64_t)SECOND, lp_now_ns(), false);
    charged(&lock, 0, 1, between);
    /* Who gives up leaves a debt of what he waited since the last one was charged. */
    lp_contention_end(&lock, second, now - 1 * (int64_t)SECOND, lp_now_ns() + SECOND, true);
    assert_int_equal(lp_contended, 2);
    charged(&lock, SECOND, 1, between);
    assert_int_equal(lp_contended, 1);
    lp_contention_refund(&lock, 55);
    assert_int_equal(lp_contended, 2);
    assert_int_equal(lp_contention_charge(&lock), 55);
    lp_contention_end(&other, third, now - 7 * (int64_t)SECOND, lp_now_ns(), false);
    assert_int_equal(lp_contended, 0);
}

static void more_locks_than_there_is_room_for_are_losses(void **state)
{
    (void)state;
    enum { N = 2 * LP_CONTENDED_MAX };
    static char locks[N][64];
    static uint32_t begun[N];
    uint64_t before = lp_losses(LP_LOSS_LOCKS_FULL);
    int64_t now = lp_now_ns();
    uint32_t n = 0;
    for (int i = 0; i < N; i++)
        n += (begun[i] = lp_contention_begin(locks[i], now)) != 0;
    assert_true(n > 0 && n <= LP_CONTENDED_MAX);
    assert_int_equal(lp_contended, n);
    assert_int_equal(lp_losses(LP_LOSS_LOCKS_FULL) - before, N - n);
    for (int i = 0; i < N; i++)
        if (begun[i])
            lp_contention_end(locks[i], begun[i], now, now, false);
    assert_int_equal(lp_contended, 0);
}

static void in_a_forked_child_nobody_waits(void **state)
{
    (void)state;
    int lock, status = -1;
    int64_t now = lp_now_ns();
    uint32_t begun = lp_contention_begin(&lock, now);
    assert_true(begun);
    pid_t child = fork();
    if (child == 0) {
        bool empty = lp_contended == 0 && lp_contention_charge(&lock) == 0;
        lp_contention_end(&lock, begun, now, lp_now_ns(),
                          false); /* one that was interrupted by it */
        _exit(empty && lp_contended == 0 && lp_contention_begin(&lock, now) && lp_contended == 1
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(lp_contended, 1);
    lp_contention_end(&lock, begun, now, lp_now_ns(), false);
}

#ifndef LP_SANITIZE_thread /* whose eyes the program's locks have to meet */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *hold_and_let_go(void *arg)
{
    pthread_mutex_lock(&mutex);
    sem_post(arg);
    while (lp_contended == 0)
        usleep(100);
    usleep(2000);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void a_contended_lock_is_in_both_profiles(void **state)
{
    (void)state;
    pthread_t thread;
    sem_t held;
    sem_init(&held, 0, 0);
    lp_waits_rate_set(LP_WAITS_BLOCK, 0);
    lp_waits_rate_set(LP_WAITS_MUTEX, 1);
    pthread_create(&thread, NULL, hold_and_let_go, &held);
    sem_wait(&held);
    lp_waits_rate_set(LP_WAITS_BLOCK, 1);
    struct lp_profile *block = take("block"), *caused = take("mutex");
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    lp_waits_rate_set(LP_WAITS_BLOCK, 0);
    pthread_join(thread, NULL);
    struct lp_profile *block2 = take("block"), *caused2 = take("mutex");
    struct totals waited = gained(block, block2), made = gained(caused, caused2);
    assert_int_equal(waited.count, 1);
    assert_int_equal(made.count, 1);
    assert_true(waited.ns >= made.ns && made.ns >= 2000000); /* the holder slept so long */
    assert_int_equal(lp_contended, 0);
    lp_profile_free(block);
    lp_profile_free(caused);
    lp_profile_free(block2);
    lp_profile_free(caused2);
    sem_destroy(&held);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_waits_are_scaled_up_without_bias),
        cmocka_unit_test(long_waits_are_exact),
        cmocka_unit_test(one_unlock_in_n_stands_for_n),
        cmocka_unit_test(off_records_nothing),
        cmocka_unit_test(the_profilers_own_waits_are_not_recorded),
        cmocka_unit_test(a_holder_is_charged_for_every_moment_once),
        cmocka_unit_test(more_locks_than_there_is_room_for_are_losses),
        cmocka_unit_test(in_a_forked_child_nobody_waits),
#ifndef LP_SANITIZE_thread
        cmocka_unit_test(a_contended_lock_is_in_both_profiles),
#endif
    };
    return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
