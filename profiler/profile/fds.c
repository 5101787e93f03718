/*
 * The fds profile: the descriptors that /proc shows, each with its stack from the table. The
 * profiler's own are left out. Descriptors that were opened before the profiler was loaded, or by a
 * call that no hook sees, have one special stack.
 */
#include <errno.h>
#include <string.h>

#include "sys/clock.h"
#include "inspect/describe.h"
#include "inspect/process.h"
#include "inspect/task.h"
#include "profile/kinds.h"
#include "record/fds.h"
#include "record/stacks.h"

/* IDLE is the sum of the sockets' idle times. In a delta it is negative if idle sockets were closed
 * or used meanwhile. A descriptor whose idle time is not known adds 0. */
enum { FDS, IDLE, QUEUED, REGISTERED, VALUES };

static int put(struct lp_profile *profile, int fd, const struct lp_fd_seen *seen, int64_t now_ns)
{
    struct lp_fd known = {.stack = LP_STACK_EARLIER};
    bool found = lp_fd_get(fd, &known);
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    const char *text = lp_profile_text(profile, seen->state);
    if (!item || !row || !text)
        return -ENOMEM;
    *row = (struct lp_row){.stack = known.stack,
                           .label_text = seen->kind,
                           .value = {[FDS] = 1,
                                     [IDLE] = seen->idle_ns < 0 ? 0 : seen->idle_ns,
                                     [QUEUED] = seen->queued,
                                     [REGISTERED] = seen->registered}};
    *item = (struct lp_item){.id = fd,
                             .stack = known.stack,
                             .name = seen->kind,
                             .state = text,
                             .outside = {0, (uint16_t)seen->outside},
                             .state_ns = seen->idle_ns,
                             .age_ns = found ? now_ns - known.birth : -1};
    memcpy(item->value, row->value, sizeof item->value);
    return 0;
}

static int take_from(struct lp_profile *profile, struct lp_fds *fds)
{
    int64_t now_ns = lp_now_ns();
    int result = 0;
    profile->nrows = profile->nitems = 0;
    for (size_t i = 0; !result && i < fds->list.n; i++) {
        const struct lp_open_fd *open = &((const struct lp_open_fd *)fds->list.at)[i];
        struct lp_fd_seen seen;
        lp_fd_describe(fds, open, &seen);
        if (seen.kind)
            result = put(profile, open->fd, &seen, now_ns);
    }
    return result;
}

/* If the thread whose table was read has ended meanwhile, its descriptors looked closed. */
static int take(struct lp_profile *profile)
{
    enum { TRIES = 4 };
    bool ended = true;
    int result = 0;
    for (int i = 0; i < TRIES && !result && ended; i++) {
        struct lp_fds fds;
        result = lp_fds_read(&fds);
        if (!result)
            result = take_from(profile, &fds);
        ended = lp_task_ended(fds.program);
        lp_fds_release(&fds);
    }
    return result;
}

const struct lp_profile_kind lp_fds_kind = {
    .name = "fds",
    .about = "Open descriptors, by the stack that opened them; with idle time, queues and "
             "registrations. debug=2 shows each one.",
    .nvalues = VALUES,
    .values = {[FDS] = {"fds", "count"},
               [IDLE] = {"idle", "nanoseconds"},
               [QUEUED] = {"queued", "bytes"},
               [REGISTERED] = {"registered", "count"}},
    .default_value = FDS, /* otherwise tools would show the last column */
    .shown_value = FDS,
    .growth_value = FDS,
    .period = {"fds", "count"},
    .label_key = "kind",
    .item = "fd $i [$n]$S",
    .item_age = "open",
    .take = take,
    .count = lp_fd_count,
    .resources = {{"fds", "count", LP_BOUND_FDS, FDS, NULL},
                  {"registered", "count", LP_BOUND_WATCHES, REGISTERED, NULL}},
};
