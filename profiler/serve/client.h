/*
 * A client that waits for its answer. evhttp stops reading from a connection while its request is
 * being handled, so it would not notice that the client disconnects. So the socket is watched here.
 *
 * Nothing else frees the connection meanwhile. Reading is off and there is nothing to write, so
 * none of its bufferevent's callbacks (time-outs included) can run. Loop thread only.
 */
#ifndef LP_SERVE_CLIENT_H
#define LP_SERVE_CLIENT_H

#include <stdbool.h>

struct evhttp_request;

struct lp_client { /* all zero: none */
    struct evhttp_request *http;
    struct event *watch;
    void (*gone)(void *arg);
    void *arg;
};

/* Watches the socket of this request until lp_client_unwatch(). If the client disconnects, gone()
 * is called, which must unwatch it. Then the connection is freed, and the request with it. A client
 * that has only said that it will send no more (a half-closed connection) has LP_CLIENT_GRACE_MS
 * for its answer: it looks like one that has disconnected. 0 or -ENOMEM. */
enum { LP_CLIENT_GRACE_MS = 1000 };
int lp_client_watch(struct lp_client *client, struct evhttp_request *http, void (*gone)(void *arg),
                    void *arg);

/* Call it before the request is answered. */
void lp_client_unwatch(struct lp_client *client);

#endif
