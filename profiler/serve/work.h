/*
 * What may take long is made on a second thread: names from debug information, differences,
 * verdicts and the text of an answer. Meanwhile the loop answers other requests.
 *
 * The loop thread owns the server, the store of snapshots, and the taking of profiles. The worker
 * owns symbolize/, judge/ and write/. It sees a profile or snapshot only while it works on it, and
 * the loop does not change it then.
 *
 * There is one worker, and it makes one answer after the other, in the order of the requests. The
 * worker is created by the loop thread, before requests are accepted, and has the same descriptor
 * table, directories and credentials. It ends before the loop thread does. If it cannot be created,
 * the loop does the work itself.
 */
#ifndef LP_SERVE_WORK_H
#define LP_SERVE_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "serve/client.h"

enum {
    LP_WORK_MAX = 64,         /* how many may wait */
    LP_WORK_AGAIN_SECONDS = 2 /* when a refused client may try again */
};

#define LP_CROWDED "too many answers wait for clients that read slowly; try again later"

struct lp_work;

struct lp_work_steps {
    /* On the loop thread, when its turn has come: takes what the worker will need, so that only one
     * profile at a time is in memory. May be NULL. */
    void (*begin)(struct lp_work *work);
    void (*run)(struct lp_work *work); /* on the worker */
    /* On the loop thread: answers the request and frees the work. http NULL: frees it only, because
     * the client has gone, or the request was refused, or the server stops. */
    void (*done)(struct lp_work *work, struct evhttp_request *http);
};

struct lp_work {
    const struct lp_work_steps *steps;
    uint64_t refused; /* lp_own_refused() when it began */
    bool accepted;    /* it is not refused: the client has waited for it already */
    /* For work.c: */
    struct lp_client client;
    STAILQ_ENTRY(lp_work) link;
};

struct event_base;
struct leakprof_evhttp_gate;

/* 0 or a negative errno. While the gate is crowded, no answer is made. It is no error if the thread
 * cannot be created. */
int lp_work_start(struct event_base *base, struct leakprof_evhttp_gate *gate);

/* Drops what waits. If an answer is being made, no further names are looked up for it, and the call
 * returns when it is complete. Call it before evhttp frees the connections. */
void lp_work_stop(void);
/* Ends the worker, and leaves libevent alone. Call lp_work_forked() next. */
void lp_work_abandon(void);
void lp_work_forked(void); /* in a forked child: forgets all; it is the parent's */

/* Answers the request later. If too many wait, or there is no memory, answers with an error. */
void lp_work_add(struct lp_work *work, struct evhttp_request *http);

/* Call it once a second: releases what names have left in memory, if nothing else is to be done. */
void lp_work_idle(void);

#endif
