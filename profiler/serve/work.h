/*
 * Requests that take long: the taker takes what the answer needs, and the writer writes it
 * (serve/helpers.h). Meanwhile the loop answers other requests.
 *
 * Answers are written one after the other, in the order of the requests. Each is taken when its
 * turn to be written has come, so that only one profile at a time is in memory. What is only taken
 * does not wait for that: a snapshot is taken while names are looked up.
 */
#ifndef LP_SERVE_WORK_H
#define LP_SERVE_WORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "serve/client.h"
#include "serve/helpers.h"

enum {
    LP_WORK_MAX = 64,         /* how many may wait */
    LP_WORK_AGAIN_SECONDS = 2 /* when a refused client may try again */
};

#define LP_CROWDED "too many answers wait for clients that read slowly; try again later"

struct lp_work;

/* In this order. All but the last may be NULL; one of take and run is not. */
struct lp_work_steps {
    void (*take)(struct lp_work *work);  /* on the taker */
    void (*begin)(struct lp_work *work); /* on the loop thread, before run() */
    void (*run)(struct lp_work *work);   /* on the writer */
    /* On the loop thread: answers the request and frees the work. http NULL: only frees it, because
     * the client has gone, or the request was refused, or the server stops. What is only taken is
     * taken even if the client has gone. */
    void (*done)(struct lp_work *work, struct evhttp_request *http);
};

struct lp_work {
    const struct lp_work_steps *steps;
    bool refused;  /* to the thread that took or wrote it: it may be incomplete */
    bool accepted; /* it is not refused: the client has waited for it already */
    /* For work.c: */
    struct lp_client client;
    struct lp_job job;
    bool waits;       /* it is in the queue */
    atomic_bool gone; /* nobody needs the answer any more */
    STAILQ_ENTRY(lp_work) link;
};

struct event_base;
struct leakprof_evhttp_gate;

/* Starts the helpers, too. 0 or a negative errno. While the gate is crowded, no answer is written.
 */
int lp_work_start(struct event_base *base, struct leakprof_evhttp_gate *gate);

/* Drops what waits, and ends the helpers. If an answer is being written, no further names are
 * looked up for it, and the call returns when it is complete. Call it before evhttp_free(). */
void lp_work_stop(void);
/* Ends the helpers, and leaves libevent alone. Call lp_work_forked() next. */
void lp_work_abandon(void);
void lp_work_forked(void); /* in a forked child: forgets all; it is the parent's */

/* Answers the request later. If too many wait, or there is no memory, answers with an error. */
void lp_work_add(struct lp_work *work, struct evhttp_request *http);

/* Call it once a second: releases what names have left in memory, if nothing else is to be done. */
void lp_work_idle(void);

#endif
