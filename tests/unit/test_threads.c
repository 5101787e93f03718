/* The threads profile against threads that this test makes, and what asking them does to them. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "small_stack.h"
#include "profile/take.h"
#include "sys/losses.h"
#include "record/stacks.h"
#include "record/threads.h"

enum { THREADS = 20 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static bool stop;
static sem_t ready;

__attribute__((noinline)) static void block(void)
{
    pthread_mutex_lock(&lock);
    sem_post(&ready);
    while (!stop)
        pthread_cond_wait(&never, &lock);
    pthread_mutex_unlock(&lock);
}

static void *blocked(void *arg)
{
    pthread_setname_np(pthread_self(), "blocked");
    block();
    return arg;
}

static void *deaf(void *arg)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_setname_np(pthread_self(), "deaf");
    block();
    return arg;
}

static void *spinning(void *arg)
{
    sem_post(&ready);
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        ;
    return arg;
}

/* A read that a signal handler without SA_RESTART would break off. */
static void *reading(void *arg)
{
    int *pipe_end = arg;
    char byte;
    sem_post(&ready);
    errno = 0;
    return read(*pipe_end, &byte, 1) == 1 && errno == 0 ? NULL : "the read was broken off";
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    assert_int_equal(pthread_create(thread, NULL, run, arg), 0);
    sem_wait(&ready);
}

static void let_go(pthread_t *threads, int n)
{
    pthread_mutex_lock(&lock);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&never);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    stop = false;
}

static bool passes_through(uint32_t stack, void (*function)(void))
{
    struct lp_stack s = lp_stack_get(stack);
    for (uint32_t i = 0; i < s.nframes; i++)
        if (s.frames[i] - (uintptr_t)function < 512)
            return true;
    return false;
}

static void every_blocked_thread_shows_its_stack(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        start(&threads[i], blocked, NULL);
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    int seen = 0;
    for (size_t i = 0; i < profile->nitems; i++) {
        if (strcmp(profile->items[i].name, "blocked") != 0)
            continue;
        seen++;
        assert_true(passes_through(profile->items[i].stack, block));
        assert_true(profile->items[i].age_ns > -20000000);
    }
    assert_int_equal(seen, THREADS);

    int64_t together = 0; /* all of them in one row */
    for (size_t i = 0; i < profile->nrows; i++)
        if (passes_through(profile->rows[i].stack, block) && profile->rows[i].value[0] > together)
            together = profile->rows[i].value[0];
    assert_in_range(together, THREADS - 2, THREADS);
    lp_profile_free(profile);
    let_go(threads, THREADS);
}

static void a_running_thread_answers(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread;
    start(&thread, spinning, NULL);
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    bool seen = false;
    for (size_t i = 0; i < profile->nitems; i++)
        seen |= passes_through(profile->items[i].stack, (void (*)(void))spinning);
    assert_true(seen);
    lp_profile_free(profile);
    let_go(&thread, 1);
}

static void *cramped(void *arg)
{
    struct small_stack small = small_stack_begin();
    pthread_setname_np(pthread_self(), "cramped");
    block();
    return small_stack_end(&small) ? NULL : arg;
}

static void a_thread_with_a_small_signal_stack_answers(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread;
    void *overrun;
    start(&thread, cramped, "its signal stack was overrun");
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    bool seen = false;
    for (size_t i = 0; i < profile->nitems; i++)
        seen |= !strcmp(profile->items[i].name, "cramped") &&
                passes_through(profile->items[i].stack, block);
    assert_true(seen);
    lp_profile_free(profile);
    pthread_mutex_lock(&lock);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&never);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, &overrun);
    stop = false;
    assert_null(overrun);
}

static void a_deaf_thread_is_shown_and_counted(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread;
    start(&thread, deaf, NULL);
    uint64_t before = lp_losses(LP_LOSS_THREAD_SILENT);
    for (int round = 1; round <= 2; round++) {
        struct lp_profile *profile = lp_take(lp_kind_find("threads"));
        bool seen = false;
        for (size_t i = 0; i < profile->nitems; i++)
            seen |= !strcmp(profile->items[i].name, "deaf") &&
                    profile->items[i].stack == LP_STACK_SILENT;
        assert_true(seen);
        assert_int_equal(lp_losses(LP_LOSS_THREAD_SILENT), before + (uint64_t)round);
        lp_profile_free(profile);
    }
    let_go(&thread, 1);
}

/* How many threads of this process have a signal that they were sent and have not taken. */
static int threads_with_pending_signals(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[64], line[256];
        unsigned long long pending = 0;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/status", entry->d_name);
        FILE *file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file))
            if (sscanf(line, "SigPnd: %llx", &pending) == 1)
                break;
        if (file)
            fclose(file);
        n += pending != 0;
    }
    closedir(dir);
    return n;
}

static void threads_that_block_signals_are_left_alone(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    enum { DEAF = 100 };
    pthread_t threads[DEAF];
    for (int i = 0; i < DEAF; i++)
        start(&threads[i], deaf, NULL);
    for (int round = 0; round < 3; round++)
        lp_profile_free(lp_take(lp_kind_find("threads")));
    assert_in_range(threads_with_pending_signals(), 0, 2);
    let_go(threads, DEAF);
}

static void without_a_free_signal_there_is_an_error_and_no_profile(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    struct sigaction kept[65], ignore = {.sa_handler = SIG_IGN};
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, &ignore, &kept[n]);
    assert_null(lp_take(lp_kind_find("threads")));
    assert_int_equal(errno, EBUSY);
    for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
        sigaction(n, &kept[n], NULL);
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    assert_non_null(profile);
    lp_profile_free(profile);
}

static void a_blocking_read_goes_on(void **state)
{
    (void)state;
    int ends[2];
    pthread_t thread;
    void *complaint;
    assert_int_equal(pipe(ends), 0);
    start(&thread, reading, &ends[0]);
    for (int i = 0; i < 20; i++)
        lp_profile_free(lp_take(lp_kind_find("threads")));
    assert_int_equal(write(ends[1], "x", 1), 1);
    pthread_join(thread, &complaint);
    assert_null(complaint);
    close(ends[0]);
    close(ends[1]);
}

static void *joins(void *arg)
{
    pthread_setname_np(pthread_self(), "joins");
    sem_post(&ready);
    pthread_join(*(pthread_t *)arg, NULL);
    return NULL;
}

static void *locks(void *arg)
{
    pthread_setname_np(pthread_self(), "locks");
    sem_post(&ready);
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return NULL;
}

static void *reads(void *arg)
{
    char byte;
    pthread_setname_np(pthread_self(), "reads");
    sem_post(&ready);
    return read(*(int *)arg, &byte, 1) == 1 ? NULL : arg;
}

/* AddressSanitizer stands in for pthread_mutex_lock(). */
#ifdef LP_SANITIZE_address
#define MUTEX_IS_LIBCS 0
#else
#define MUTEX_IS_LIBCS 1
#endif

/* The state of the one thread of this name; its time in *ns. "" when there is none. */
static const char *state_of(const struct lp_profile *profile, const char *name, int64_t *ns)
{
    for (size_t i = 0; i < profile->nitems; i++)
        if (!strcmp(profile->items[i].name, name)) {
            *ns = profile->items[i].state_ns;
            return profile->items[i].state;
        }
    return "";
}

static void a_wait_says_what_it_is_for_and_since_when(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const char *const names[] = {"reads", "locks", "joins", "blocked"};
    pthread_t threads[4];
    char expected[4][64];
    int64_t ns = -1;
    bool known[4] = {false};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pthread_mutex_lock(&mutex);
    start(&threads[0], reads, &ends[0]);
    start(&threads[1], locks, &mutex);
    start(&threads[2], joins, &threads[1]);
    start(&threads[3], blocked, NULL);

    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    int64_t locker = 0;
    for (size_t i = 0; i < profile->nitems; i++)
        if (!strcmp(profile->items[i].name, "locks"))
            locker = profile->items[i].id;
    snprintf(expected[0], sizeof expected[0], "in read of fd %d", ends[0]);
    snprintf(expected[1], sizeof expected[1], "(mutex held by thread %d)", gettid());
    if (!MUTEX_IS_LIBCS)
        snprintf(expected[1], sizeof expected[1], "in futex");
    snprintf(expected[2], sizeof expected[2], "(join of thread %d)", (int)locker);
    snprintf(expected[3], sizeof expected[3], "(condition)");
    for (int there = 0; there < 4;) { /* they may not have come so far */
        lp_profile_free(profile);
        profile = lp_take(lp_kind_find("threads"));
        for (there = 0; there < 4; there++)
            if (!strstr(state_of(profile, names[there], &ns), expected[there]))
                break;
    }
    lp_profile_free(profile);

    int64_t since = lp_now_ns(); /* from here on they only answer */
    for (int round = 0; round < 3; round++) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        int64_t waited = lp_now_ns() - since;
        profile = lp_take(lp_kind_find("threads"));
        for (int i = 0; i < 4; i++) {
            assert_non_null(strstr(state_of(profile, names[i], &ns), expected[i]));
            assert_true(ns == -1 || ns >= waited); /* -1: the answer itself had to wait */
            known[i] |= ns >= waited;
        }
        lp_profile_free(profile);
    }
    for (int i = 0; i < 4; i++)
        assert_true(known[i]);
    pthread_mutex_unlock(&mutex);
    assert_int_equal(write(ends[1], "x", 1), 1);
    pthread_join(threads[2], NULL);
    pthread_join(threads[0], NULL);
    let_go(&threads[3], 1);
    close(ends[0]);
    close(ends[1]);
}

static int count_recorded(void)
{
    static struct lp_thread threads[2 * THREADS];
    return (int)lp_threads_copy(threads, 2 * THREADS);
}

/* In a child, libc gives new threads the stacks of its parent's, and so their handles. */
static int check_in_child(void)
{
    pthread_t threads[THREADS];
    int before = count_recorded();
    if (before > 1)
        return 1;
    alarm(60);
    pthread_mutex_init(&lock, NULL); /* and the condition: the parent's threads wait for them */
    pthread_cond_init(&never, NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < THREADS; i++)
            start(&threads[i], blocked, NULL);
        if (count_recorded() != before + THREADS)
            return 2;
        let_go(threads, THREADS);
        if (count_recorded() != before)
            return 3;
    }
    return 0;
}

static void a_child_begins_with_one_thread(void **state)
{
    (void)state;
#ifdef LP_SANITIZE_thread
    skip(); /* it allows no threads in a forked child */
#endif
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        start(&threads[i], blocked, NULL);
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(check_in_child());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    let_go(threads, THREADS);
}

static int lock_for_an_hour(pthread_mutex_t *mutex)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 3600;
    return pthread_mutex_timedlock(mutex, &end);
}

static int lock_c11(pthread_mutex_t *mutex)
{
    return mtx_lock((mtx_t *)mutex); /* in glibc the same object */
}

static pthread_mutex_t mutexes[5] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                     PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                     PTHREAD_MUTEX_INITIALIZER};
static pthread_barrier_t all_have_one;

/* Two circles, of three threads and of one, and two threads that wait behind one. They stay until
 * the process ends. */
enum { KNOT = 7 };
static struct {
    const char *name;
    int first, second; /* mutexes; -1: none */
    int (*lock)(pthread_mutex_t *mutex);
    enum lp_deadlock deadlock;
    const char *holder;
} knot[KNOT] = {
    {"knot 0", 0, 1, pthread_mutex_lock, LP_DEADLOCK_MEMBER, "knot 1"},
    {"knot 1", 1, 2, lock_for_an_hour, LP_DEADLOCK_MEMBER, "knot 2"},
    {"knot 2", 2, 0, lock_c11, LP_DEADLOCK_MEMBER, "knot 0"},
    {"itself", 3, 3, pthread_mutex_lock, LP_DEADLOCK_MEMBER, "itself"},
    {"behind", 4, 0, pthread_mutex_lock, LP_DEADLOCK_BEHIND, "knot 0"},
    {"last", -1, 4, pthread_mutex_lock, LP_DEADLOCK_BEHIND, "behind"},
    {"free", -1, -1, NULL, LP_DEADLOCK_NO, NULL},
};

static void *knotted(void *arg)
{
    int i = (int)(intptr_t)arg;
    pthread_setname_np(pthread_self(), knot[i].name);
    if (knot[i].first >= 0)
        pthread_mutex_lock(&mutexes[knot[i].first]);
    pthread_barrier_wait(&all_have_one);
    if (knot[i].second >= 0)
        knot[i].lock(&mutexes[knot[i].second]);
    else
        block();
    return NULL;
}

static const struct lp_item *named(const struct lp_profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->nitems; i++)
        if (!strcmp(profile->items[i].name, name))
            return &profile->items[i];
    return NULL;
}

static bool knot_is_seen(const struct lp_profile *profile)
{
    for (int i = 0; i < KNOT; i++) {
        const struct lp_item *item = named(profile, knot[i].name);
        if (!item || item->deadlock != knot[i].deadlock)
            return false;
        if (knot[i].holder && item->holder != named(profile, knot[i].holder)->id)
            return false;
    }
    return true;
}

static void threads_that_wait_for_each_other_are_a_deadlock(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    if (!MUTEX_IS_LIBCS)
        skip();
    pthread_t thread;
    pthread_barrier_init(&all_have_one, NULL, KNOT);
    for (intptr_t i = 0; i < KNOT; i++)
        assert_int_equal(pthread_create(&thread, NULL, knotted, (void *)i), 0);
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    while (!knot_is_seen(profile)) { /* they may not have come so far */
        lp_profile_free(profile);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        profile = lp_take(lp_kind_find("threads"));
    }
    for (size_t i = 0; i < profile->nitems; i++) { /* nobody else has part in it */
        const struct lp_item *item = &profile->items[i];
        bool ours = false;
        for (int k = 0; k < KNOT; k++)
            ours |= !strcmp(item->name, knot[k].name);
        assert_true(ours || (item->deadlock == LP_DEADLOCK_NO && item->holder == 0));
    }
    lp_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_begins_with_one_thread),
        cmocka_unit_test(every_blocked_thread_shows_its_stack),
        cmocka_unit_test(a_running_thread_answers),
        cmocka_unit_test(a_thread_with_a_small_signal_stack_answers),
        cmocka_unit_test(a_deaf_thread_is_shown_and_counted),
        cmocka_unit_test(threads_that_block_signals_are_left_alone),
        cmocka_unit_test(without_a_free_signal_there_is_an_error_and_no_profile),
        cmocka_unit_test(a_blocking_read_goes_on),
        cmocka_unit_test(a_wait_says_what_it_is_for_and_since_when),
        cmocka_unit_test(threads_that_wait_for_each_other_are_a_deadlock),
    };
    sem_init(&ready, 0, 0);
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
