/* The CPU profile against threads that this test makes, and what it leaves behind: nothing. Nothing
 * here goes by the wall clock, only by CPU time that was used. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "small_stack.h"
#include "profile/cpu.h"
#include "profile/window.h"
#include "sys/pages.h"
#include "record/stacks.h"

enum { ENOUGH_MS = 200, WAITING = 20, PLACE = 1024 };

/* Functions that samples are looked for in: an address within PLACE of one is in it. */
#define PLACED __attribute__((noinline, aligned(1024)))

static atomic_bool stop;
static sem_t ready;

static int64_t used_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* errno is another thread's business as much as a handler's. */
PLACED static const char *burn(int ms)
{
    int64_t until = used_ms() + ms;
    errno = EDOM;
    while (used_ms() < until)
        for (int i = 0; i < 100000; i++)
            __asm__ volatile("");
    return errno == EDOM ? NULL : "errno was changed";
}

PLACED static void block(void)
{
    sem_post(&ready);
    while (!atomic_load(&stop))
        usleep(1000);
}

PLACED static void *burning(void *arg)
{
    const char *complaint = burn(ENOUGH_MS);
    __asm__ volatile("" ::"r"(arg)); /* a call, not a jump */
    return (void *)complaint;
}

static void *waiting(void *arg)
{
    block();
    return arg;
}

/* Not by way of our hook: the thread does not say that it begins. */
static void create_unheard(pthread_t *thread, void *(*run)(void *), void *arg)
{
    __typeof__(&pthread_create) create =
        (__typeof__(&pthread_create))dlsym(RTLD_NEXT, "pthread_create");
    assert_int_equal(create(thread, NULL, run, arg), 0);
}

static struct lp_window open_at(int hz)
{
    struct lp_window window;
    assert_int_equal(lp_window_open(&window, lp_kind_find("profile"), hz), 0);
    return window;
}

static bool passes_through(uint32_t stack, void *function)
{
    struct lp_stack s = lp_stack_get(stack);
    for (uint32_t i = 0; i < s.nframes; i++)
        if (s.frames[i] - (uintptr_t)function < PLACE)
            return true;
    return false;
}

/* CPU time of the stacks that pass through a function, in ms. */
static int64_t ms_in(const struct lp_profile *profile, void *function)
{
    int64_t ns = 0;
    for (size_t i = 0; i < profile->nrows; i++)
        if (passes_through(profile->rows[i].stack, function))
            ns += profile->rows[i].value[1];
    return ns / 1000000;
}

/* The same, with what was held back and is in no sample: a machine that has other things to do lets
 * the clock's ticks come late, and a sample that comes too late does not count for where it is. */
static int64_t at_most_ms_in(const struct lp_profile *profile, void *function)
{
    return ms_in(profile, function) + lp_cpu_of(profile)->held_ns / 1000000;
}

static void join(pthread_t thread)
{
    void *complaint;
    assert_int_equal(pthread_join(thread, &complaint), 0);
    assert_null(complaint);
}

/* The number of real-time signals that have a handler. */
static int signals_taken(void)
{
    int n = 0;
    for (int i = SIGRTMIN; i <= SIGRTMAX; i++) {
        struct sigaction action;
        sigaction(i, NULL, &action);
        n += action.sa_handler != SIG_DFL;
    }
    return n;
}

static int highest_taken(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    int n = SIGRTMAX;
    while (sigaction(n, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        n--;
    return n;
}

static void cpu_time_is_where_it_was_used(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t threads[WAITING + 1];
    for (int i = 0; i < WAITING; i++) {
        pthread_create(&threads[i], NULL, waiting, NULL);
        sem_wait(&ready);
    }
    struct lp_window window = open_at(1000);
    create_unheard(&threads[WAITING], burning, NULL);
    while (lp_window_look(&window) && burn(1) == NULL && pthread_tryjoin_np(threads[WAITING], NULL))
        ;
    struct lp_profile *profile = lp_window_close(&window);
    assert_non_null(profile);

    int64_t ms = lp_profile_total(profile, 1, NULL) / 1000000;
    assert_int_equal(profile->period, 1000000);
    assert_int_equal(lp_profile_total(profile, 0, NULL), ms);
    assert_int_equal(lp_cpu_of(profile)->sampled_ns / 1000000, ms);
    assert_in_range(ms, 1, lp_cpu_of(profile)->program_ns / 1000000 + 50);
    assert_true(at_most_ms_in(profile, burning) >= ENOUGH_MS / 2);
    assert_true(ms_in(profile, burning) <= ENOUGH_MS * 3 / 2);
    assert_true(ms_in(profile, burn) >= ms / 2); /* those that wait use some, too */
    assert_true(ms_in(profile, block) < ms / 2);
    assert_true(profile->duration_ns > 0);
    assert_true(lp_cpu_of(profile)->born >= 1);
    assert_int_equal(lp_cpu_of(profile)->unsampled, 0);

    int64_t leaves = 0; /* the interrupted address itself is in the function */
    for (size_t i = 0; i < profile->nrows; i++)
        if (lp_stack_get(profile->rows[i].stack).frames[0] - (uintptr_t)burn < PLACE)
            leaves += profile->rows[i].value[0];
    assert_true(leaves >= ms / 2);
    lp_profile_free(profile);

    atomic_store(&stop, true);
    for (int i = 0; i < WAITING; i++)
        join(threads[i]);
    atomic_store(&stop, false);
}

static void there_is_one_at_a_time_and_nothing_left_of_it(void **state)
{
    (void)state;
    int taken = signals_taken();
    for (int round = 0; round < 3; round++) {
        struct lp_window window = open_at(100), second;
        assert_int_equal(signals_taken(), taken + 1);
        assert_int_equal(lp_window_open(&second, lp_kind_find("profile"), 100), -EALREADY);
        lp_window_drop(&second);
        if (round == 1)
            lp_window_drop(&window);
        else
            lp_profile_free(lp_window_close(&window));
        assert_int_equal(signals_taken(), taken);
    }
    assert_in_range(lp_own_bytes(LP_OWN_CPU), 1, 4 << 20);
}

static void a_thread_that_says_that_it_begins_needs_no_look(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread;
    struct lp_window window = open_at(1000);
    pthread_create(&thread, NULL, burning, NULL);
    join(thread);
    struct lp_profile *profile = lp_window_close(&window);
    assert_true(at_most_ms_in(profile, burning) >= ENOUGH_MS / 2);
    assert_true(ms_in(profile, burning) <= ENOUGH_MS * 3 / 2);
    assert_int_equal(lp_cpu_of(profile)->born, 1);
    assert_true(lp_cpu_of(profile)->late_ns < 50000000);
    lp_profile_free(profile);
}

static sem_t closed;

/* Burns with all signals blocked, and lets the one that waits come when the window has closed. */
PLACED static void *deaf(void *arg)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &kept);
    const char *complaint = burn(ENOUGH_MS);
    if (arg)
        pthread_sigmask(SIG_SETMASK, &kept, NULL);
    sem_post(&ready);
    sem_wait(&closed);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return (void *)complaint;
}

static void a_signal_that_comes_late_does_no_harm(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    for (int early = 0; early < 2; early++) {
        pthread_t thread;
        struct lp_window window = open_at(1000);
        pthread_create(&thread, NULL, deaf, early ? &stop : NULL);
        while (lp_window_look(&window) && sem_trywait(&ready) != 0)
            usleep(1000);
        if (!early) /* older kernels leave the signal of a timer that has gone pending */
            pthread_kill(thread, highest_taken());
        struct lp_profile *profile = lp_window_close(&window);
        sem_post(&closed);
        join(thread);
        if (early) /* one sample, which does not stand for all that time */
            assert_true(lp_cpu_of(profile)->held_ns > 0 && ms_in(profile, deaf) < ENOUGH_MS / 2);
        else
            assert_int_equal(ms_in(profile, deaf), 0);
        assert_true(lp_cpu_of(profile)->program_ns - lp_cpu_of(profile)->sampled_ns >
                    ENOUGH_MS * INT64_C(500000));
        lp_profile_free(profile);
    }
}

static void it_ends_when_the_program_takes_the_signal(void **state)
{
    (void)state;
    struct sigaction kept[65];
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, NULL, &kept[n]);
    struct lp_window window = open_at(1); /* none is due that soon */
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, &kept[n], NULL);
    lp_window_look(&window);
    burn(ENOUGH_MS);
    struct lp_profile *profile = lp_window_close(&window);
    assert_true(lp_cpu_of(profile)->cut_short);
    lp_profile_free(profile);
    window = open_at(100);
    profile = lp_window_close(&window);
    assert_false(lp_cpu_of(profile)->cut_short);
    lp_profile_free(profile);
}

static void without_a_free_signal_there_is_an_error(void **state)
{
    (void)state;
    struct sigaction kept[65], ignore = {.sa_handler = SIG_IGN};
    struct lp_window window;
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, &ignore, &kept[n]);
    assert_int_equal(lp_window_open(&window, lp_kind_find("profile"), 100), -EBUSY);
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, &kept[n], NULL);
    window = open_at(100);
    lp_window_drop(&window);
}

static void threads_without_a_timer_are_counted(void **state)
{
    (void)state;
    pthread_t threads[WAITING];
    for (int i = 0; i < WAITING; i++) {
        pthread_create(&threads[i], NULL, waiting, NULL);
        sem_wait(&ready);
    }
    struct rlimit kept, none;
    getrlimit(RLIMIT_SIGPENDING, &kept);
    none = (struct rlimit){0, kept.rlim_max};
    setrlimit(RLIMIT_SIGPENDING, &none);
    struct lp_window window = open_at(100);
    lp_window_look(&window);
    setrlimit(RLIMIT_SIGPENDING, &kept);
    struct lp_profile *profile = lp_window_close(&window);
    assert_true(lp_cpu_of(profile)->unsampled >= WAITING + 1);
    assert_int_equal(lp_cpu_of(profile)->threads, 0);
    lp_profile_free(profile);
    atomic_store(&stop, true);
    for (int i = 0; i < WAITING; i++)
        join(threads[i]);
    atomic_store(&stop, false);
}

static void a_child_of_the_window_is_not_in_it(void **state)
{
    (void)state;
    int status = -1, taken = signals_taken();
    struct lp_window window = open_at(1000);
    pid_t child = fork();
    if (child == 0) {
        if (signals_taken() != taken || burn(50))
            _exit(1);
        struct lp_window own;
        if (lp_window_open(&own, lp_kind_find("profile"), 1000) != 0)
            _exit(2);
        burn(ENOUGH_MS);
        struct lp_profile *profile = lp_window_close(&own);
        bool good = profile && (!SIGNALS_ARRIVE || at_most_ms_in(profile, burn) > ENOUGH_MS / 2);
        _exit(good ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    burn(ENOUGH_MS);
    struct lp_profile *profile = lp_window_close(&window);
    assert_true(!SIGNALS_ARRIVE || at_most_ms_in(profile, burn) > ENOUGH_MS / 2);
    lp_profile_free(profile);
}

PLACED static void *cramped(void *arg)
{
    struct small_stack small = small_stack_begin();
    const char *complaint = burn(ENOUGH_MS);
    return small_stack_end(&small) ? (void *)complaint : arg;
}

static void a_small_signal_stack_is_enough(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread;
    void *complaint;
    struct lp_window window = open_at(1000);
    pthread_create(&thread, NULL, cramped, "its signal stack was overrun");
    while (lp_window_look(&window) && pthread_tryjoin_np(thread, &complaint) != 0)
        usleep(1000);
    struct lp_profile *profile = lp_window_close(&window);
    assert_null(complaint);
    assert_true(at_most_ms_in(profile, cramped) > ENOUGH_MS / 2);
    lp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_time_is_where_it_was_used),
        cmocka_unit_test(there_is_one_at_a_time_and_nothing_left_of_it),
        cmocka_unit_test(a_thread_that_says_that_it_begins_needs_no_look),
        cmocka_unit_test(a_signal_that_comes_late_does_no_harm),
        cmocka_unit_test(it_ends_when_the_program_takes_the_signal),
        cmocka_unit_test(without_a_free_signal_there_is_an_error),
        cmocka_unit_test(threads_without_a_timer_are_counted),
        cmocka_unit_test(a_child_of_the_window_is_not_in_it),
        cmocka_unit_test(a_small_signal_stack_is_enough),
    };
    sem_init(&ready, 0, 0);
    sem_init(&closed, 0, 0);
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
