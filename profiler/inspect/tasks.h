/*
 * The threads that the kernel has, together with the table's rows. Profiler's thread only.
 */
#ifndef LP_INSPECT_TASKS_H
#define LP_INSPECT_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "record/threads.h"

struct lp_tasks {
    pid_t *tids; /* the program's threads, sorted */
    size_t ntids;
    struct lp_thread *known; /* the table's rows, by thread id; read after `tids` */
    size_t nknown;
};

/* 0 or negative errno. Release it in both cases. */
int lp_tasks_read(struct lp_tasks *tasks);
void lp_tasks_release(struct lp_tasks *tasks);

/* The row of this thread, or NULL. */
const struct lp_thread *lp_tasks_known(const struct lp_tasks *tasks, pid_t tid);

/* Is it among `tids`, or has it started since? */
bool lp_tasks_alive(const struct lp_tasks *tasks, pid_t tid);

#endif
