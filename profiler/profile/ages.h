/*
 * How old the live blocks are, stack by stack: a side table of a heap profile. It is no part of the
 * rows, so it neither splits two rows nor keeps them from cancelling out.
 *
 * Ages are counted in sys/clock.h's ticks and kept in buckets, four to each doubling; every
 * sampled block weighs as many blocks as it stands for. So a median is that of the estimated
 * blocks, and off by 12.5 % at most beyond the tick (and beyond the sampling); the oldest and a
 * single block's age are exact to the tick. A block that realloc has touched was born then.
 *
 * A table never changes once it is taken, and is shared by counting. Profiler's thread only.
 */
#ifndef LP_PROFILE_AGES_H
#define LP_PROFILE_AGES_H

#include <stdbool.h>
#include <stdint.h>

enum { LP_AGE_BUCKETS = 124 }; /* as far as 32 bits of ticks go */

struct lp_ages;

/* Taking one: begin, with lp_now_ticks(); tell it each site that has blocks in use; end walks the
 * blocks, which is where the time goes, holding each shard's lock in turn. A block of a site that
 * was not told came later than the figures and is left out. NULL when memory is out; begin's result
 * may be passed on. */
struct lp_ages_taking *lp_ages_begin(uint32_t nsites, uint32_t now);
void lp_ages_expect(struct lp_ages_taking *taking, uint32_t site, uint32_t stack, int64_t objects);
struct lp_ages *lp_ages_end(struct lp_ages_taking *taking);

struct lp_ages *lp_ages_share(struct lp_ages *ages); /* one more owner; NULL is fine */
void lp_ages_drop(struct lp_ages *ages);             /* one less; NULL is fine */
int64_t lp_ages_bytes(const struct lp_ages *ages);   /* of memory; NULL is fine */

/* The survivors of one or more stacks. All zero to begin with. */
struct lp_age_sum {
    uint32_t oldest, youngest; /* ticks */
    double total, weight[LP_AGE_BUCKETS];
};

/* Adds one stack's survivors; false when it has none. `ages` may be NULL. */
bool lp_ages_add(const struct lp_ages *ages, uint32_t stack, struct lp_age_sum *sum);

struct lp_age {
    int64_t oldest_ns, median_ns;
};

/* false: there are no survivors. */
bool lp_age_of(const struct lp_age_sum *sum, struct lp_age *age);
bool lp_ages_get(const struct lp_ages *ages, uint32_t stack, struct lp_age *age);

/* How many blocks are surely older than one age and younger than another: those of the buckets that
 * lie between them whole. */
double lp_age_between(const struct lp_age_sum *sum, int64_t from_ns, int64_t to_ns);

#endif
