/*
 * How often the heap is sampled: a Poisson process over the bytes that are allocated, one point
 * every `rate` bytes on the average. A block is sampled when a point falls into it, so its chance
 * is p = 1 - e^(-size/rate), whatever was allocated before. Rate 1 means every block, 0 none.
 *
 * The process is memoryless: a thread may throw away what is left of its gap and draw anew, as it
 * does when the rate has changed, and stays unbiased.
 */
#ifndef LP_CAPTURE_RATE_H
#define LP_CAPTURE_RATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/self.h"

#define LP_RATE_MAX (INT64_C(1) << 40)

/* Rises with each change of the rate; starts at 1. Read by every allocation. */
extern _Atomic uint32_t lp_rate_epoch __attribute__((visibility("hidden")));

/* Bytes; before anything was set, what LEAKPROF_RATE says, else the default. */
int64_t lp_rate(void);

/* In force for the next allocation of every thread when it returns. bytes: 0 … LP_RATE_MAX. */
void lp_rate_set(int64_t bytes);

/* Bytes to the next point, for this thread; UINT64_MAX when off, 0 when exact. */
uint64_t lp_rate_gap(struct lp_self *self, int64_t rate);

/* How many blocks of this size one sample stands for: 1/p. */
float lp_rate_weight(uint64_t size, int64_t rate);

/* CLOCK_MONOTONIC now, and when the profiler began, in ns. */
int64_t lp_now_ns(void);
int64_t lp_began_ns(void);

/* The same now in LP_TICK_NS since then, from the cheap clock that the kernel advances every few
 * ms. */
enum { LP_TICK_NS = 10000000 };
uint32_t lp_now_ticks(void);

#endif
