/*
 * A site is a stack that allocates blocks of one size, with the counts of what was allocated and
 * freed there. Sites are never dropped; their counters only rise, and what is in use is the
 * difference.
 *
 * A stack may have LP_SITE_SIZES sites for exact sizes. Further sizes share sites by size class (16
 * bytes apart up to 1 KiB, then eight to each doubling; the site's size is the upper bound). This
 * limits the number of sites where sizes are random, and a site never changes its meaning.
 *
 * Counters are estimates of all allocations, not counts of samples: a sample stands for 1/p blocks,
 * where p = 1 - e^(-size/rate) is the probability that it was sampled (Horvitz-Thompson). The
 * variance of the estimate is the sum of (1-p)/p^2 over the samples, times size^2 for bytes.
 * Any thread, any context; no lock.
 */
#ifndef LP_RECORD_SITES_H
#define LP_RECORD_SITES_H

#include <stdint.h>

enum { LP_SITE_NONE = UINT32_MAX, LP_SITE_SIZES = 64 };

/* The number of the site of this stack and size; LP_SITE_NONE: the table is full (a loss). */
uint32_t lp_site_get(uint32_t stack, uint64_t size);

/* One sampled block of this size was allocated or freed; weight = 1/p, 1 when exact. */
void lp_site_alloc(uint32_t site, uint64_t size, float weight);
void lp_site_free(uint32_t site, uint64_t size, float weight);

struct lp_site_figures {
    uint32_t stack;
    uint64_t size;
    int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
    double alloc_objects_var, alloc_bytes_var, inuse_objects_var, inuse_bytes_var;
};

/* The number of sites, and the i-th (from 0). */
uint32_t lp_site_count(void);
void lp_site_read(uint32_t i, struct lp_site_figures *figures);

#endif
