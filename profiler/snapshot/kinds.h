/*
 * Inside this room: how each kind of profile is taken. A new profile is one struct here, one file
 * that fills it, and its place in take.c's table.
 */
#ifndef LP_SNAPSHOT_KINDS_H
#define LP_SNAPSHOT_KINDS_H

#include "snapshot/take.h"

/* Each fills an empty profile. 0 or negative errno. */
int lp_take_heap(struct lp_profile *profile);
int lp_take_threads(struct lp_profile *profile);
int lp_take_fds(struct lp_profile *profile);

/* Calls visit for every descriptor that is open now; `own` ones are the profiler's. 0 or negative
 * errno. */
int lp_each_fd(void (*visit)(int fd, bool own, void *arg), void *arg);

/* What /proc/self/statm says is resident; 0 when it cannot be read. */
int64_t lp_rss_bytes(void);

#endif
