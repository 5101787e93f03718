/* The procs profile: every call that makes a child is seen with its stack, zombies are told from
 * running ones, and who has been waited for is gone. */
#include "unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "snapshot/take.h"
#include "tables/procs.h"
#include "tables/stacks.h"

struct seen {
    char state[16], function[64], name[32];
    int children;
};

static struct seen look(pid_t pid)
{
    struct seen seen = {0};
    struct lp_profile *profile = lp_take(lp_kind_find("procs"));
    assert_non_null(profile);
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        seen.children++;
        if (item->id != pid)
            continue;
        assert_string_equal(seen.state, ""); /* nothing twice */
        assert_true(item->age_ns >= 0);
        snprintf(seen.state, sizeof seen.state, "%s", item->state);
        snprintf(seen.name, sizeof seen.name, "%s", item->name);
        struct lp_stack stack = lp_stack_get(item->stack);
        Dl_info info;
        if (stack.nframes && dladdr((void *)stack.frames[0], &info) && info.dli_sname)
            snprintf(seen.function, sizeof seen.function, "%s", info.dli_sname);
    }
    assert_int_equal(lp_profile_total(profile, 0, NULL), seen.children);
    lp_profile_free(profile);
    return seen;
}

static void ended(pid_t pid)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
}

static void expect(pid_t pid, const char *state, const char *function)
{
    struct seen seen = look(pid);
    assert_string_equal(seen.state, state);
    assert_string_equal(seen.function, function);
}

static void expect_nothing(pid_t pid)
{
    assert_string_equal(look(pid).state, "");
    assert_int_equal(lp_ranges_live(&lp_procs), 0);
}

/* A child that lives until it is killed, or the test ends. */
_Noreturn static void linger(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

pid_t fork_here(void);
__attribute__((noinline)) pid_t fork_here(void)
{
    pid_t pid = fork();
    if (pid == 0)
        linger();
    return pid;
}

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

static void each_call_that_waits_is_heard(void **state)
{
    (void)state;
    struct rusage usage;
    siginfo_t info;
    for (int way = 0; way < 7; way++) {
        pid_t pid = fork_here(), got = 0;
        kill(pid, SIGKILL);
        ended(pid);
        assert_int_equal(lp_ranges_live(&lp_procs), 1);
        switch (way) {
        case 0:
            got = wait(NULL);
            break;
        case 1:
            got = waitpid(-1, NULL, 0);
            break;
        case 2:
            got = wait3(NULL, 0, &usage);
            break;
        case 3:
            got = wait4(pid, NULL, 0, NULL);
            break;
        case 4:
            assert_int_equal(waitid(P_ALL, 0, &info, WEXITED), 0);
            got = info.si_pid;
            break;
        case 5:
            assert_int_equal(waitid(P_PID, (id_t)pid, NULL, WEXITED), 0);
            got = pid;
            break;
        default:
            got = (pid_t)syscall(SYS_wait4, pid, NULL, 0, NULL); /* behind our back */
            assert_int_equal(look(pid).children, 0);
        }
        assert_int_equal(got, pid);
        expect_nothing(pid);
    }
}

static void a_stopped_child_is_not_gone(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork_here();
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    expect(pid, "running", "fork_here");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    expect_nothing(pid);
}

static void nobody_waits_where_sigchld_is_ignored(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = fork_here();
    expect(pid, "running", "fork_here");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), -1); /* returns when it is gone */
    look(pid);
    expect_nothing(pid);
    signal(SIGCHLD, SIG_DFL);
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

static void the_figures_say_how_many(void **state)
{
    (void)state;
    struct lp_process_figures figures;
    pid_t running = fork_here(), over = fork_here();
    kill(over, SIGKILL);
    ended(over);
    lp_process_figures(&figures);
    assert_int_equal(figures.children, 2);
    assert_int_equal(figures.zombies, 1);
    kill(running, SIGKILL);
    waitpid(running, NULL, 0);
    waitpid(over, NULL, 0);
    lp_process_figures(&figures);
    assert_int_equal(figures.children, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_forks_is_seen),
        cmocka_unit_test(the_child_of_a_vfork_is_seen),
        cmocka_unit_test(a_vfork_may_fail),
        cmocka_unit_test(each_call_that_waits_is_heard),
        cmocka_unit_test(a_stopped_child_is_not_gone),
        cmocka_unit_test(nobody_waits_where_sigchld_is_ignored),
        cmocka_unit_test(a_child_that_no_hook_saw_is_there),
        cmocka_unit_test(the_process_behind_a_stream_is_seen),
        cmocka_unit_test(the_child_in_system_is_seen),
        cmocka_unit_test(a_child_begins_with_none),
        cmocka_unit_test(the_figures_say_how_many),
    };
    return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
