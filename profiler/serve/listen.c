#include "serve/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/un.h>

_Static_assert(LP_URL_MAX >= sizeof((struct leakprof_address *)0)->text + sizeof "http://", "fits");
_Static_assert(LP_URL_MAX >= sizeof((struct lp_listen *)0)->path + sizeof "unix:", "fits");

static const char UNIX_PREFIX[] = "unix:";

static int parse_port(const char *text, in_port_t *port)
{
    size_t length = strlen(text);
    if (length == 0 || length > 5 || text[strspn(text, "0123456789")])
        return -EINVAL;
    unsigned long number = strtoul(text, NULL, 10);
    if (number > UINT16_MAX)
        return -EINVAL;
    *port = htons((uint16_t)number);
    return 0;
}

/* Sets the members that follow from the socket's address. */
static void describe(struct leakprof_address *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->socket;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->socket;
    bool six = address->socket.ss_family == AF_INET6;
    address->loopback =
        six ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) : ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    inet_ntop(address->socket.ss_family, six ? (const void *)&v6->sin6_addr : &v4->sin_addr, host,
              sizeof host);
    snprintf(address->text, sizeof address->text, six ? "[%s]:%u" : "%s:%u", host,
             ntohs(six ? v6->sin6_port : v4->sin_port));
}

static int parse(const char *text, struct leakprof_address *address)
{
    char host[64];
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return -EINVAL;
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';

    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->socket;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->socket;
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        address->length = sizeof *v6;
        v6->sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
            return -EINVAL;
        return parse_port(colon + 1, &v6->sin6_port);
    }
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    address->length = sizeof *v4;
    v4->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return -EINVAL;
    return parse_port(colon + 1, &v4->sin_port);
}

int leakprof_address_parse(const char *text, struct leakprof_address *address)
{
    *address = (struct leakprof_address){0};
    int error = parse(text, address);
    if (!error)
        describe(address);
    return error;
}

int leakprof_address_bound(int fd, struct leakprof_address *address)
{
    *address = (struct leakprof_address){.length = sizeof address->socket};
    if (getsockname(fd, (struct sockaddr *)&address->socket, &address->length) != 0)
        return -errno;
    describe(address);
    return 0;
}

/* Copies the path and replaces "%p" by the process id. */
static int expand(const char *text, char *out, size_t capacity)
{
    size_t n = 0;
    while (*text && n < capacity) {
        if (text[0] == '%' && text[1] == 'p') {
            n += (size_t)snprintf(out + n, capacity - n, "%d", (int)getpid());
            text += 2;
        } else {
            out[n++] = *text++;
        }
    }
    if (n >= capacity)
        return -EINVAL;
    out[n] = '\0';
    return 0;
}

int lp_listen_parse(const char *text, struct lp_listen *listen)
{
    size_t prefix = sizeof UNIX_PREFIX - 1;
    *listen = (struct lp_listen){0};
    if (!text || strncmp(text, UNIX_PREFIX, prefix) != 0)
        return leakprof_address_parse(text, &listen->tcp);
    listen->tcp.loopback = true;
    return text[prefix] == '/' ? expand(text + prefix, listen->path, sizeof listen->path) : -EINVAL;
}

bool lp_listen_own(const char *text)
{
    size_t length = strlen(text);
    if (strncmp(text, UNIX_PREFIX, sizeof UNIX_PREFIX - 1) == 0)
        return strstr(text, "%p") != NULL;
    return length > 2 && strcmp(text + length - 2, ":0") == 0;
}

static int listen_tcp(const struct leakprof_address *address, char url[LP_URL_MAX])
{
    struct leakprof_address bound;
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    int error = bind(fd, (const struct sockaddr *)&address->socket, address->length) != 0 ||
                        listen(fd, 128) != 0
                    ? -errno
                    : leakprof_address_bound(fd, &bound);
    if (error) {
        close(fd);
        return error;
    }
    snprintf(url, LP_URL_MAX, "http://%s", bound.text);
    return fd;
}

/* Removes the file if it is a socket on which nobody listens. */
static bool remove_stale(const struct sockaddr_un *address)
{
    struct stat file;
    if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale && unlink(address->sun_path) == 0;
}

void lp_listen_remove_stale(const char *path)
{
    enum { OLD_SECONDS = 10 };
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    if (strlen(path) < sizeof address.sun_path && lstat(path, &file) == 0 &&
        file.st_uid == geteuid() && time(NULL) - file.st_mtime >= OLD_SECONDS) {
        memcpy(address.sun_path, path, strlen(path) + 1);
        remove_stale(&address);
    }
}

/* The file gets the mode of the unbound socket. So it never has a wider one. */
static int listen_unix(const char *path, char url[LP_URL_MAX])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(address.sun_path, path, sizeof address.sun_path);
    int error = fchmod(fd, S_IRUSR | S_IWUSR) != 0 ? -errno : 0;
    for (int tries = 2; tries > 0 && !error; tries--) {
        error = bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ? -errno : 0;
        if (error != -EADDRINUSE)
            break;
        if (tries > 1 && remove_stale(&address))
            error = 0; /* try again */
    }
    if (!error && listen(fd, 128) != 0)
        error = -errno;
    if (error) {
        close(fd);
        return error;
    }
    snprintf(url, LP_URL_MAX, "%s%s", UNIX_PREFIX, path);
    return fd;
}

int lp_listen_open(const struct lp_listen *listen, char url[LP_URL_MAX])
{
    return *listen->path ? listen_unix(listen->path, url) : listen_tcp(&listen->tcp, url);
}

void lp_listen_remove(const char *url)
{
    if (strncmp(url, UNIX_PREFIX, sizeof UNIX_PREFIX - 1) == 0)
        unlink(url + sizeof UNIX_PREFIX - 1);
}
