/*
 * Which call mapped what: address ranges, each with the stack of its mmap(), mremap() or shmat().
 * What is mapped is said by the kernel (inspect/mappings.c reads /proc/self/maps). This table adds
 * the stack, and separates mappings that the kernel has merged.
 */
#ifndef LP_RECORD_MAPS_H
#define LP_RECORD_MAPS_H

#include "record/ranges.h"

extern struct lp_ranges lp_maps __attribute__((visibility("hidden")));

/* For the rooms above hooks/. As lp_ranges_copy() and lp_ranges_live(). */
uint32_t lp_maps_copy(uint64_t from, struct lp_range *out, uint32_t n);
uint32_t lp_maps_live(void);

#endif
