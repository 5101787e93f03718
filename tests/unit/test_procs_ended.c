/* The procs profile: a child that has ended is a zombie until it is waited for, and then gone. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include "procs.h"

#include "inspect/process.h"

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
        assert_int_equal(lp_ranges_live(&lp_procs), 0); /* before a look finds that it is gone */
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
        cmocka_unit_test(each_call_that_waits_is_heard),
        cmocka_unit_test(a_stopped_child_is_not_gone),
        cmocka_unit_test(nobody_waits_where_sigchld_is_ignored),
        cmocka_unit_test(the_figures_say_how_many),
    };
    return cmocka_run_group_tests_name("procs_ended", tests, NULL, NULL);
}
