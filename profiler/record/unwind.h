/*
 * Stacks, by libunwind. unwind.c is the one file of ours that knows it. Those that come again and
 * again are not unwound again (record/stackcache.h).
 *
 * Addresses come out leaf first and point into the call: return addresses less one, the interrupted
 * address of a signal as it is.
 *
 * Two ways, for two cases. unw_backtrace() takes 0.1 us, but leaves a cache of 256 KiB in each
 * thread that ever used it; stepping takes some 10 us and leaves nothing. So a thread steps until
 * it has taken enough stacks to have earned a cache, and the dump of other threads always steps.
 */
#ifndef LP_RECORD_UNWIND_H
#define LP_RECORD_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* The number (record/stacks.h) of the stack from the frame on that returns to `caller` (what the
 * hook's __builtin_return_address(0) says), so that hooks do not show. When it does not unwind that
 * far or any farther, the caller alone (a loss). Set lp_self.busy around it. */
uint32_t lp_stack_of_caller(void *caller);

/* The same for hooks that ask at every call, not at a sample now and then: stacks that come again
 * are known by heart whatever the sampling rate, in threads too that are too short to have earned a
 * cache. */
uint32_t lp_stack_of_call(void *caller);

/* In a signal handler: the stack that was interrupted. Returns the number of frames, 0 if it does
 * not unwind, or -EBUSY if the signal interrupted the profiler in this thread: libunwind may be in
 * the middle of something then. */
int lp_stack_interrupted(uintptr_t *frames, uint32_t max, void *ucontext);

/* Frames at start <= address < end do not show: the hooks'. Call before there are threads. */
void lp_unwind_hide(uintptr_t start, uintptr_t end);

/* Around fork() (record/unwindgate.h), in the forking thread, busy. Stacks that come due meanwhile
 * are the caller alone (a loss). `above_holder`: a signal handler forks, and the frame below it may
 * be inside: nobody is waited for. */
void lp_unwind_before_fork(bool above_holder);
void lp_unwind_after_fork(bool child);

/* Code has gone: what was remembered of its addresses is forgotten, by each thread before its next
 * stack. Any thread, no lock. */
void lp_unwind_forget(void);

/* Loads libunwind. Until then stacks are taken by frame pointers, which most programs have only
 * here and there: often the caller alone is known. Each such stack is counted (a loss). Call when
 * that is safe, for it takes the loader's lock and allocates: not in a hook or signal handler.
 * false: it is not there, or is one that we do not know, and it stays so. */
bool lp_unwind_load(void);

/* While libraries are initialized, the thread that takes the first stack loads it, if the process
 * has one thread, libc is ready, and it is not the loader that calls: unless this was called
 * before. */
void lp_unwind_not_early(void);

/* How many threads have a cache, and how large one is, in bytes. */
enum { LP_UNWIND_CACHE_BYTES = 256 << 10 };
uint32_t lp_unwind_caches(void);

#endif
