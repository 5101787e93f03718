/*
 * Hooks replace functions of libc. Only files of this room define libc's names.
 *
 * A hook does what the real function does, with the same result and the same errno, and records
 * what happened. If a thread does the profiler's own work, the hook records that too. Inside the
 * profiler (lp_self.busy) it only calls the real function.
 */
#ifndef LP_HOOKS_HOOK_H
#define LP_HOOKS_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "hooks/real.h"

/* All hooks are in one section, so that the unwinder recognizes them by their addresses and hides
 * their frames. What a libc function calls is then shown under the program's call. */
#define LP_HOOK __attribute__((visibility("default"), section("lp_hooks")))
#define LP_UNSEEN                                                                                  \
    __attribute__((noinline, section("lp_hooks"))) /* hides another function of ours */

/* libc's other name for the same function. */
#define ALSO(name, other)                                                                          \
    LP_HOOK extern __typeof__(name) other __attribute__((alias(#name), copy(name)));

/* Is this the process that the tables describe? False in the child of a vfork, which runs in its
 * parent's memory until it calls exec, and may close all descriptors meanwhile. Any context. */
bool lp_hooks_process(void);

/* Makes it false for good: the hooks record nothing from now on. */
void lp_hooks_silence(void);

/* This thread is about to release a lock. Returns the total ns that others have waited for it since
 * its last release, for lp_wait_caused(). Call it only while lp_contended is not 0 (locks.c). */
int64_t lp_held_up(const void *lock);

/* A child process was made together with a descriptor. hooks/procs.c records it. */
void lp_hooks_forked(pid_t child, void *caller);

/* A stream of popen() is a descriptor (hooks/fds.c) and a child process (hooks/procs.c). pclose()
 * waits for the child. */
void lp_hooks_popened(FILE *file, void *caller);
pid_t lp_hooks_pclosing(FILE *file);
void lp_hooks_pclosed(pid_t child);

#endif
