/*
 * The address of a process that another one may have before it, if the text does not give each
 * process its own. As long as the other process has it, this one is served at a free port of the
 * same host, or at "PATH.PID". Once per second it tries to take the address over. So the process
 * that remains has it: a daemon whose parent exits, or one of the workers that are left.
 *
 * A program that another program has started asks for the address. A process that only waits for
 * its children gives it to that program, and takes it back when that ends: timeout, sh -c, su.
 */
#ifndef LP_SERVE_FOLLOW_H
#define LP_SERVE_FOLLOW_H

#include <sys/types.h>

#include "serve/listen.h"

struct event_base;
struct evhttp;
struct evhttp_bound_socket;

/* Like lp_listen_open(), for the address that the child has meanwhile. */
int lp_follow_open(const struct lp_listen *wanted, char url[LP_URL_MAX]);

struct lp_follow {
    struct event_base *base;
    struct evhttp *http;
    const struct lp_listen *wanted;
    const char *token; /* for the process that has the address; NULL: none */
    const char *url;   /* where this process is served meanwhile */
    pid_t instead;     /* the process that the address was given to; 0: none */
    void (*taken)(struct evhttp_bound_socket *bound, const char *url);
};

/* Tries until it has the address, and then calls taken() once with its URL. What the members point
 * to must stay. 0 or -ENOMEM. */
int lp_follow_start(const struct lp_follow *follow);
void lp_follow_stop(void);
void lp_follow_forked(void); /* in a forked child: forgets the timer; its loop is the parent's */

#endif
