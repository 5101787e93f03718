/*
 * Measures the cost of calls that open and close descriptors, ten frames deep. Each is timed
 * separately, one batch at a time, by this thread's CPU time.
 *
 * usage: bench_fds [batches]
 * Prints "call ns" for each: the median of its batches.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, FRAMES = 10 };

static int fds[BATCH], others[BATCH], listener, pair[2];
static struct sockaddr_un name = {.sun_family = AF_UNIX};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void close_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if (close(fds[i]))
            die("close");
}

static void open_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
            die("open");
}

static void socket_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((fds[i] = socket(AF_UNIX, SOCK_STREAM, 0)) < 0)
            die("socket");
}

static void dup_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((fds[i] = dup(STDIN_FILENO)) < 0)
            die("dup");
}

static void epoll_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((fds[i] = epoll_create1(EPOLL_CLOEXEC)) < 0)
            die("epoll_create1");
}

static void connect_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((others[i] = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 ||
            connect(others[i], (void *)&name, sizeof name))
            die("connect");
}

static void accept_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if ((fds[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
            die("accept4");
}

static void hang_up(void)
{
    for (int i = 0; i < BATCH; i++)
        close(others[i]);
}

static void send_all(void)
{
    for (int i = 0; i < BATCH; i++)
        if (send(pair[0], "", 1, 0) != 1)
            die("send");
}

static void recvmsg_all(void)
{
    char byte, control[64];
    for (int i = 0; i < BATCH; i++) {
        struct iovec data = {&byte, 1};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        if (recvmsg(pair[1], &message, 0) != 1)
            die("recvmsg");
    }
}

static const struct call {
    const char *name;
    void (*before)(void), (*calls)(void), (*after)(void);
} all_calls[] = {
    {"open", NULL, open_all, close_all},           {"close", open_all, close_all, NULL},
    {"socket", NULL, socket_all, close_all},       {"dup", NULL, dup_all, close_all},
    {"epoll_create1", NULL, epoll_all, close_all}, {"accept4", connect_all, accept_all, close_all},
    {"recvmsg", send_all, recvmsg_all, NULL},
};

/* Returns the time that the calls took. The barrier keeps the frame. */
__attribute__((noinline)) static int64_t run(const struct call *call, int frames)
{
    int64_t ns;
    if (frames > 0) {
        ns = run(call, frames - 1);
    } else {
        ns = cpu_ns();
        call->calls();
        ns = cpu_ns() - ns;
    }
    __asm__ volatile("");
    return ns;
}

static int by_size(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    int batches = argc > 1 ? atoi(argv[1]) : 1000;
    int64_t *ns = batches > 0 ? calloc((size_t)batches, sizeof *ns) : NULL;
    if (argc > 2 || !ns) {
        fprintf(stderr, "usage: bench_fds [batches]\n");
        return 1;
    }
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "bench_fds-%d", (int)getpid());
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (void *)&name, sizeof name) || listen(listener, BATCH) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
        die("sockets");
    for (size_t i = 0; i < sizeof all_calls / sizeof *all_calls; i++) {
        const struct call *call = &all_calls[i];
        for (int batch = 0; batch < batches; batch++) {
            if (call->before)
                call->before();
            ns[batch] = run(call, FRAMES);
            if (call->after)
                call->after();
            if (call->before == connect_all)
                hang_up();
        }
        qsort(ns, (size_t)batches, sizeof *ns, by_size);
        printf("%s %.1f\n", call->name, (double)ns[batches / 2] / BATCH);
    }
    free(ns);
    return 0;
}
