/*
 * How old the live blocks are, by stack: a side table of a heap profile. It is not part of the
 * rows, so it neither splits rows nor keeps them from cancelling out.
 *
 * Ages are counted in ticks (sys/clock.h) and kept in buckets, four per doubling. Every sampled
 * block counts as many blocks as it stands for. So a median is that of the estimated blocks, and is
 * within 12.5 % (plus one tick and the sampling error). The oldest age and a single block's age are
 * exact to the tick. A block's age starts again with realloc.
 *
 * A table never changes after it was taken. It is shared by reference counting. Profiler's threads
 * only.
 */
#ifndef LP_PROFILE_AGES_H
#define LP_PROFILE_AGES_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_AGE_BUCKETS = 124 }; /* enough for 32 bits of ticks */

struct lp_ages;

/* Takes a table: call begin with lp_now_ticks(), then report each site that has blocks in use, then
 * end. End walks the blocks, which takes most of the time, and holds each stripe's lock in turn. If
 * a block's site was not reported, the block came after the figures and is left out. NULL: no
 * memory. begin's result may be passed on even if it is NULL. */
struct lp_ages_taking *lp_ages_begin(uint32_t nsites, uint32_t now);
void lp_ages_expect(struct lp_ages_taking *taking, uint32_t site, uint32_t stack, int64_t objects);
struct lp_ages *lp_ages_end(struct lp_ages_taking *taking);

struct lp_ages *lp_ages_share(struct lp_ages *ages); /* adds an owner; NULL is allowed */
void lp_ages_drop(struct lp_ages *ages);             /* removes an owner; NULL is allowed */
int64_t lp_ages_bytes(const struct lp_ages *ages);   /* size in memory; NULL is allowed */

/* The survivors of one or more stacks. Start with zeros. */
struct lp_age_sum {
    uint32_t oldest, youngest; /* ticks */
    double total, weight[LP_AGE_BUCKETS];
};

/* Adds one stack's survivors. false: it has none. `ages` may be NULL. */
bool lp_ages_add(const struct lp_ages *ages, uint32_t stack, struct lp_age_sum *sum);

struct lp_age {
    int64_t oldest_ns, median_ns;
};

/* false: there are no survivors. */
bool lp_age_of(const struct lp_age_sum *sum, struct lp_age *age);
bool lp_ages_get(const struct lp_ages *ages, uint32_t stack, struct lp_age *age);

/* How many blocks are certainly older than one age and younger than another: those in the buckets
 * that lie entirely between them. */
double lp_age_between(const struct lp_age_sum *sum, int64_t from_ns, int64_t to_ns);

#endif
