/* The fds profile: every call that makes a descriptor is seen with its stack, every one that closes
 * it too, and the rows are what the kernel has. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <utmp.h>

#include "record/self.h"
#include "fds.h"

#include "inspect/process.h"

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
    expect_and_close(pidfd_open(getpid(), 0), "pidfd");
    expect_and_close(open("/etc", O_RDONLY | O_DIRECTORY), "directory");
    expect_and_close(socket(AF_NETLINK, SOCK_RAW, 0), "netlink socket");
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
    expect(fd, "directory");
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

static void rarer_kinds_are_seen(void **state)
{
    (void)state;
    int master, slave, status;
    expect_and_close(posix_openpt(O_RDWR | O_NOCTTY), "device");
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    expect_and_close(master, "device");
    expect_and_close(slave, "device");
    pid_t child = forkpty(&master, NULL, NULL, NULL);
    if (child == 0)
        _exit(kind_of(0, &(bool){false}) ? 0 : 1);
    expect_and_close(master, "device");
    assert_int_equal(waitpid(child, &status, 0), child);

    int pidfd = pidfd_open(getpid(), 0), copy = pidfd_getfd(pidfd, pidfd, 0);
    if (copy >= 0) /* else a filter forbids it */
        expect_and_close(copy, "pidfd");
    close(pidfd);

    char name[32];
    snprintf(name, sizeof name, "/leakprof-%d", (int)getpid());
    int shared = shm_open(name, O_RDWR | O_CREAT, 0600);
    expect_and_close(shared, "shared memory");
    shm_unlink(name);

    mqd_t queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
    if (queue < 0)
        return; /* the kernel has none, or no room for one */
    mq_unlink(name);
    expect(queue, "message queue");
    assert_int_equal(mq_send(queue, "12345", 5, 0), 0);
    assert_value(queue, QUEUED, 0); /* to read it would cancel the program's mq_notify() */
    mq_close(queue);
    assert_null(kind_of(queue, &(bool){false}));
}

/* Sends n descriptors over a socket. */
static void pass(int over, const int *fds, size_t n)
{
    char byte = 0, control[CMSG_SPACE(8 * sizeof *fds)] = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = n ? control : NULL,
                             .msg_controllen = n ? CMSG_SPACE(n * sizeof *fds) : 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c) {
        *c = (struct cmsghdr){CMSG_LEN(n * sizeof *fds), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), fds, n * sizeof *fds);
    }
    assert_int_equal(sendmsg(over, &message, 0), 1);
}

static void those_that_are_passed_are_seen(void **state)
{
    (void)state;
    int pair[2], sent[3] = {0, 0, 0}, got[3];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    for (int i = 0; i < 3; i++)
        sent[i] = eventfd(0, 0);
    char byte, control[2][CMSG_SPACE(sizeof sent)];
    struct iovec data = {&byte, 1};
    struct mmsghdr m[2];
    for (int i = 0; i < 2; i++)
        m[i].msg_hdr = (struct msghdr){.msg_iov = &data,
                                       .msg_iovlen = 1,
                                       .msg_control = control[i],
                                       .msg_controllen = sizeof control[i]};

    pass(pair[0], sent, 3);
    assert_int_equal(recvmsg(pair[1], &m[0].msg_hdr, 0), 1);
    memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&m[0].msg_hdr)), sizeof got);
    for (int i = 0; i < 3; i++)
        expect_and_close(got[i], "eventfd");

    pass(pair[0], sent, 0); /* none at all is fine, too */
    pass(pair[0], sent, 1);
    for (int i = 0; i < 2; i++)
        m[i].msg_hdr.msg_controllen = sizeof control[i];
    assert_int_equal(recvmmsg(pair[1], m, 2, 0, NULL), 2);
    assert_int_equal(m[0].msg_hdr.msg_controllen, 0);
    memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&m[1].msg_hdr)), sizeof *got);
    expect_and_close(got[0], "eventfd");
    for (int i = 0; i < 3; i++)
        close(sent[i]);
    close(pair[0]);
    close(pair[1]);
}

static void *open_one(void *unwinds)
{
    close(eventfd(0, 0));
    *(uint32_t *)unwinds = lp_self.unwinds;
    return NULL;
}

/* Unwinding takes some ten times as long as the call that it is for. */
static void short_threads_do_not_unwind_again_and_again(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP(); /* sanitizers give each thread another stack */
    uint32_t unwinds = 1;
    for (int i = 0; i < 1000 && unwinds; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, open_one, &unwinds), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    assert_int_equal(unwinds, 0);
}

static void closing_many_keeps_the_others(void **state)
{
    (void)state;
    int fds[6];
    for (int i = 0; i < 6; i++)
        fds[i] = fcntl(0, F_DUPFD, 400 + i);
    assert_int_equal(close_range(402, 403, CLOSE_RANGE_CLOEXEC), 0);
    expect(402, kind_of(0, &(bool){false}));
    assert_int_equal(close_range(401, 403, 0), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(kind_of(fds[i], &(bool){false}) != NULL, i < 1 || i > 3);
    /* A number that comes back by a way that no hook sees is nobody's. */
    bool here = true;
    assert_int_equal(syscall(SYS_dup2, 0, 402), 402);
    assert_non_null(kind_of(402, &here));
    assert_false(here);
    closefrom(400);
    for (int i = 0; i < 6; i++)
        assert_null(kind_of(fds[i], &(bool){false}));
}

static void what_a_hook_did_not_see_is_shown_as_such(void **state)
{
    (void)state;
    bool here = true;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY);
    assert_string_equal(kind_of(fd, &here), "device");
    assert_false(here);
    syscall(SYS_close, fd);

    /* Nor is it taken for what had the number before. */
    fd = eventfd(0, 0);
    expect(fd, "eventfd");
    syscall(SYS_close, fd);
    assert_int_equal(syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY), fd);
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
        cmocka_unit_test(rarer_kinds_are_seen),
        cmocka_unit_test(those_that_are_passed_are_seen),
        cmocka_unit_test(short_threads_do_not_unwind_again_and_again),
        cmocka_unit_test(closing_many_keeps_the_others),
        cmocka_unit_test(what_a_hook_did_not_see_is_shown_as_such),
        cmocka_unit_test(the_profilers_own_are_left_out),
        cmocka_unit_test(a_vfork_child_changes_nothing),
        cmocka_unit_test(the_rows_are_what_the_kernel_has),
    };
    return cmocka_run_group_tests_name("fds", tests, NULL, NULL);
}
