/*
 * Books each row of the difference between the first and the last snapshot: what came there and
 * stayed, and what went. Profiler's thread only.
 */
#ifndef LP_JUDGE_BOOKING_H
#define LP_JUDGE_BOOKING_H

#include "judge/ranking.h"

/* Adds the bookings of a resource to the ranking's suspects. 0 or -ENOMEM. */
int lp_book(struct lp_ranking *ranking, int resource);

/* One more. 0 or -ENOMEM. */
int lp_book_one(struct lp_ranking *ranking, const struct lp_suspect *booking);

/* The coarsest sampling rate that was in force between two snapshots, in bytes for each sample. 0:
 * every block was recorded. */
double lp_coarsest_rate(const struct lp_snapshot *from, const struct lp_snapshot *to);

/* For how many seconds between them the rate was 0. */
double lp_unrecorded(const struct lp_snapshot *from, const struct lp_snapshot *to);

/* How many recorded things make up a row's value: blocks, threads… */
double lp_things_of(const struct lp_tracked *tracked, const struct lp_row *row);

#endif
