/*
 * Takes stacks, with libunwind. Only unwind.c includes libunwind. Stacks that are taken often are
 * cached (record/stackcache.h).
 *
 * Addresses are leaf first and point into the call: return addresses less one, the interrupted
 * address of a signal as it is.
 *
 * There are two ways. unw_backtrace() takes 0.1 us, but leaves a cache of 256 KiB in each thread
 * that ever used it. Stepping takes about 10 us and leaves nothing. So a thread uses stepping until
 * it has taken enough stacks to justify a cache, and the dump of other threads always uses
 * stepping.
 */
#ifndef LP_RECORD_UNWIND_H
#define LP_RECORD_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* Returns the number (record/stacks.h) of the stack from the frame that `caller` returns to. Pass
 * the hook's __builtin_return_address(0), so that hooks are not shown. If that frame is not found,
 * or no frame above it, the stack is the caller alone (a loss). Set lp_self.busy around it. */
uint32_t lp_stack_of_caller(void *caller);

/* The same for hooks that take a stack at every call and not only for samples. Frequent stacks are
 * cached at any sampling rate, and also in threads that are too short-lived to justify a cache of
 * their own. */
uint32_t lp_stack_of_call(void *caller);

/* For signal handlers: takes the stack that was interrupted. Returns the number of frames, 0 if it
 * does not unwind, or -EBUSY if the signal interrupted the profiler in this thread, because
 * libunwind may be in the middle of a change then. */
int lp_stack_interrupted(uintptr_t *frames, uint32_t max, void *ucontext);

/* Hides frames at start <= address < end: those of the hooks. Call before there are threads. */
void lp_unwind_hide(uintptr_t start, uintptr_t end);

/* Around fork() (record/unwindgate.h), in the forking thread, busy. Of a stack that is needed
 * meanwhile, only the caller is kept (a loss). `above_holder`: a signal handler forks, and the code
 * below it may be inside libunwind, so do not wait. */
void lp_unwind_before_fork(bool above_holder);
void lp_unwind_after_fork(bool child);

/* Invalidates what is cached about addresses, after code was unloaded. Each thread does so before
 * its next stack. Any thread, no lock. */
void lp_unwind_forget(void);

/* Loads libunwind. Until then stacks are taken by frame pointers, which most programs have only in
 * a few functions, so often only the caller is known. Each such stack is counted (a loss). Do not
 * call it in hooks or signal handlers: it takes the loader's lock and allocates. false: libunwind
 * is not installed, or is a version that we do not know; the result does not change later. */
bool lp_unwind_load(void);

/* While libraries are initialized, the thread that takes the first stack loads libunwind, if the
 * process has one thread, libc is ready, and the caller is not the loader. This function prevents
 * that. */
void lp_unwind_not_early(void);

/* The number of threads that have a cache, and the size of one cache in bytes. */
enum { LP_UNWIND_CACHE_BYTES = 256 << 10 };
uint32_t lp_unwind_caches(void);

#endif
