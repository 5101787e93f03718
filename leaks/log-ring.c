/*
 * Log ring: an in-memory log without an end.
 *
 * A service remembers its latest log lines for a page that shows them to whoever is on call. They
 * were to be the latest hundred; they are all there ever were, because a list takes what it is
 * given and nobody takes from its head. A line is small and comes with every request, so memory
 * grows as evenly as the traffic, and a busy week is needed to see it.
 *
 * What the profiles show: inuse_space and inuse_objects grow at log_ring_leak by one small block a
 * line; in-use equals what was ever allocated there, for nothing is freed. Every block can be
 * reached from the list.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

enum { LINES = 100 };

struct line {
    STAILQ_ENTRY(line) next;
    struct timespec when;
    char text[313];
};
STAILQ_HEAD(lines, line);

static struct holding own = HOLDING;
static struct line ring[LINES]; /* log_ring_fixed's; protected by own.lock */
static unsigned newest;         /* in ring; protected by own.lock */
static struct lines lines =
    STAILQ_HEAD_INITIALIZER(lines); /* log_ring_leak's; protected by own.lock */
static atomic_uint requests;

static void write_line(struct line *line)
{
    unsigned request = atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed);

    clock_gettime(CLOCK_REALTIME, &line->when);
    snprintf(line->text, sizeof(line->text), "GET /quote?id=%u 200 from 127.0.0.1 in %u us",
             request, 100 + request % 337);
}

static void free_lines(struct lines *list)
{
    while (!STAILQ_EMPTY(list)) {
        struct line *line = STAILQ_FIRST(list);

        STAILQ_REMOVE_HEAD(list, next);
        free(line);
    }
}

/* The ring is part of the program, so it costs no budget. */
__attribute__((noinline)) static int log_ring_fixed(struct scene_call *call)
{
    pthread_mutex_lock(&own.lock);
    for (unsigned i = 0; i < call->n; i++) {
        struct line *line = &ring[newest++ % LINES]; /* in the place of the oldest */

        write_line(line);
    }
    pthread_mutex_unlock(&own.lock);
    return 0;
}

__attribute__((noinline)) static int log_ring_leak(struct scene_call *call)
{
    const int64_t cost = call->n * (int64_t)sizeof(struct line);
    struct lines made = STAILQ_HEAD_INITIALIZER(made);

    if (budget_take(cost, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct line *line = malloc(sizeof(*line));

        if (!line) {
            free_lines(&made);
            budget_give(cost, 0, 0);
            return -ENOMEM;
        }
        write_line(line);
        STAILQ_INSERT_TAIL(&made, line, next);
    }
    pthread_mutex_lock(&own.lock);
    STAILQ_CONCAT(&lines, &made); /* the fatal line: much is put in, and nothing ever taken out */
    own.held.bytes += cost;
    own.held.objects += call->n;
    pthread_mutex_unlock(&own.lock);
    return 0;
}

static void log_ring_reset(struct held *drained)
{
    struct lines all = STAILQ_HEAD_INITIALIZER(all);

    pthread_mutex_lock(&own.lock);
    STAILQ_CONCAT(&all, &lines);
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    free_lines(&all);
    budget_give(drained->bytes, 0, 0);
}

LAB_TEXT(log_ring);
const struct scene scene_log_ring = {
    .id = "log-ring",
    .lab = LAB(log_ring),
    .title = "An in-memory log without an end",
    .lesson = "A list of the latest lines keeps all lines unless something takes the oldest out; "
              "a ring cannot grow.",
    .resource = "heap",
    .signature =
        "inuse_space and inuse_objects grow at log_ring_leak by one small block a line, as "
        "evenly as the traffic; threads and descriptors stay flat.",
    .guilty_function = "log_ring_leak",
    .n_max = 10000,
    .leak = log_ring_leak,
    .fixed = log_ring_fixed,
    .reset = log_ring_reset,
    .holding = &own,
};
