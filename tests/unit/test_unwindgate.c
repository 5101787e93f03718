/* Forks while a thread is inside libunwind: a child does not count threads that it does not have,
 * and goes on if the thread inside is its own. */
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/self.h"
#include "record/unwindgate.h"

static sem_t inside, enough;

static void *stay(void *arg)
{
    lp_unwind_enter();
    sem_post(&inside);
    sem_wait(&enough);
    lp_unwind_leave();
    return arg;
}

/* The result of check in a child, which is made as if a signal handler had interrupted the profiler
 * in this thread, or not. */
static bool in_child(bool above_holder, bool (*check)(void))
{
    int status = -1;
    lp_self.busy = above_holder;
    pid_t child = fork();
    lp_self.busy = false;
    if (child == 0)
        _exit(check() ? 0 : 1);
    return waitpid(child, &status, 0) == child && status == 0;
}

static bool closed_and_empty(void)
{
    return !lp_unwind_enter() && !lp_unwind_occupied();
}

static bool open_after_leaving(void)
{
    lp_unwind_leave();
    return !lp_unwind_occupied() && lp_unwind_enter();
}

static bool open_at_once(void)
{
    return !lp_unwind_occupied() && lp_unwind_enter();
}

static void a_child_does_not_count_threads_that_it_does_not_have(void **state)
{
    pthread_t thread;
    (void)state;
    sem_init(&inside, 0, 0);
    sem_init(&enough, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, stay, NULL), 0);
    sem_wait(&inside);
    assert_true(in_child(false, closed_and_empty));
    sem_post(&enough);
    pthread_join(thread, NULL);
    assert_false(lp_unwind_occupied());
}

static void a_child_goes_on_where_its_own_thread_was_inside(void **state)
{
    (void)state;
    assert_true(lp_unwind_enter());
    assert_true(in_child(true, open_after_leaving));
    lp_unwind_leave();
}

static void without_anybody_inside_the_child_is_open(void **state)
{
    (void)state;
    assert_true(in_child(false, open_at_once));
    assert_true(lp_unwind_enter());
    lp_unwind_leave();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_does_not_count_threads_that_it_does_not_have),
        cmocka_unit_test(a_child_goes_on_where_its_own_thread_was_inside),
        cmocka_unit_test(without_anybody_inside_the_child_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
