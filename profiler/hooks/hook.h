/*
 * Standing in for functions of libc. This is the one room whose files define libc's names.
 *
 * A hook does what the real function does, with the same result and the same errno, and notes what
 * happened. In the profiler's own business it notes whose it is; inside the profiler (lp_self.busy)
 * it only passes on.
 */
#ifndef LP_HOOKS_HOOK_H
#define LP_HOOKS_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "hooks/real.h"

/* All hooks lie in one section, so that the unwinder knows them by their addresses and leaves their
 * frames out: what a libc function calls in turn is to stand under the program's call. */
#define LP_HOOK __attribute__((visibility("default"), section("lp_hooks")))
#define LP_UNSEEN                                                                                  \
    __attribute__((noinline, section("lp_hooks"))) /* for others that stay in stacks */

/* Is this the process that the tables describe? Not in the child of a vfork, which runs in its
 * parent's memory until it execs, and may close all descriptors meanwhile. Any context. */
bool lp_hooks_process(void);

/* This thread is about to let go of a lock: for how many ns others have waited for it since
 * somebody last did, all together; for lp_wait_caused(). Ask while lp_contended is not 0 (locks.c).
 */
int64_t lp_held_up(const void *lock);

/* A child process that was made along with a descriptor; hooks/procs.c notes it. */
void lp_hooks_forked(pid_t child, void *caller);

/* A stream of popen() is a descriptor (hooks/fds.c) and a child process (hooks/procs.c), which has
 * been waited for when pclose() returns. */
void lp_hooks_popened(FILE *file, void *caller);
pid_t lp_hooks_pclosing(FILE *file);
void lp_hooks_pclosed(pid_t child);

#endif
