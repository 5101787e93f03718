/*
 * A process that accepts connections and takes what it is given, reads what comes, answers nothing,
 * and closes when the other side does.
 *
 * The child is a fork without exec: it must not allocate (the program's malloc hooks are still in
 * place, without what they need behind them), so it lives on its stack and on system calls. It may
 * never outlive the server, nor hold a pipe that someone reads to its end.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LISTENER = 3, GIVEN }; /* their numbers in the child */

static pid_t peer;
static unsigned users;
static uint16_t peer_port;
static int give = -1; /* what is sent here arrives at GIVEN */

/* A message to the child: keep the descriptor that comes with it, or let a group go. */
struct order {
    uint8_t group;
    bool let_go;
};

/* Room for one descriptor in a message. */
union rights {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

/* The child's: what was given to it, by descriptor; PEER_UNTIL_CLOSED is the rest. */
enum { GROUPED_MAX = 1 << 17 };
static uint8_t group_of[GROUPED_MAX];

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        close(fd);
}

static void end(int fd)
{
    if (fd < GROUPED_MAX)
        group_of[fd] = PEER_UNTIL_CLOSED;
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
        end(fd);
}

static void take_order(int epoll)
{
    union rights rights;
    struct order order;
    struct iovec text = {&order, sizeof(order)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = sizeof(rights)};
    struct cmsghdr *header;
    int fd;

    if (recvmsg(GIVEN, &message, MSG_DONTWAIT) != sizeof(order))
        return;
    if (order.let_go) {
        for (fd = 0; fd < GROUPED_MAX; fd++)
            if (group_of[fd] == order.group)
                end(fd);
        return;
    }
    header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return; /* there was no room for one more, and the kernel has closed it */
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    if (order.group != PEER_UNTIL_CLOSED && fd >= GROUPED_MAX) {
        close(fd);
        return;
    }
    if (fd < GROUPED_MAX)
        group_of[fd] = order.group;
    watch(epoll, fd);
}

static void serve(void)
{
    struct epoll_event events[64];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, LISTENER);
    watch(epoll, GIVEN);
    for (;;) {
        int n = epoll_wait(epoll, events, 64, -1);

        if (n < 0 && errno != EINTR)
            _exit(1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == GIVEN) {
                take_order(epoll);
            } else if (fd != LISTENER) {
                discard(fd);
            } else if ((fd = accept4(LISTENER, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                watch(epoll, fd);
            } else if (errno == EMFILE || errno == ENFILE) {
                usleep(10000); /* level-triggered: until someone closes, this would spin */
            }
        }
    }
}

__attribute__((noreturn)) static void become_peer(int listener, int given, pid_t parent)
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
    given = fcntl(given, F_DUPFD, GIVEN); /* out of the listener's way */
    dup2(listener, LISTENER);
    dup2(given, GIVEN);
    close_range(GIVEN + 1, ~0U, 0);
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
    int listener = -1, pair[2] = {-1, -1}, err = 0;

    if (users == 0) {
        listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
            listen(listener, SOMAXCONN) < 0 ||
            getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0 ||
            (peer = fork()) < 0)
            err = -errno;
        else if (peer == 0)
            become_peer(listener, pair[1], parent);
        if (listener >= 0)
            close(listener);
        if (pair[1] >= 0)
            close(pair[1]);
        give = pair[0];
        peer_port = ntohs(address.sin_port);
    }
    if (err == 0)
        users++;
    if (port)
        *port = peer_port;
    return err;
}

void peer_stop(void)
{
    if (users == 0 || --users > 0)
        return;
    close(give);
    kill(peer, SIGKILL);
    while (waitpid(peer, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int send_order(const struct msghdr *message)
{
    struct pollfd room = {.fd = give, .events = POLLOUT};

    while (sendmsg(give, message, MSG_NOSIGNAL) < 0)
        if (errno != EAGAIN || poll(&room, 1, 200) != 1) /* it takes them as fast as we make them */
            return -EAGAIN;
    return 0;
}

int peer_keep(int fd, enum peer_group group)
{
    union rights rights;
    struct order order = {.group = (uint8_t)group};
    struct iovec text = {&order, sizeof(order)};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &rights,
                             .msg_controllen = sizeof(rights)};

    rights.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&rights.header), &fd, sizeof(fd));
    return send_order(&message);
}

int peer_let_go(enum peer_group group)
{
    struct order order = {.group = (uint8_t)group, .let_go = true};
    struct iovec text = {&order, sizeof(order)};

    return send_order(&(struct msghdr){.msg_iov = &text, .msg_iovlen = 1});
}
