/*
 * The fds profile: what /proc/self/fd says is open, with the stack that the table knows for it. The
 * profiler's own descriptors are left out; those that were opened before it looked, or by a way
 * that no hook sees, stand under one special stack.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/rate.h"
#include "record/self.h"
#include "inspect/describe.h"
#include "inspect/fds.h"
#include "inspect/process.h"
#include "profile/kinds.h"
#include "record/fds.h"
#include "record/stacks.h"

/* Idle is a sum over sockets: the seconds that they have been kept for nothing. In a delta it may
 * be negative, when what was idle before has been closed or used. Where it is not known it adds 0.
 */
enum { FDS, IDLE, QUEUED, REGISTERED, VALUES };

struct taking {
    struct lp_profile *profile;
    int64_t now_ns;
    int pidfd;
    int result;
};

static void visit(int fd, bool own, void *arg)
{
    struct taking *taking = arg;
    struct lp_profile *profile = taking->profile;
    struct lp_fd_seen seen = {.kind = NULL};
    if (!own)
        lp_fd_describe(taking->pidfd, fd, &seen);
    if (!seen.kind)
        return;

    struct lp_fd known = {.stack = LP_STACK_EARLIER};
    bool found = lp_fd_get(fd, &known);
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    const char *text = lp_profile_text(profile, seen.state);
    if (!item || !row || !text) {
        taking->result = -ENOMEM;
        return;
    }
    *row = (struct lp_row){.stack = known.stack,
                           .label_text = seen.kind,
                           .value = {[FDS] = 1,
                                     [IDLE] = seen.idle_ns < 0 ? 0 : seen.idle_ns,
                                     [QUEUED] = seen.queued,
                                     [REGISTERED] = seen.registered}};
    *item = (struct lp_item){.id = fd,
                             .stack = known.stack,
                             .name = seen.kind,
                             .state = text,
                             .state_ns = seen.idle_ns,
                             .age_ns = found ? taking->now_ns - known.birth : -1};
    memcpy(item->value, row->value, sizeof item->value);
}

static int take(struct lp_profile *profile)
{
    struct taking taking = {.profile = profile, .now_ns = lp_now_ns(), .pidfd = -1};
    if (lp_own_apart())
        taking.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int result = lp_each_fd(visit, &taking);
    if (taking.pidfd >= 0)
        close(taking.pidfd);
    return result ? result : taking.result;
}

const struct lp_profile_kind lp_fds_kind = {
    .name = "fds",
    .about =
        "Open descriptors, by the stack that opened them; for how long idle, what is queued and "
        "registered behind them. debug=2 shows each by itself.",
    .nvalues = VALUES,
    .values = {[FDS] = {"fds", "count"},
               [IDLE] = {"idle", "nanoseconds"},
               [QUEUED] = {"queued", "bytes"},
               [REGISTERED] = {"registered", "count"}},
    .default_value = FDS, /* tools would show the last one */
    .shown_value = FDS,
    .growth_value = FDS,
    .period = {"fds", "count"},
    .label_key = "kind",
    .item = "fd",
    .take = take,
    .count = lp_fd_count,
    .resources = {{"fds", "count", 4, LP_BOUND_FDS, FDS, NULL},
                  {"registered", "count", 4, LP_BOUND_WATCHES, REGISTERED, NULL}},
};
