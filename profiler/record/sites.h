/*
 * A site is a stack that allocates blocks of one size, with what was allocated and freed there.
 * Sites are never dropped; their counters only rise, and what is in use is the difference.
 *
 * A stack may have LP_SITE_SIZES sites of its exact sizes; after that, further sizes share sites by
 * size class (16 bytes apart up to 1 KiB, then eight to each doubling; the site's size is the upper
 * bound). So sites stay few even where sizes are random, and a site, once made, means the same for
 * ever.
 *
 * Counters are estimates of all allocations, not counts of samples: each sample stands for
 * 1/p of its kind, p = 1 - e^(-size/rate) being its chance to be sampled (Horvitz-Thompson). The
 * estimate's variance is the sum of (1-p)/p^2 over the samples, times size^2 for bytes.
 * Any thread, any context; no lock.
 */
#ifndef LP_RECORD_SITES_H
#define LP_RECORD_SITES_H

#include <stdint.h>

enum { LP_SITE_NONE = UINT32_MAX, LP_SITE_SIZES = 64 };

/* The number of the site of this stack and size; LP_SITE_NONE when the table is full (a loss). */
uint32_t lp_site_get(uint32_t stack, uint64_t size);

/* One sampled block of this size came or went; weight = 1/p, 1 when exact. */
void lp_site_alloc(uint32_t site, uint64_t size, float weight);
void lp_site_free(uint32_t site, uint64_t size, float weight);

struct lp_site_figures {
    uint32_t stack;
    uint64_t size;
    int64_t alloc_objects, alloc_bytes, inuse_objects, inuse_bytes;
    double alloc_objects_var, alloc_bytes_var, inuse_objects_var, inuse_bytes_var;
};

/* How many sites there are, and the i-th (0 up). */
uint32_t lp_site_count(void);
void lp_site_read(uint32_t i, struct lp_site_figures *figures);

#endif
