/* The procs profile: every call that makes a child is seen with its stack. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "procs.h"

pid_t bare_fork_here(void);
__attribute__((noinline)) pid_t bare_fork_here(void)
{
    pid_t pid = _Fork();
    if (pid == 0)
        linger();
    return pid;
}

pid_t vfork_here(int status);
__attribute__((noinline)) pid_t vfork_here(int status)
{
    pid_t pid = vfork();
    if (pid == 0)
        _exit(status);
    return pid;
}

static char *const sleeper[] = {"sleep", "100", NULL};
extern char **environ;

pid_t spawn_here(bool by_path);
__attribute__((noinline)) pid_t spawn_here(bool by_path)
{
    pid_t pid = 0;
    int result = by_path ? posix_spawnp(&pid, "sleep", NULL, NULL, sleeper, environ)
                         : posix_spawn(&pid, "/bin/sleep", NULL, NULL, sleeper, environ);
    assert_int_equal(result, 0);
    return pid;
}

pid_t pty_here(int *master);
__attribute__((noinline)) pid_t pty_here(int *master)
{
    pid_t pid = forkpty(master, NULL, NULL, NULL);
    if (pid == 0)
        linger();
    return pid;
}

_Noreturn static int in_clone(void *arg)
{
    (void)arg;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        syscall(SYS_pause);
}

pid_t clone_here(void);
__attribute__((noinline)) pid_t clone_here(void)
{
    static char stack[64 << 10] __attribute__((aligned(16)));
    pid_t pid = clone(in_clone, stack + sizeof stack, SIGCHLD, NULL);
    __asm__ volatile("" : "+r"(pid));
    return pid;
}

static void kill_and_reap(pid_t pid, const char *function)
{
    int status;
    expect(pid, "running", function);
    kill(pid, SIGKILL);
    ended(pid);
    expect(pid, "zombie", function);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    expect_nothing(pid);
}

static void each_call_that_forks_is_seen(void **state)
{
    (void)state;
    int master;
    kill_and_reap(fork_here(), "fork_here");
    kill_and_reap(bare_fork_here(), "bare_fork_here");
    kill_and_reap(spawn_here(false), "spawn_here");
    kill_and_reap(spawn_here(true), "spawn_here");
    kill_and_reap(pty_here(&master), "pty_here");
    close(master);
    kill_and_reap(clone_here(), "clone_here");
}

/* The child of a vfork() has ended, or become something else, when its parent goes on. */
static void the_child_of_a_vfork_is_seen(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = vfork_here(7);
    assert_true(pid > 0);
    ended(pid);
#ifndef LP_SANITIZE_address /* it has a vfork() of its own */
#ifndef LP_SANITIZE_thread
    expect(pid, "zombie", "vfork_here");
#endif
#endif
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    expect_nothing(pid);
}

/* What a vfork() that fails says, and that it comes back once. */
static void a_vfork_may_fail(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        if (setgid(65534) != 0 || setuid(65534) != 0 || setrlimit(RLIMIT_NPROC, &none) != 0)
            _exit(77); /* not root: nothing to be seen here */
        errno = 0;
        pid_t pid = vfork();
        if (pid == 0)
            _exit(3);
        _exit(pid == -1 && errno == EAGAIN ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

static void a_child_that_no_hook_saw_is_there(void **state)
{
    (void)state;
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        in_clone(NULL);
    expect(pid, "running", "");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    expect_nothing(pid);
}

FILE *popen_here(void);
__attribute__((noinline)) FILE *popen_here(void)
{
    FILE *file = popen("exec cat", "w");
    __asm__ volatile("" : "+r"(file));
    return file;
}

static pid_t only_child(void)
{
    struct lp_profile *profile = lp_take(lp_kind_find("procs"));
    pid_t pid = profile->nitems == 1 ? (pid_t)profile->items[0].id : 0;
    lp_profile_free(profile);
    return pid;
}

static void the_process_behind_a_stream_is_seen(void **state)
{
    (void)state;
    FILE *file = popen_here();
    pid_t pid = only_child();
    assert_true(pid > 0);
    expect(pid, "running", "popen_here");
    assert_int_equal(pclose(file), 0);
    expect_nothing(pid);
}

int system_here(const char *command);
__attribute__((noinline)) int system_here(const char *command)
{
    int result = system(command);
    __asm__ volatile("" : "+r"(result));
    return result;
}

static void *run_command(void *command)
{
    return (void *)(intptr_t)system_here(command);
}

static void the_child_in_system_is_seen(void **state)
{
    (void)state;
    pthread_t thread;
    void *result;
    pid_t pid;
    assert_int_equal(pthread_create(&thread, NULL, run_command, "exec sleep 100"), 0);
    while (!(pid = only_child()) || strcmp(look(pid).name, "sleep") != 0)
        usleep(1000);
    expect(pid, "running", "system_here");
    kill(pid, SIGKILL);
    pthread_join(thread, &result);
    assert_true(WIFSIGNALED((int)(intptr_t)result));
    expect_nothing(pid);

    pthread_create(&thread, NULL, run_command, "exec sleep 100");
    while (!(pid = only_child()) || strcmp(look(pid).name, "sleep") != 0)
        usleep(1000);
    pthread_cancel(thread); /* which ends the command, too */
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    struct lp_range left;
    assert_int_equal(lp_ranges_copy(&lp_procs, 0, &left, 1, false), 0);
}

/* Its parent's children are not its own. */
static void a_child_begins_with_none(void **state)
{
    (void)state;
    int status;
    pid_t first = fork_here(), child = fork();
    if (child == 0) {
        bool none = lp_ranges_live(&lp_procs) == 0 && look(first).children == 0;
        pid_t own = fork_here();
        bool one = look(own).children == 1 && !strcmp(look(own).function, "fork_here");
        kill(own, SIGKILL);
        waitpid(own, NULL, 0);
        _exit(!(none && one && look(own).children == 0));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(first, "running", "fork_here");
    kill(first, SIGKILL);
    waitpid(first, NULL, 0);
    expect_nothing(first);
}

static void a_child_that_cannot_be_looked_at_is_not_gone(void **state)
{
    (void)state;
    struct rlimit before, none = {0, 0};
    pid_t pid = fork_here();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    lp_profile_free(lp_take(lp_kind_find("procs")));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    kill_and_reap(pid, "fork_here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_forks_is_seen),
        cmocka_unit_test(the_child_of_a_vfork_is_seen),
        cmocka_unit_test(a_vfork_may_fail),
        cmocka_unit_test(a_child_that_no_hook_saw_is_there),
        cmocka_unit_test(the_process_behind_a_stream_is_seen),
        cmocka_unit_test(the_child_in_system_is_seen),
        cmocka_unit_test(a_child_begins_with_none),
        cmocka_unit_test(a_child_that_cannot_be_looked_at_is_not_gone),
    };
    return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
