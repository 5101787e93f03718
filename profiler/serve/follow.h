/*
 * The address of a forked child, if the text does not give each process its own. As long as another
 * process has it, the child is served at a free port of the same host, or at "PATH.PID". Once per
 * second it tries to take the address over. So the process that remains has it: a daemon whose
 * parent exits, or one of the workers that are left.
 */
#ifndef LP_SERVE_FOLLOW_H
#define LP_SERVE_FOLLOW_H

#include "serve/listen.h"

struct event_base;
struct evhttp;
struct evhttp_bound_socket;

/* Like lp_listen_open(), for the address that the child has meanwhile. */
int lp_follow_open(const struct lp_listen *wanted, char url[LP_URL_MAX]);

/* Tries until it has the address, and then calls taken() once with its URL. `url` is the one of
 * lp_follow_open(), which stays open. 0 or -ENOMEM. */
int lp_follow_start(struct event_base *base, struct evhttp *http, const struct lp_listen *wanted,
                    void (*taken)(struct evhttp_bound_socket *bound, const char *url));
void lp_follow_stop(void);
void lp_follow_forked(void); /* in a forked child: forgets the timer; its loop is the parent's */

#endif
