/*
 * The fds profile: what /proc/self/fd says is open, with the stack that the table knows for it. The
 * profiler's own descriptors are left out; those that were opened before it looked, or by a way
 * that no hook sees, stand under one special stack.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "snapshot/kinds.h"
#include "tables/fds.h"
#include "tables/stacks.h"

int lp_each_fd(void (*visit)(int fd, bool own, void *arg), void *arg)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -errno;
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct lp_fd known;
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || (fd == dirfd(dir) && !lp_self.apart))
            continue;
        visit((int)fd, lp_fd_get((int)fd, &known) && known.own, arg);
    }
    closedir(dir);
    return 0;
}

static void address_text(char *text, size_t room, const struct sockaddr_storage *address,
                         socklen_t length)
{
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const void *)address;
    const struct sockaddr_in6 *in6 = (const void *)address;
    const struct sockaddr_un *un = (const void *)address;

    if (address->ss_family == AF_INET)
        snprintf(text, room, "%s:%d", inet_ntop(AF_INET, &in->sin_addr, host, sizeof host),
                 ntohs(in->sin_port));
    else if (address->ss_family == AF_INET6)
        snprintf(text, room, "[%s]:%d", inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host),
                 ntohs(in6->sin6_port));
    else if (address->ss_family == AF_UNIX && length > sizeof(sa_family_t))
        snprintf(text, room, "%s%s", un->sun_path[0] ? "" : "@",
                 un->sun_path[0] ? un->sun_path : un->sun_path + 1);
    else
        snprintf(text, room, "unnamed");
}

static const char *socket_kind(int fd, const char **detail)
{
    int domain = 0, type = 0, listening = 0;
    socklen_t n = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n);
    n = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n);
    n = sizeof listening;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n);

    *detail = listening ? "listening" : "";
    if (domain == AF_UNIX)
        return "unix socket";
    if (domain != AF_INET && domain != AF_INET6)
        return "socket";
    return type == SOCK_STREAM ? "tcp socket" : type == SOCK_DGRAM ? "udp socket" : "ip socket";
}

/* The program's descriptor as one that this thread can ask: a duplicate for as long as it takes, in
 * a thread with descriptors of its own. -1 where the kernel or a seccomp filter will not give it.
 */
static int borrow(int pidfd, int fd)
{
    return lp_self.apart ? (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0) : fd;
}

static void give_back(int borrowed)
{
    if (lp_self.apart)
        close(borrowed);
}

static void socket_state(int fd, const char *detail, char *text, size_t room)
{
    struct sockaddr_storage local = {0}, peer = {0};
    socklen_t nlocal = sizeof local, npeer = sizeof peer;
    char a[128] = "unbound", b[128];

    if (getsockname(fd, (void *)&local, &nlocal) == 0)
        address_text(a, sizeof a, &local, nlocal);
    if (getpeername(fd, (void *)&peer, &npeer) == 0) {
        address_text(b, sizeof b, &peer, npeer);
        snprintf(text, room, "%s -> %s", a, b);
    } else {
        snprintf(text, room, "%s, %s", a, *detail ? detail : "not connected");
    }
}

/* Kinds are few and fixed, for they label rows; what is particular goes into the state. */
static const char *describe(int pidfd, int fd, char *state, size_t room)
{
    char path[32], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return NULL; /* closed meanwhile */
    target[n] = '\0';
    snprintf(state, room, "%.*s", (int)room - 1, target);

    if (!strncmp(target, "socket:", 7)) {
        int borrowed = borrow(pidfd, fd);
        if (borrowed < 0)
            return "socket";
        const char *detail, *kind = socket_kind(borrowed, &detail);
        socket_state(borrowed, detail, state, room);
        give_back(borrowed);
        return kind;
    }
    static const struct {
        const char *prefix, *kind;
    } kinds[] = {
        {"pipe:", "pipe"},
        {"anon_inode:[eventpoll]", "epoll"},
        {"anon_inode:[eventfd", "eventfd"},
        {"anon_inode:[timerfd]", "timerfd"},
        {"anon_inode:[signalfd]", "signalfd"},
        {"anon_inode:inotify", "inotify"},
        {"anon_inode:", "anonymous"},
        {"/memfd:", "memfd"},
        {"/dev/", "device"},
        {"/", "file"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strncmp(target, kinds[i].prefix, strlen(kinds[i].prefix)))
            return kinds[i].kind;
    return "other";
}

struct taking {
    struct lp_profile *profile;
    int64_t now_ns;
    int pidfd;
    int result;
};

static void visit(int fd, bool own, void *arg)
{
    struct taking *taking = arg;
    struct lp_profile *profile = taking->profile;
    char state[300];
    const char *kind = own ? NULL : describe(taking->pidfd, fd, state, sizeof state);
    if (!kind)
        return;

    struct lp_fd known = {.stack = LP_STACK_EARLIER};
    bool found = lp_fd_get(fd, &known);
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    const char *text = lp_profile_text(profile, state);
    if (!item || !row || !text) {
        taking->result = -ENOMEM;
        return;
    }
    *item = (struct lp_item){.id = fd,
                             .stack = known.stack,
                             .name = kind,
                             .state = text,
                             .state_ns = -1,
                             .age_ns = found ? taking->now_ns - known.birth : -1,
                             .value = {1}};
    *row = (struct lp_row){.stack = known.stack, .label_text = kind, .value = {1}};
}

static int take(struct lp_profile *profile)
{
    struct taking taking = {.profile = profile, .now_ns = lp_now_ns(), .pidfd = -1};
    if (lp_self.apart)
        taking.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int result = lp_each_fd(visit, &taking);
    if (taking.pidfd >= 0)
        close(taking.pidfd);
    return result ? result : taking.result;
}

static int64_t count(void)
{
    struct lp_process_figures figures;
    lp_process_figures(&figures);
    return figures.fds;
}

const struct lp_profile_kind lp_fds_kind = {
    .name = "fds",
    .about = "Open descriptors, by the stack that opened them. debug=2 shows each by itself.",
    .nvalues = 1,
    .values = {{"fds", "count"}},
    .default_value = -1,
    .period = {"fds", "count"},
    .label_key = "kind",
    .item = "fd",
    .take = take,
    .count = count,
    .resource = {"fds", "count", 4, LP_BOUND_FDS},
};
