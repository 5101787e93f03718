/*
 * The address to listen on, and the listening socket.
 */
#ifndef LP_SERVE_LISTEN_H
#define LP_SERVE_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct lp_address {
    struct sockaddr_storage sockaddr;
    socklen_t length;
    bool loopback;
};

enum { LP_URL_MAX = 80 };

/* "127.0.0.1:6060", "localhost:0", "[::1]:6060". 0 or -EINVAL. */
int lp_address_parse(const char *text, struct lp_address *address);

/* A listening socket, or a negative errno. url: where it is reached, "http://127.0.0.1:6060". */
int lp_address_listen(const struct lp_address *address, char url[LP_URL_MAX]);

#endif
