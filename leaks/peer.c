/*
 * A process that accepts connections, reads what comes, answers nothing, and closes when the other
 * side does.
 *
 * The child is a fork without exec: it must not allocate (the program's malloc hooks are still in
 * place, without what they need behind them), so it lives on its stack and on system calls. It may
 * never outlive the server, nor hold a pipe that someone reads to its end.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTENER = 3 }; /* its number in the child */

static pid_t peer;

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        close(fd);
}

static void discard(int fd)
{
    char buffer[4096];
    ssize_t n;

    do
        n = read(fd, buffer, sizeof(buffer));
    while (n > 0);
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close(fd);
}

static void serve(void)
{
    struct epoll_event events[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, LISTENER);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);

        if (n < 0 && errno != EINTR)
            _exit(1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd != LISTENER) {
                discard(fd);
            } else if ((fd = accept4(LISTENER, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                watch(epoll, fd);
            } else if (errno == EMFILE || errno == ENFILE) {
                usleep(10000); /* level-triggered: until someone closes, this would spin */
            }
        }
    }
}

__attribute__((noreturn)) static void become_peer(int listener, pid_t parent)
{
    struct rlimit files;
    int null = open("/dev/null", O_RDWR);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0); /* it died before the line above */
    prctl(PR_SET_NAME, "leakyard-peer");
    signal(SIGINT, SIG_IGN); /* a Ctrl-C is for the server, which then ends this process */
    signal(SIGHUP, SIG_IGN);

    for (int fd = 0; fd < LISTENER; fd++)
        dup2(null, fd);
    dup2(listener, LISTENER);
    close_range(LISTENER + 1, ~0U, 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    serve();
    _exit(0);
}

int peer_start(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    pid_t parent = getpid();
    int err = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, SOMAXCONN) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 || (peer = fork()) < 0)
        err = -errno;
    else if (peer == 0)
        become_peer(listener, parent);
    if (listener >= 0)
        close(listener);
    *port = ntohs(address.sin_port);
    return err;
}

void peer_stop(void)
{
    if (peer <= 0)
        return;
    kill(peer, SIGKILL);
    while (waitpid(peer, NULL, 0) < 0 && errno == EINTR)
        ;
    peer = 0;
}
