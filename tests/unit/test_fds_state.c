/* The fds profile: what each descriptor says of itself, how it is open, who is at the other end,
 * what waits in it and what hides behind it. */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "fds.h"

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
    assert_says(pair[0], "unnamed -> unnamed, Recv-Q 9 B, Send-Q 0 B, idle not known");
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
    assert_says(c.server, " ago, no byte yet, no keepalive");
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

    setsockopt(c.server, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    assert_says(c.server, " ago, none out, keepalive");
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

static void pipes_keep_their_ends(void **state)
{
    (void)state;
    int pair[2];
    char byte;
    assert_int_equal(pipe2(pair, O_NONBLOCK), 0);
    assert_int_equal(write(pair[1], "12", 2), 2);
    assert_says(pair[1], "O_WRONLY|O_NONBLOCK, 2 B in it, idle not known");
    close(pair[1]);
    assert_says(pair[0], "O_RDONLY|O_NONBLOCK, 2 B in it");
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(read(pair[0], &byte, 1), 0); /* the end */
    close(pair[0]);
}

static void unix_peers_are_named(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(write(pair[0], "12345", 5), 5);
    assert_says(pair[1], "unnamed -> unnamed, Recv-Q 5 B, Send-Q 0 B, idle not known, nonblocking");
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    close(pair[1]);
    assert_says(pair[0], "unnamed -> closed, Recv-Q 0 B");
    close(pair[0]);
}

static void *look_from_another_namespace(void *arg)
{
    int fd = *(int *)arg;
    static struct seen seen;
    return unshare(CLONE_NEWNET) == 0 && see(fd, &seen) ? seen.state : NULL;
}

/* The last test: it leaves this process in another network namespace. */
static void another_network_namespace_is_told(void **state)
{
    (void)state;
    struct connection c;
    pthread_t thread;
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct seen seen;
    int pair[2], udp;
    listen_here(&c);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        skip(); /* not allowed here, or another thread runs */
    assert_says(c.listener, "socket:[");
    assert_says(c.listener, "], not connected, CLOSED, or in another network namespace, idle not");
    assert_says(pair[0], "], in another network namespace, idle not known");
    expect(c.listener, "tcp socket");
    expect(pair[0], "unix socket");

    /* The table is the one of the program's thread, not of the one that looks. */
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(udp, (void *)&any, sizeof any), 0);
    assert_true(see(udp, &seen));
    assert_memory_equal(seen.state, "0.0.0.0:", 8);
    assert_int_equal(pthread_create(&thread, NULL, look_from_another_namespace, &udp), 0);
    void *text;
    assert_int_equal(pthread_join(thread, &text), 0);
    assert_non_null(text);
    assert_string_equal(text, seen.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_behind_them_is_told),
        cmocka_unit_test(what_hides_behind_one_is_told),
        cmocka_unit_test(files_say_how_they_are_open),
        cmocka_unit_test(tcp_says_what_is_wrong_with_it),
        cmocka_unit_test(unix_and_udp_sockets_have_addresses),
        cmocka_unit_test(pipes_keep_their_ends),
        cmocka_unit_test(unix_peers_are_named),
        cmocka_unit_test(another_network_namespace_is_told),
    };
    return cmocka_run_group_tests_name("fds_state", tests, NULL, NULL);
}
