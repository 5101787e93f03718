/* The fds profile: every call that makes a descriptor is seen with its stack, every one that closes
 * it too, and the rows are what the kernel has. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/self.h"
#include "snapshot/take.h"
#include "tables/stacks.h"

/* The kind that the profile gives this descriptor, NULL when it has none; `here`: with a stack. */
static const char *kind_of(int fd, bool *here)
{
    static char kind[32];
    struct lp_profile *profile = lp_take(lp_kind_find("fds"));
    bool found = false;
    for (size_t i = 0; i < profile->nitems; i++) {
        if (profile->items[i].id != fd)
            continue;
        found = true;
        *here = profile->items[i].stack >= LP_STACK_FIRST;
        snprintf(kind, sizeof kind, "%s", profile->items[i].name);
    }
    lp_profile_free(profile);
    return found ? kind : NULL;
}

static void expect(int fd, const char *kind)
{
    bool here = false;
    assert_true(fd >= 0);
    assert_string_equal(kind_of(fd, &here), kind);
    assert_true(here);
}

static void expect_and_close(int fd, const char *kind)
{
    bool here;
    expect(fd, kind);
    assert_int_equal(close(fd), 0);
    assert_null(kind_of(fd, &here));
}

static void each_call_that_opens_is_seen(void **state)
{
    (void)state;
    int pair[2];
    sigset_t none;
    sigemptyset(&none);
    expect_and_close(open("/etc/passwd", O_RDONLY), "file");
    expect_and_close(openat(AT_FDCWD, "/dev/null", O_RDONLY), "device");
    expect_and_close(socket(AF_INET, SOCK_STREAM, 0), "tcp socket");
    expect_and_close(socket(AF_INET, SOCK_DGRAM, 0), "udp socket");
    expect_and_close(socket(AF_UNIX, SOCK_STREAM, 0), "unix socket");
    expect_and_close(epoll_create1(0), "epoll");
    expect_and_close(eventfd(0, 0), "eventfd");
    expect_and_close(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
    expect_and_close(signalfd(-1, &none, 0), "signalfd");
    expect_and_close(inotify_init1(0), "inotify");
    expect_and_close(memfd_create("x", 0), "memfd");
    expect_and_close(dup(0), kind_of(0, &(bool){false}));
    expect_and_close(fcntl(0, F_DUPFD_CLOEXEC, 100), kind_of(0, &(bool){false}));
    assert_int_equal(pipe(pair), 0);
    expect_and_close(pair[0], "pipe");
    expect_and_close(pair[1], "pipe");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    expect_and_close(pair[0], "unix socket");
    expect(pair[1], "unix socket");
    assert_int_equal(dup2(pair[1], 300), 300);
    expect_and_close(300, "unix socket");
    assert_int_equal(close_range((unsigned)pair[1], (unsigned)pair[1], 0), 0);
    assert_null(kind_of(pair[1], &(bool){false}));
}

static void streams_and_directories_are_seen(void **state)
{
    (void)state;
    FILE *file = fopen("/etc/passwd", "r");
    int fd = fileno(file);
    expect(fd, "file");
    fclose(file);
    assert_null(kind_of(fd, &(bool){false}));
    DIR *dir = opendir("/etc");
    fd = dirfd(dir);
    expect(fd, "file");
    closedir(dir);
    assert_null(kind_of(fd, &(bool){false}));
    file = popen("exit 0", "r");
    fd = fileno(file);
    expect(fd, "pipe");
    pclose(file);
    assert_null(kind_of(fd, &(bool){false}));
    file = freopen("/etc/passwd", "r", tmpfile());
    expect(fileno(file), "file");
    fclose(file);
}

static void a_mode_reaches_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/leakprof-mode-XXXXXX";
    int fd = mkstemp(path);
    expect_and_close(fd, "file");
    unlink(path);
    char tailed[] = "/tmp/leakprof-mode-XXXXXX.txt";
    expect_and_close(mkostemps64(tailed, 4, O_CLOEXEC), "file");
    unlink(tailed);
    umask(0);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0641);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0641);
    close(fd);
    unlink(path);
}

static void what_a_hook_did_not_see_is_shown_as_such(void **state)
{
    (void)state;
    bool here = true;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY);
    assert_string_equal(kind_of(fd, &here), "device");
    assert_false(here);
    syscall(SYS_close, fd);
}

static void the_profilers_own_are_left_out(void **state)
{
    (void)state;
    int previous = lp_own_enter();
    int fd = eventfd(0, 0);
    lp_own_leave(previous);
    assert_null(kind_of(fd, &(bool){false}));
    struct lp_process_figures figures;
    lp_process_figures(&figures);
    assert_true(figures.own_fds >= 1);
    close(fd);
}

/* The child of a vfork runs in our memory: what it closes is not closed here. */
static void a_vfork_child_changes_nothing(void **state)
{
    (void)state;
    int fd = eventfd(0, 0), status;
    pid_t child = vfork();
    if (child == 0) {
        for (int other = 3; other < 100; other++)
            close(other);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    expect_and_close(fd, "eventfd");
}

static void the_rows_are_what_the_kernel_has(void **state)
{
    (void)state;
    struct lp_process_figures before, after;
    int fds[50];
    lp_process_figures(&before);
    for (int i = 0; i < 50; i++)
        fds[i] = dup(0);
    lp_process_figures(&after);
    assert_int_equal(after.fds - before.fds, 50);
    struct lp_profile *profile = lp_take(lp_kind_find("fds"));
    assert_int_equal(lp_profile_total(profile, 0, NULL), after.fds);
    lp_profile_free(profile);
    for (int i = 0; i < 50; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_opens_is_seen),
        cmocka_unit_test(streams_and_directories_are_seen),
        cmocka_unit_test(a_mode_reaches_the_file),
        cmocka_unit_test(what_a_hook_did_not_see_is_shown_as_such),
        cmocka_unit_test(the_profilers_own_are_left_out),
        cmocka_unit_test(a_vfork_child_changes_nothing),
        cmocka_unit_test(the_rows_are_what_the_kernel_has),
    };
    return cmocka_run_group_tests_name("fds", tests, NULL, NULL);
}
