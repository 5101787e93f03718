/*
 * Warmup: a control. A service reads each of its page templates when it is first asked for, and
 * keeps it: there are 293 of them, so it grows by a megabyte and then never again. Leaky variant or
 * not, the work is the same.
 *
 * What the profiles show: a comparison that begins at the start of the process has warmup_work at
 * its head and looks like a leak; one that begins after the warm-up is flat. That is why a base is
 * taken after some load, and why three snapshots tell more than two.
 */
#include "holding.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEMPLATES = 293, TEMPLATE_BYTES = 3373 };

static struct holding own = HOLDING; /* of nothing: what is here is not for a reset to give back */
static char *templates[TEMPLATES];   /* protected by own.lock; what is here stays until the end */
static atomic_uint pages;            /* they ask for one template after the other */

static void read_template(char *text, unsigned number)
{
    memset(text, ' ', TEMPLATE_BYTES);
    snprintf(text, TEMPLATE_BYTES, "<h1>Page %u</h1>", number);
}

/* The budget is for what grows without end, and so gets back what a template cost: all of them
 * together are a megabyte, once, and not for a reset to give back. */
__attribute__((noinline)) static int warmup_work(struct scene_call *call)
{
    const int64_t cost = TEMPLATES * (int64_t)TEMPLATE_BYTES;
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        unsigned number = atomic_fetch_add_explicit(&pages, 1, memory_order_relaxed) % TEMPLATES;

        if (templates[number])
            continue;
        templates[number] = malloc(TEMPLATE_BYTES);
        if (templates[number])
            read_template(templates[number], number);
        else
            err = -ENOMEM;
    }
    return work_end(&own, cost, (struct held){0}, err);
}

static void warmup_stop(void)
{
    for (unsigned i = 0; i < TEMPLATES; i++) {
        free(templates[i]);
        templates[i] = NULL;
    }
}

LAB_TEXT(warmup);
const struct scene scene_warmup = {
    .id = "warmup",
    .lab = LAB(warmup),
    .title = "A control: grows, then levels off for good",
    .lesson = "What a service keeps for each of a bounded number of things is a warm-up; take the "
              "base after it.",
    .resource = "none",
    .signature = "inuse_space grows by a megabyte at warmup_work during the first 293 turns and "
                 "stays there; everything else is flat.",
    .n_max = 10000,
    .stop = warmup_stop,
    .leak = warmup_work,
    .fixed = warmup_work,
};
