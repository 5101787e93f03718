/*
 * Time spent waiting, by stack: of the threads that waited (block) and of those that made others
 * wait (mutex). The number of waits and their total time. Both only rise.
 *
 * Figures are estimates of all waits, not counts of those recorded: one in `weight` is recorded and
 * stands for that many. The variance of the estimate is the sum of weight (weight - 1) over the
 * recorded waits, times the square of the wait for time. Any thread, any context; no lock.
 */
#ifndef LP_RECORD_DELAYS_H
#define LP_RECORD_DELAYS_H

#include <stdbool.h>
#include <stdint.h>

enum lp_waits { LP_WAITS_BLOCK, LP_WAITS_MUTEX, LP_WAITS_KINDS };

/* Adds a wait of ns at this stack (record/stacks.h). No memory: a loss. */
void lp_delays_add(enum lp_waits kind, uint32_t stack, int64_t ns, double weight);

struct lp_delays_figures {
    int64_t count, ns;
    double count_var, ns_var;
};

/* Rows have the numbers of stacks, from 0 to the limit minus one. false: no wait there. */
uint32_t lp_delays_limit(void);
bool lp_delays_read(enum lp_waits kind, uint32_t stack, struct lp_delays_figures *figures);

#endif
