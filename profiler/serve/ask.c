#include "serve/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum { PATIENCE_MS = 500, REQUEST_MAX = 2048 };

static int open_connection(const struct lp_listen *address)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    const struct sockaddr *to = (const struct sockaddr *)&address->tcp.socket;
    socklen_t length = address->tcp.length;
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    if (*address->path) {
        memcpy(local.sun_path, address->path, sizeof local.sun_path);
        to = (const struct sockaddr *)&local;
        length = sizeof local;
    }
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* for connect() too */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, to, length) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int lp_ask(const struct lp_listen *address, const char *token, const char *path)
{
    char text[REQUEST_MAX];
    int status = -EIO;
    int n = snprintf(text, sizeof text,
                     "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n",
                     path, token ? "Authorization: Bearer " : "", token ? token : "",
                     token ? "\r\n" : "");
    if (n >= (int)sizeof text)
        return -EMSGSIZE;
    int fd = open_connection(address);
    if (fd < 0)
        return fd;
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) == n) {
        ssize_t got = recv(fd, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        if (sscanf(text, "HTTP/1.%*1[01] %3d", &status) != 1)
            status = -EIO;
    }
    close(fd);
    return status;
}
