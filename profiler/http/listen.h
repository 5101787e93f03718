/*
 * The address to listen on, and the listening socket.
 */
#ifndef LP_HTTP_LISTEN_H
#define LP_HTTP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct event_base;
struct evconnlistener;

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

/* A program that has leaked all its descriptors is just the one that somebody wants to look into: a
 * few are kept aside and given up when accept() finds none left, so that one more client and what
 * its answer has to open find room. One listener at a time. 0 or -ENOMEM. */
int lp_spares_keep(struct event_base *base, struct evconnlistener *listener);
void lp_spares_release(void);
void lp_spares_forked(void); /* in a child: only closes them */

#endif
