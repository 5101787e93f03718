/*
 * The threads that the kernel has, against those that the table knows. Profiler's thread only.
 */
#ifndef LP_INSPECT_TASKS_H
#define LP_INSPECT_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "record/threads.h"

struct lp_tasks {
    pid_t *tids; /* the program's, in order; without those that are about to go */
    size_t ntids;
    struct lp_thread *known; /* the table's rows, by thread id; taken after `tids` */
    size_t nknown;
};

/* 0 or negative errno; to be released either way. */
int lp_tasks_read(struct lp_tasks *tasks);
void lp_tasks_release(struct lp_tasks *tasks);

/* What the table knows of this thread, or NULL. */
const struct lp_thread *lp_tasks_known(const struct lp_tasks *tasks, pid_t tid);

/* Is it among `tids`, or has it come since? */
bool lp_tasks_alive(const struct lp_tasks *tasks, pid_t tid);

#endif
