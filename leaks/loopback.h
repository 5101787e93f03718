/*
 * Connections over the loopback, for scenes that are both sides of one. A client is connected when
 * loopback_connect() returns, and the server has only to accept it; nothing here waits longer than
 * the machine takes for that.
 */
#ifndef LEAKS_LOOPBACK_H
#define LEAKS_LOOPBACK_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where a scene's own small server listens. */
struct door {
    int fd;
    struct sockaddr_in address;
};

/* 0 or negative errno. */
static inline int door_open(struct door *door)
{
    socklen_t size = sizeof(door->address);
    int err;

    door->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    door->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (door->fd < 0)
        return -errno;
    if (bind(door->fd, (struct sockaddr *)&door->address, size) == 0 &&
        listen(door->fd, SOMAXCONN) == 0 &&
        getsockname(door->fd, (struct sockaddr *)&door->address, &size) == 0)
        return 0;
    err = -errno;
    close(door->fd);
    return err;
}

/* A client at the door: its descriptor, or negative errno. */
static inline int loopback_connect(const struct door *door)
{
    struct pollfd knock = {.fd = door->fd, .events = POLLIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&door->address, sizeof(door->address)) == 0 ||
        errno == EINPROGRESS) {
        if (poll(&knock, 1, 100) == 1) /* the kernel has it there already, nearly always */
            return fd;
        errno = EAGAIN;
    }
    err = -errno;
    close(fd);
    return err;
}

#endif
