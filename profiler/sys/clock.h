/*
 * The clocks, in nanoseconds. Any thread, any context.
 */
#ifndef LP_SYS_CLOCK_H
#define LP_SYS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Returns 0 if the clock cannot be read, like the CPU clock of a thread that has ended. */
int64_t lp_clock_ns(clockid_t clock);

/* CLOCK_MONOTONIC now, and when the profiler began. */
int64_t lp_now_ns(void);
int64_t lp_began_ns(void);

/* The time since lp_began_ns() in units of LP_TICK_NS, from the cheap clock that the kernel
 * advances every few ms. */
enum { LP_TICK_NS = 10000000 };
uint32_t lp_now_ticks(void);

#endif
