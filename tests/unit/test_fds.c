/* The fds profile: every call that makes a descriptor is seen with its stack, every one that closes
 * it too, and the rows are what the kernel has. */
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include "capture/self.h"
#include "snapshot/take.h"
#include "tables/stacks.h"

enum { FDS, IDLE, QUEUED, REGISTERED };

/* What the profile says of one descriptor. */
struct seen {
    char kind[32], state[900];
    uint32_t stack;
    int64_t idle_ns, age_ns, value[LP_VALUES_MAX];
};

static bool see(int fd, struct seen *seen)
{
    int found = 0;
    struct lp_profile *profile = lp_take(lp_kind_find("fds"));
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        if (item->id != fd)
            continue;
        found++;
        snprintf(seen->kind, sizeof seen->kind, "%s", item->name);
        snprintf(seen->state, sizeof seen->state, "%s", item->state);
        seen->stack = item->stack;
        seen->idle_ns = item->state_ns;
        seen->age_ns = item->age_ns;
        memcpy(seen->value, item->value, sizeof seen->value);
    }
    lp_profile_free(profile);
    assert_true(found <= 1);
    return found == 1;
}

/* The kind that the profile gives this descriptor, NULL when it has none; `here`: with a stack. */
static const char *kind_of(int fd, bool *here)
{
    static struct seen seen;
    bool found = see(fd, &seen);
    if (found)
        *here = seen.stack >= LP_STACK_FIRST;
    return found ? seen.kind : NULL;
}

#define assert_says(fd, text)                                                                      \
    do {                                                                                           \
        struct seen seen_;                                                                         \
        assert_true(see(fd, &seen_));                                                              \
        if (!strstr(seen_.state, text))                                                            \
            fail_msg("no \"%s\" in: %s", text, seen_.state);                                       \
    } while (0)

#define assert_value(fd, which, wanted)                                                            \
    do {                                                                                           \
        struct seen seen_;                                                                         \
        assert_true(see(fd, &seen_));                                                              \
        assert_int_equal(seen_.value[which], wanted);                                              \
    } while (0)

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
    assert_value(queue, QUEUED, 5);
    mq_close(queue);
    assert_null(kind_of(queue, &(bool){false}));
}

/* What has been sent is not there yet on a machine that has other work to do. */
static void soon_says(int fd, const char *text)
{
    struct seen seen;
    for (int i = 0; i < 2000; i++) {
        assert_true(see(fd, &seen));
        if (strstr(seen.state, text))
            return;
        usleep(10000);
    }
    fail_msg("no \"%s\" in: %s", text, seen.state);
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

static void what_waits_behind_them_is_told(void **state)
{
    (void)state;
    int pair[2];
    struct seen seen;
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(write(pair[1], "123456789", 9), 9);
    assert_value(pair[0], QUEUED, 9);
    close(pair[0]);
    close(pair[1]);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[1], "123456789", 9), 9);
    assert_value(pair[0], QUEUED, 9);
    assert_says(pair[0], "Recv-Q 9 B, Send-Q 0 B, no timeout, idle not known");
    assert_true(see(pair[1], &seen));
    assert_true(seen.value[QUEUED] > 9); /* the kernel's memory */
    assert_int_equal(seen.idle_ns, -1);
    assert_int_equal(seen.value[IDLE], 0);
    close(pair[0]);
    close(pair[1]);
}

static void what_hides_behind_one_is_told(void **state)
{
    (void)state;
    int epoll = epoll_create1(0), watcher = inotify_init1(0), fd = eventfd(7, 0), others[300];
    struct epoll_event event = {.events = EPOLLIN};
    for (int i = 0; i < 300; i++) {
        others[i] = dup(fd);
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, others[i], &event), 0);
    }
    assert_value(epoll, REGISTERED, 300);
    assert_says(epoll, "300 registered");
    for (int i = 0; i < 300; i++)
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_DEL, others[i], NULL) | close(others[i]), 0);
    assert_value(epoll, REGISTERED, 0);

    assert_true(inotify_add_watch(watcher, "/tmp", IN_CREATE) >= 0);
    assert_true(inotify_add_watch(watcher, "/etc", IN_CREATE) >= 0);
    assert_value(watcher, REGISTERED, 2);
    assert_says(fd, "count 7");

    int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    assert_says(timer, "CLOCK_MONOTONIC, not armed");
    struct itimerspec settings = {{1500, 0}, {4000, 0}};
    assert_int_equal(timerfd_settime(timer, 0, &settings, NULL), 0);
    assert_says(timer, "CLOCK_MONOTONIC, next in ");
    assert_says(timer, "every 1500.0 s");

    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGTERM);
    int signals = signalfd(-1, &mask, 0), pidfd = pidfd_open(getpid(), 0);
    char process[40];
    snprintf(process, sizeof process, "of process %d", (int)getpid());
    assert_says(signals, "SIGUSR1 SIGTERM");
    assert_says(pidfd, process);
    for (size_t i = 0; i < 6; i++)
        close((int[]){epoll, watcher, fd, timer, signals, pidfd}[i]);
}

static void files_say_how_they_are_open(void **state)
{
    (void)state;
    char path[] = "/tmp/leakprof-file-XXXXXX";
    int fd = mkostemp(path, O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    unlink(path);
    assert_says(fd, " (deleted), O_RDWR|O_APPEND|O_CLOEXEC, offset 2, size 5 B");
    assert_says(fd, path);
    close(fd);
}

/* A listener and both ends of a connection to it. */
struct connection {
    int listener, client, server;
    char port[16];
};

static void listen_here(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    c->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(c->listener, (void *)&address, n), 0);
    assert_int_equal(listen(c->listener, 5), 0);
    assert_int_equal(getsockname(c->listener, (void *)&address, &n), 0);
    snprintf(c->port, sizeof c->port, ":%d", ntohs(address.sin_port));
    c->client = socket(AF_INET, SOCK_STREAM, 0);
    assert_says(c->client, "not connected, CLOSED");
    assert_int_equal(connect(c->client, (void *)&address, n), 0);
}

static void tcp_says_what_is_wrong_with_it(void **state)
{
    (void)state;
    struct connection c;
    struct seen seen;
    listen_here(&c);
    assert_says(c.listener, c.port);
    soon_says(c.listener, "LISTEN, backlog 1 of 5");
    expect(c.server = accept(c.listener, NULL, NULL), "tcp socket");
    assert_says(c.listener, "backlog 0 of 5");
    assert_says(c.server, "ESTABLISHED, Recv-Q 0 B, Send-Q 0 B");
    assert_says(c.server, "no byte yet, no timeout, no keepalive");
    assert_says(c.client, c.port);

    char bytes[1000] = {0};
    assert_int_equal(write(c.client, bytes, 1000), 1000);
    assert_int_equal(read(c.server, bytes, 400), 400);
    assert_value(c.server, QUEUED, 600);
    assert_says(c.server, "Recv-Q 600 B, Send-Q 0 B, last byte in ");
    assert_says(c.server, " ago, none out");
    assert_says(c.client, " ago, none in");
    usleep(50000);
    assert_true(see(c.server, &seen));
    assert_true(seen.idle_ns >= 40000000);
    assert_int_equal(seen.value[IDLE], seen.idle_ns);

    setsockopt(c.server, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){5, 0}, sizeof(struct timeval));
    setsockopt(c.server, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    assert_says(c.server, ", receive timeout 5.0 s, keepalive");
    assert_int_equal(write(c.server, bytes, 1), 1);
    assert_says(c.server, " ago, out ");

    assert_int_equal(shutdown(c.client, SHUT_WR), 0);
    while (read(c.server, bytes, sizeof bytes) > 0)
        ;
    assert_says(c.server, "CLOSE-WAIT, Recv-Q 0 B");
    assert_says(c.client, "FIN-WAIT-");
    close(c.client);
    close(c.server);
    close(c.listener);
}

static void unix_and_udp_sockets_have_addresses(void **state)
{
    (void)state;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "leakprof-%d", (int)getpid());
    char shown[64];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    assert_int_equal(bind(fd, (void *)&name, size), 0);
    assert_int_equal(listen(fd, 7), 0);
    snprintf(shown, sizeof shown, "@leakprof-%d, LISTEN, backlog 0 of 7", (int)getpid());
    assert_says(fd, shown);
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (void *)&name, size), 0);
    assert_says(fd, "LISTEN, backlog 1 of 7");
    close(client);
    close(fd);

    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct seen seen;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (void *)&any, sizeof any), 0);
    size = sizeof any;
    assert_int_equal(getsockname(fd, (void *)&any, &size), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sendto(fd, "1234", 4, 0, (void *)&any, sizeof any), 4);
    for (int i = 0; i < 2000 && see(fd, &seen) && seen.value[QUEUED] < 12; i++)
        usleep(10000);
    assert_true(seen.value[QUEUED] >= 12); /* all of them */
    assert_says(fd, "127.0.0.1:");
    assert_says(fd, "not connected, Recv-Q ");
    close(fd);
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
        cmocka_unit_test(what_waits_behind_them_is_told),
        cmocka_unit_test(what_hides_behind_one_is_told),
        cmocka_unit_test(files_say_how_they_are_open),
        cmocka_unit_test(tcp_says_what_is_wrong_with_it),
        cmocka_unit_test(unix_and_udp_sockets_have_addresses),
        cmocka_unit_test(what_a_hook_did_not_see_is_shown_as_such),
        cmocka_unit_test(the_profilers_own_are_left_out),
        cmocka_unit_test(a_vfork_child_changes_nothing),
        cmocka_unit_test(the_rows_are_what_the_kernel_has),
    };
    return cmocka_run_group_tests_name("fds", tests, NULL, NULL);
}
