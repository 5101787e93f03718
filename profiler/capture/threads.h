/*
 * The stacks of all threads of the process, taken one thread at a time by a queued real-time
 * signal. Each asked thread writes its stack into a slot and wakes the asker; one that does not
 * answer in time is reported with what the kernel says of it. Nobody is ever stopped while another
 * is asked. The profiler's own threads are left out. Profiler's thread only.
 */
#ifndef LP_CAPTURE_THREADS_H
#define LP_CAPTURE_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lp_thread_seen {
    pid_t tid;
    uint32_t stack; /* tables/stacks.h */
    char name[16];
    char state[48]; /* "sleeping, in futex" */
    int64_t age_ns; /* since the thread began; -1: not known */
};

/* Calls visit for every thread. 0 or negative errno. */
int lp_threads_walk(void (*visit)(const struct lp_thread_seen *thread, void *arg), void *arg);

#endif
