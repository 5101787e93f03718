/*
 * The threadcreate profile: threads by the stack that created them, and their state. A thread that
 * the kernel has is running or detached. One that the kernel no longer has, but that can still be
 * joined, has ended, and its stack stays mapped until it is joined.
 *
 * Threads that the table does not have (the first one, and those that libc makes for itself) have
 * one special stack. A thread that was being created when the table was read has a row without a
 * thread id, and is not counted again.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "inspect/task.h"
#include "inspect/process.h"
#include "profile/kinds.h"
#include "inspect/tasks.h"
#include "record/stacks.h"

#define UNJOINED "exited, not joined"

struct thread {
    int64_t tid, state_ns, age_ns;
    uint32_t creator;
    const char *state, *name;
};

static int put(struct lp_profile *profile, const struct thread *thread)
{
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    const char *name = lp_profile_text(profile, thread->name);
    if (!item || !row || !name)
        return -ENOMEM;
    *item = (struct lp_item){.id = thread->tid,
                             .stack = thread->creator,
                             .name = name,
                             .state = thread->state,
                             .state_ns = thread->state_ns,
                             .age_ns = thread->age_ns,
                             .value = {1}};
    *row = (struct lp_row){.stack = thread->creator, .label_text = thread->state, .value = {1}};
    return 0;
}

static void read_name(pid_t tid, char name[32])
{
    name[0] = '\0';
    if (tid)
        lp_task_read(tid, "comm", name, 32);
    name[strcspn(name, "\n")] = '\0';
}

static int put_known(struct lp_profile *profile, const struct lp_tasks *tasks,
                     const struct lp_thread *known)
{
    char name[32] = "";
    bool alive = known->tid == 0 || lp_tasks_alive(tasks, known->tid);
    int64_t now = lp_now_ns();

    if (!alive && known->detached)
        return 0;
    if (alive)
        read_name(known->tid, name);
    return put(profile, &(struct thread){.tid = known->tid,
                                         .creator = known->stack,
                                         .state = !alive            ? UNJOINED
                                                  : known->detached ? "detached"
                                                                    : "running",
                                         .name = name,
                                         .state_ns = !alive && known->end ? now - known->end : -1,
                                         .age_ns = now - known->birth});
}

static int take(struct lp_profile *profile)
{
    struct lp_tasks tasks;
    size_t being_born = 0;
    int result = lp_tasks_read(&tasks);

    for (size_t i = 0; !result && i < tasks.nknown; i++) {
        being_born += tasks.known[i].tid == 0;
        result = put_known(profile, &tasks, &tasks.known[i]);
    }
    for (size_t i = 0; !result && i < tasks.ntids; i++) {
        pid_t tid = tasks.tids[i];
        char name[32];
        if (lp_tasks_known(&tasks, tid) || lp_task_ended(tid))
            continue;
        if (being_born > 0 && tid != getpid()) {
            being_born--;
            continue;
        }
        read_name(tid, name);
        result = put(profile, &(struct thread){.tid = tid,
                                               .creator = LP_STACK_EARLIER,
                                               .state = "running",
                                               .name = name,
                                               .state_ns = -1,
                                               .age_ns = -1});
    }
    lp_tasks_release(&tasks);
    return result;
}

static int64_t count(void)
{
    return lp_thread_count() + lp_threads_unjoined();
}

/* A running thread is a suspect of the threads profile. */
static bool is_unjoined(const struct lp_row *row)
{
    return row->label_text && strcmp(row->label_text, UNJOINED) == 0;
}

const struct lp_profile_kind lp_threadcreate_kind = {
    .name = "threadcreate",
    .about = "Threads by the stack that created them: running, detached, or exited and not joined. "
             "debug=2 shows each one.",
    .nvalues = 1,
    .values = {{"threadcreate", "count"}},
    .default_value = -1,
    .period = {"threadcreate", "count"},
    .label_key = "state",
    .item = "thread $i [$s$w] \"$n\"",
    .take = take,
    .count = count,
    .resources = {{"unjoined", "count", LP_BOUND_STACKS, 0, is_unjoined}},
};
