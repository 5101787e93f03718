/*
 * Closure: a callback's argument keeps the whole request.
 *
 * A service says good-bye when a session ends: to whom, and how long they had been away before
 * their last request. So each request sets the session's callback, and hands over what the callback
 * has to know. The easy argument is the request itself, and for "how long" it keeps the request
 * before. That one was the last callback's argument and keeps the one before it: the chain holds
 * every request of the session, body and all. Languages with closures do this silently, by
 * capturing.
 *
 * What the profiles show: inuse_space grows by one whole request each time, at the malloc in
 * closure_leak. The number of sessions stays the same, and of callbacks, too: look at what hangs on
 * them. When the sessions end, everything is freed: no leak checker complains at the exit.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 16, USER_BYTES = 24 };

struct request {
    struct request *before; /* the session's, when the callback has to know it */
    unsigned at;
    char user[USER_BYTES];
    size_t size;
    char body[];
};

/* All that the callback wants to know. */
struct farewell {
    unsigned at, away;
    char user[USER_BYTES];
};

struct session {
    void (*on_end)(void *arg); /* NULL: nobody has been here yet */
    void *arg;
    struct farewell farewell; /* a place for closure_fixed()'s argument */
};

static struct holding own = HOLDING;
static struct session kept[SESSIONS];   /* closure_leak's; protected by own.lock */
static struct session copied[SESSIONS]; /* closure_fixed's; protected by own.lock */
static unsigned requests;               /* the clock, too; protected by own.lock */
static atomic_uint said;                /* somebody has to hear it, or it is no work */

static int64_t cost_of(size_t size)
{
    return (int64_t)(sizeof(struct request) + size);
}

static void receive(struct request *request, size_t size)
{
    *request = (struct request){.at = requests++, .size = size};
    snprintf(request->user, sizeof(request->user), "user-%u", request->at % SESSIONS);
    memset(request->body, '.', size);
}

static void say_goodbye(const char *user, unsigned away)
{
    atomic_fetch_add_explicit(&said, (unsigned)strlen(user) + away, memory_order_relaxed);
}

static void on_end_farewell(void *arg)
{
    const struct farewell *farewell = arg;

    say_goodbye(farewell->user, farewell->away);
}

/* It is right, when it runs. */
static void on_end_request(void *arg)
{
    struct request *request = arg;

    say_goodbye(request->user, request->before ? request->at - request->before->at : 0);
    while ((request = arg)) {
        arg = request->before;
        free(request);
    }
}

static void end_sessions(struct session *sessions)
{
    for (struct session *session = sessions; session < sessions + SESSIONS; session++)
        if (session->on_end && session->arg)
            session->on_end(session->arg);
}

__attribute__((noinline)) static int closure_fixed(struct scene_call *call)
{
    const int64_t cost = cost_of(call->size);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct request *request = malloc(sizeof(*request) + call->size);
        struct session *session;

        if (!request) {
            err = -ENOMEM;
            break;
        }
        receive(request, call->size);
        session = &copied[request->at % SESSIONS];
        session->farewell.away = session->on_end ? request->at - session->farewell.at : 0;
        session->farewell.at = request->at;
        memcpy(session->farewell.user, request->user, USER_BYTES);
        session->on_end = on_end_farewell;
        session->arg = &session->farewell;
        free(request); /* what the callback needs was copied out of it */
    }
    return work_end(&own, cost, (struct held){0}, err);
}

/* Under the lock: the newest go, the requests before them are the callbacks' arguments again. */
static void undo(unsigned made)
{
    for (unsigned at = requests; made-- > 0;) {
        struct session *session = &kept[--at % SESSIONS];
        struct request *request = session->arg;

        session->arg = request->before;
        free(request);
    }
}

__attribute__((noinline)) static int closure_leak(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call->size);
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct request *request = malloc(sizeof(*request) + call->size);
        struct session *session;

        if (!request) {
            undo(i);
            err = -ENOMEM;
            break;
        }
        receive(request, call->size);
        session = &kept[request->at % SESSIONS];
        request->before = session->arg; /* how long were they away? */
        session->on_end = on_end_request;
        session->arg = request; /* the fatal line: the body stays, and all requests before */
    }
    return work_end(&own, cost, (struct held){.bytes = cost, .objects = call->n}, err);
}

static void closure_reset(struct held *drained)
{
    struct session ended[SESSIONS];

    pthread_mutex_lock(&own.lock);
    end_sessions(copied);
    memset(copied, 0, sizeof(copied));
    memcpy(ended, kept, sizeof(ended));
    memset(kept, 0, sizeof(kept));
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    end_sessions(ended);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(closure);
const struct scene scene_closure = {
    .id = "closure",
    .lab = LAB(closure),
    .title = "A callback's argument keeps the whole request",
    .lesson = "What a callback points to lives as long as the callback; hand it a copy of what it "
              "needs, and let the request go.",
    .resource = "heap",
    .signature =
        "inuse_space grows by a whole request each time at closure_leak, while the number of "
        "sessions and callbacks stays the same; all of it can be reached.",
    .guilty_function = "closure_leak",
    .n_max = 1000,
    .size_default = 20011,
    .size_min = 64,
    .size_max = 64 << 10,
    .leak = closure_leak,
    .fixed = closure_fixed,
    .reset = closure_reset,
    .holding = &own,
};
