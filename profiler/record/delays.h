/*
 * Time spent waiting, by stack: of those who waited (block) and of those who made others wait
 * (mutex). How many waits there were and how long they took; both only rise.
 *
 * Figures are estimates of all waits, not counts of those recorded: each stands for `weight` of its
 * kind, one in so many being recorded. The estimate's variance is the sum of weight (weight - 1)
 * over the recorded ones, times the square of the wait for time.
 * Any thread, any context; no lock.
 */
#ifndef LP_RECORD_DELAYS_H
#define LP_RECORD_DELAYS_H

#include <stdbool.h>
#include <stdint.h>

enum lp_waits { LP_WAITS_BLOCK, LP_WAITS_MUTEX, LP_WAITS_KINDS };

/* A wait of ns was recorded at this stack (record/stacks.h). Without memory it is a loss. */
void lp_delays_add(enum lp_waits kind, uint32_t stack, int64_t ns, double weight);

struct lp_delays_figures {
    int64_t count, ns;
    double count_var, ns_var;
};

/* Rows go by stack: 0 up to, not including, this. false: nobody waited there. */
uint32_t lp_delays_limit(void);
bool lp_delays_read(enum lp_waits kind, uint32_t stack, struct lp_delays_figures *figures);

#endif
