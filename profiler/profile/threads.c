/* The threads profile: one item per thread, one row per stack. */
#include <errno.h>

#include "sys/clock.h"
#include "inspect/task.h"
#include "inspect/threads.h"
#include "inspect/process.h"
#include "profile/kinds.h"
#include "inspect/tasks.h"
#include "record/stacks.h"

struct taking {
    struct lp_profile *profile;
    const struct lp_tasks *tasks;
    int result;
};

static void visit(const struct lp_thread_seen *seen, void *arg)
{
    struct taking *taking = arg;
    struct lp_profile *profile = taking->profile;
    const struct lp_thread *known = lp_tasks_known(taking->tasks, seen->tid);
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    if (!item || !row) {
        taking->result = -ENOMEM;
        return;
    }
    *item = (struct lp_item){.id = seen->tid,
                             .stack = seen->stack,
                             .creator = known ? known->stack : LP_STACK_NONE,
                             .name = lp_profile_text(profile, seen->name),
                             .state = lp_profile_text(profile, seen->state),
                             .state_ns = seen->state_ns,
                             .holder = seen->holder,
                             .deadlock = seen->deadlock,
                             .age_ns = known ? lp_now_ns() - known->birth : lp_task_age(seen->tid),
                             .value = {1}};
    if (!item->name || !item->state)
        taking->result = -ENOMEM;
    *row = (struct lp_row){.stack = seen->stack, .value = {1}};
}

static int take(struct lp_profile *profile)
{
    struct lp_tasks tasks;
    struct taking taking = {profile, &tasks, 0};
    int result = lp_tasks_read(&tasks);
    if (!result)
        result = lp_threads_walk(tasks.tids, tasks.ntids, visit, &taking);
    lp_tasks_release(&tasks);
    return result ? result : taking.result;
}

const struct lp_profile_kind lp_threads_kind = {
    .name = "threads",
    .about = "All threads, blocked ones too, by the stack they are in. debug=2 shows each one.",
    .nvalues = 1,
    .values = {{"threads", "count"}},
    .default_value = -1,
    .period = {"threads", "count"},
    .item = "thread $i [$s$w] \"$n\"",
    .take = take,
    .count = lp_thread_count,
    .resources = {{"threads", "count", LP_BOUND_THREADS, 0, NULL}},
};

const struct lp_profile_kind lp_goroutine_kind = {
    .name = "goroutine",
    .about = "The threads profile under the name that Go's tools request.",
    .nvalues = 1,
    .values = {{"goroutine", "count"}},
    .default_value = -1,
    .period = {"goroutine", "count"},
    .item = "thread $i [$s$w] \"$n\"",
    .take = take,
    .count = lp_thread_count,
    .rows_of = &lp_threads_kind,
};
