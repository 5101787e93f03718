/*
 * Which call made which child process, by process id. The kernel knows which children exist
 * (profile/procs.c reads its list). This table adds the stack.
 *
 * A thread that waits in system() is here too, under its own id plus 2^32, because no hook sees the
 * child that system() makes.
 */
#ifndef LP_RECORD_PROCS_H
#define LP_RECORD_PROCS_H

#include <sys/types.h>

#include "record/ranges.h"

extern struct lp_ranges lp_procs __attribute__((visibility("hidden")));

/* For the rooms above hooks/. Like lp_ranges_copy(). lp_procs_cut() drops one key. */
uint32_t lp_procs_copy(uint64_t from, struct lp_range *out, uint32_t n);
void lp_procs_cut(uint64_t key);

static inline uint64_t lp_procs_in_system(pid_t tid)
{
    return UINT64_C(1) << 32 | (uint32_t)tid;
}

#endif
