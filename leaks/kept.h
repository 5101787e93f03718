/*
 * What a scene keeps on the event loops: connections, mostly. libevent's objects belong to the loop
 * that they were made on, so each loop has a list of its own, and a reset sends every loop to end
 * what is on its list.
 *
 * A round is the work of one request: n things, all of them or none. In a round that stays they are
 * kept until a reset (that is the leak); in one that ends the request is answered when all of them
 * have ended. Rounds and kept things are for the thread of their loop alone; the keeper is for any.
 */
#ifndef LEAKS_KEPT_H
#define LEAKS_KEPT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "scene.h"

struct kept_loop;
struct kept_batch;

/* First in what the scene keeps. */
struct kept {
    LIST_ENTRY(kept) entry;
    struct kept_loop *loop;
    struct kept_batch *batch; /* NULL: it stays */
};

/* One a scene; static. */
struct keeper {
    void (*end)(struct kept *kept); /* frees it and gives its budget back */
    int64_t bytes;                  /* of the budget, for one; and as many descriptors as it has */
    struct held each;               /* what one that stays counts for */
    pthread_mutex_t lock;
    struct kept_loop *loops; /* protected by lock; none is taken out while the server runs */
};
#define KEEPER(end_, bytes_, ...)                                                                  \
    {                                                                                              \
        .end = (end_), .bytes = (bytes_), .each = {__VA_ARGS__}, .lock = PTHREAD_MUTEX_INITIALIZER \
    }

struct round {
    struct keeper *keeper;
    struct scene_call *call;
    struct kept_loop *loop;
    struct kept_batch *batch;
    unsigned made;
};

/* Takes the budget for n things. 0, -ENOSPC or -ENOMEM; only after 0 must round_end() follow. */
int round_start(struct round *round, struct keeper *keeper, struct scene_call *call, bool stays);
void round_add(struct round *round, struct kept *kept);

/* err < 0: ends all that was added, gives the rest of the budget back, and answers err. Else
 * answers what the scene has to answer: 0 or SCENE_LATER. */
int round_end(struct round *round, int err);

/* One thing has come to its end. */
void kept_end(struct kept *kept);

/* One thing of a round that ends stays all the same; the request waits for it no longer. */
void kept_stay(struct kept *kept);

/* What stays now. */
struct held keeper_held(struct keeper *keeper);

/* Sends every loop to end what stays; *drained says what that will be. */
void keeper_reset(struct keeper *keeper, struct held *drained);

/* After the loops have ended: everything ends. */
void keeper_stop(struct keeper *keeper);

#endif
