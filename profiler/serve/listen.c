#include "serve/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

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

int lp_address_parse(const char *text, struct lp_address *address)
{
    char host[64];
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return -EINVAL;
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';

    *address = (struct lp_address){0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->sockaddr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->sockaddr;
    if (length > 2 && host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        address->length = sizeof *v6;
        v6->sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
            return -EINVAL;
        address->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        return parse_port(colon + 1, &v6->sin6_port);
    }
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    address->length = sizeof *v4;
    v4->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
        return -EINVAL;
    address->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return parse_port(colon + 1, &v4->sin_port);
}

static void write_url(const struct sockaddr_storage *bound, char url[LP_URL_MAX])
{
    char host[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)bound;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)bound;
    bool six = bound->ss_family == AF_INET6;
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): blind to sockaddr_storage */
    in_port_t port = six ? v6->sin6_port : v4->sin_port;
    inet_ntop(bound->ss_family, six ? (const void *)&v6->sin6_addr : &v4->sin_addr, host,
              sizeof host);
    snprintf(url, LP_URL_MAX, six ? "http://[%s]:%u" : "http://%s:%u", host, ntohs(port));
}

int lp_address_listen(const struct lp_address *address, char url[LP_URL_MAX])
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof bound;
    int fd = socket(address->sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(fd, (const struct sockaddr *)&address->sockaddr, address->length) != 0 ||
        listen(fd, 128) != 0 || getsockname(fd, (struct sockaddr *)&bound, &length) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    write_url(&bound, url);
    return fd;
}
