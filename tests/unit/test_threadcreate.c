/* The threadcreate profile against threads that this test makes, joins, detaches and forgets. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "record/self.h"
#include "profile/take.h"
#include "sys/losses.h"
#include "record/stacks.h"
#include "record/threads.h"

static sem_t begun, may_end;

static void *waits(void *arg)
{
    sem_post(&begun);
    while (sem_wait(&may_end) != 0)
        ;
    return arg;
}

static void *ends_at_once(void *arg)
{
    return arg;
}

static void *exits(void *arg)
{
    pthread_exit(arg);
}

static void *is_cancelled(void *arg)
{
    sem_post(&begun);
    for (;;)
        pause();
    return arg;
}

static int waits_c11(void *arg)
{
    return waits(arg) ? 1337 : 0;
}

/* Each creates by itself, so that its name is in the stack. */
#define CREATOR(name)                                                                              \
    __attribute__((noinline, aligned(512))) static pthread_t name(void *(*run)(void *),            \
                                                                  pthread_attr_t *attr)            \
    {                                                                                              \
        pthread_t thread;                                                                          \
        assert_int_equal(pthread_create(&thread, attr, run, &begun), 0);                           \
        __asm__ volatile("" ::: "memory");                                                         \
        return thread;                                                                             \
    }
CREATOR(create_here)
CREATOR(create_there)

static bool passes_through(uint32_t stack,
                           pthread_t (*function)(void *(*)(void *), pthread_attr_t *))
{
    struct lp_stack s = lp_stack_get(stack);
    for (uint32_t i = 0; i < s.nframes; i++)
        if (s.frames[i] - (uintptr_t)function < 512)
            return true;
    return false;
}

/* What the profile says of the threads that this function created. */
static int64_t created(pthread_t (*function)(void *(*)(void *), pthread_attr_t *),
                       const char *state)
{
    struct lp_profile *profile = lp_take(lp_kind_find("threadcreate"));
    int64_t n = 0;
    assert_non_null(profile);
    for (size_t i = 0; i < profile->nrows; i++)
        if (passes_through(profile->rows[i].stack, function) &&
            (!state || strcmp(profile->rows[i].label_text, state) == 0))
            n += profile->rows[i].value[0];
    lp_profile_free(profile);
    return n;
}

#define UNJOINED "exited, not joined"

static int64_t kernels_threads(void)
{
    int64_t n = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Until the kernel has let all but `n` threads go: a join does not wait for the last of it. */
static void wait_for_threads(int64_t n)
{
    while (kernels_threads() != n)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void wait_for_unjoined(int64_t n)
{
    while (lp_threads_unjoined() != n)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static int64_t threads_before;

static void *tells_its_id(void *arg)
{
    *(pid_t *)arg = gettid();
    return NULL;
}

/* Some runtimes start a thread of their own beside the first one that there is. */
static int count_threads(void **state)
{
    (void)state;
    pthread_t thread;
    pid_t tid;
    if (pthread_create(&thread, NULL, tells_its_id, &tid) != 0 || pthread_join(thread, NULL) != 0)
        return -1;
    while (tgkill(getpid(), tid, 0) == 0)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    threads_before = kernels_threads();
    return 0;
}

static void each_thread_stands_where_it_was_created(void **state)
{
    (void)state;
    enum { HERE = 5, THERE = 3 };
    pthread_t threads[HERE + THERE];
    for (int i = 0; i < HERE + THERE; i++) {
        threads[i] = (i < HERE ? create_here : create_there)(waits, NULL);
        sem_wait(&begun);
    }
    assert_int_equal(created(create_here, "running"), HERE);
    assert_int_equal(created(create_there, "running"), THERE);

    struct lp_profile *profile = lp_take(lp_kind_find("threadcreate"));
    assert_int_equal(lp_profile_total(profile, 0, NULL), kernels_threads());
    lp_profile_free(profile);

    for (int i = 0; i < HERE + THERE; i++)
        sem_post(&may_end);
    for (int i = 0; i < HERE + THERE; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_non_null(result);
    }
    assert_int_equal(created(create_here, NULL), 0);
    assert_int_equal(created(create_there, NULL), 0);
    assert_int_equal(lp_threads_unjoined(), 0);
}

/* ThreadSanitizer loses track of a thread that is cancelled inside a call, knows none of C11's,
 * does not hear of pthread_clockjoin_np(), and allows no threads in a forked child. */
#ifdef LP_SANITIZE_thread
enum { ENDS = 2, UNLIMITED = 0 };
#define pthread_clockjoin_np(thread, value, clock, until)                                          \
    ((void)(until), pthread_join(thread, value))
#else
enum { ENDS = 3, UNLIMITED = 1 };
#endif

static void what_nobody_joins_stays(void **state)
{
    (void)state;
    void *(*const ends[])(void *) = {ends_at_once, exits, is_cancelled};
    pthread_t threads[ENDS];
    for (int i = 0; i < ENDS; i++)
        threads[i] = create_here(ends[i], NULL);
    if (ENDS == 3) {
        sem_wait(&begun);
        pthread_cancel(threads[ENDS - 1]);
    }
    wait_for_threads(threads_before);
    assert_int_equal(lp_threads_unjoined(), ENDS);
    assert_int_equal(created(create_here, UNJOINED), ENDS);
    assert_int_equal(created(create_here, "running"), 0);
    for (int i = 0; i < ENDS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(created(create_here, NULL), 0);
}

static void every_way_to_join_counts(void **state)
{
    (void)state;
    struct timespec later;
    pthread_t threads[4];
    thrd_t c11;
    int result;
    for (int i = 0; i < 4; i++) {
        threads[i] = create_here(waits, NULL);
        sem_wait(&begun);
    }
    if (UNLIMITED) {
        assert_int_equal(thrd_create(&c11, waits_c11, &c11), thrd_success);
        sem_wait(&begun);
    }
    clock_gettime(CLOCK_REALTIME, &later);
    assert_int_equal(pthread_tryjoin_np(threads[0], NULL), EBUSY);
    assert_int_equal(pthread_timedjoin_np(threads[0], NULL, &later), ETIMEDOUT);
    assert_int_equal(created(create_here, "running"), 4);
    for (int i = 0; i < 4 + UNLIMITED; i++)
        sem_post(&may_end);
    later.tv_sec += 3600;
    assert_int_equal(pthread_timedjoin_np(threads[0], NULL, &later), 0);
    assert_int_equal(pthread_clockjoin_np(threads[1], NULL, CLOCK_REALTIME, &later), 0);
    assert_int_equal(pthread_join(threads[2], NULL), 0);
    while ((result = pthread_tryjoin_np(threads[3], NULL)) == EBUSY)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    assert_int_equal(result, 0);
    if (UNLIMITED) {
        assert_int_equal(thrd_join(c11, &result), thrd_success);
        assert_int_equal(result, 1337);
    }
    assert_int_equal(created(create_here, NULL), 0);
    assert_int_equal(lp_threads_unjoined(), 0);
}

static void detached_threads_leave_nothing(void **state)
{
    (void)state;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    create_here(waits, &detached);
    pthread_t later = create_here(waits, NULL);
    pthread_t after = create_here(ends_at_once, NULL);
    pthread_attr_destroy(&detached);
    sem_wait(&begun);
    sem_wait(&begun);
    pthread_detach(later);
    assert_int_equal(created(create_here, "detached"), 2);
    wait_for_unjoined(1);
    pthread_detach(after);
    assert_int_equal(lp_threads_unjoined(), 0);
    sem_post(&may_end);
    sem_post(&may_end);
    wait_for_threads(threads_before);
    assert_int_equal(created(create_here, NULL), 0);
    assert_int_equal(lp_threads_unjoined(), 0);
}

/* The creator's variable may be gone as soon as the thread runs, and must be set when it does. */
struct self {
    pthread_t handle;
    int *good;
};

static void *frees_its_handle(void *arg)
{
    struct self *self = arg;
    if (pthread_equal(self->handle, pthread_self()))
        __atomic_fetch_add(self->good, 1, __ATOMIC_RELAXED);
    memset(self, 0x5a, sizeof *self);
    free(self);
    sem_post(&begun);
    return NULL;
}

static void a_thread_may_free_its_handle(void **state)
{
    (void)state;
    enum { ROUNDS = 300 };
    int good = 0;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < ROUNDS; i++) {
        struct self *self = malloc(sizeof *self);
        self->good = &good;
        assert_int_equal(pthread_create(&self->handle, &detached, frees_its_handle, self), 0);
        sem_wait(&begun);
    }
    pthread_attr_destroy(&detached);
    assert_int_equal(good, ROUNDS);
    wait_for_threads(threads_before);
}

static void *creates_and_joins(void *arg)
{
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, ends_at_once, arg) == 0)
            pthread_join(thread, NULL);
    }
    return arg;
}

/* Handles are used again at once here: none may be taken for another. */
static void no_row_outlives_its_thread(void **state)
{
    (void)state;
    enum { CREATORS = 4 };
    pthread_t threads[CREATORS];
    uint64_t losses = lp_losses_total();
    for (int i = 0; i < CREATORS; i++)
        threads[i] = create_there(creates_and_joins, NULL);
    for (int i = 0; i < 20; i++)
        lp_profile_free(lp_take(lp_kind_find("threadcreate")));
    for (int i = 0; i < CREATORS; i++)
        pthread_join(threads[i], NULL);
    wait_for_threads(threads_before);
    struct lp_profile *profile = lp_take(lp_kind_find("threadcreate"));
    assert_int_equal(lp_profile_total(profile, 0, NULL), threads_before);
    lp_profile_free(profile);
    assert_int_equal(lp_threads_unjoined(), 0);
    assert_int_equal(lp_losses_total(), losses);
}

static void a_failed_creation_leaves_nothing(void **state)
{
    (void)state;
    pthread_attr_t huge;
    pthread_t thread;
    pthread_attr_init(&huge);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 46), 0);
    assert_int_equal(pthread_create(&thread, &huge, ends_at_once, NULL), EAGAIN);
    pthread_attr_destroy(&huge);
    struct lp_profile *profile = lp_take(lp_kind_find("threadcreate"));
    assert_int_equal(lp_profile_total(profile, 0, NULL), kernels_threads());
    lp_profile_free(profile);
}

static void a_child_has_its_own_thread_alone(void **state)
{
    (void)state;
    int status;
    pthread_t running = create_here(waits, NULL), ended = create_here(ends_at_once, NULL);
    sem_wait(&begun);
    wait_for_unjoined(1);
    pid_t child = fork();
    if (child == 0) {
        struct lp_profile *profile = lp_take(lp_kind_find("threadcreate"));
        bool alone =
            profile && lp_profile_total(profile, 0, NULL) == 1 && lp_threads_unjoined() == 0;
        pthread_t thread;
        if (UNLIMITED)
            alone &= pthread_create(&thread, NULL, ends_at_once, NULL) == 0 &&
                     pthread_join(thread, NULL) == 0;
        _exit(alone ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sem_post(&may_end);
    pthread_join(running, NULL);
    pthread_join(ended, NULL);
}

static void threads_know_their_creator(void **state)
{
    (void)state;
    NEEDS_SIGNALS();
    pthread_t thread = create_there(waits, NULL);
    sem_wait(&begun);
    struct lp_profile *profile = lp_take(lp_kind_find("threads"));
    int n = 0;
    for (size_t i = 0; i < profile->nitems; i++)
        n += passes_through(profile->items[i].creator, create_there);
    assert_int_equal(n, 1);
    lp_profile_free(profile);
    sem_post(&may_end);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thread_stands_where_it_was_created),
        cmocka_unit_test(what_nobody_joins_stays),
        cmocka_unit_test(every_way_to_join_counts),
        cmocka_unit_test(detached_threads_leave_nothing),
        cmocka_unit_test(a_thread_may_free_its_handle),
        cmocka_unit_test(no_row_outlives_its_thread),
        cmocka_unit_test(a_failed_creation_leaves_nothing),
        cmocka_unit_test(a_child_has_its_own_thread_alone),
        cmocka_unit_test(threads_know_their_creator),
    };
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    return cmocka_run_group_tests_name("threadcreate", tests, count_threads, NULL);
}
