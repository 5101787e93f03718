/*
 * Which call made which mapping: address ranges, each with the stack of its mmap(), mremap() or
 * shmat(). The kernel knows what is mapped (inspect/mappings.c reads its list). This table adds the
 * stack, and separates mappings that the kernel has merged.
 */
#ifndef LP_RECORD_MAPS_H
#define LP_RECORD_MAPS_H

#include "record/ranges.h"

extern struct lp_ranges lp_maps __attribute__((visibility("hidden")));

/* For the rooms above hooks/. Like lp_ranges_copy() and lp_ranges_live(). */
uint32_t lp_maps_copy(uint64_t from, struct lp_range *out, uint32_t n);
uint32_t lp_maps_live(void);

#endif
