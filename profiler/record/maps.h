/*
 * Which call mapped what: address ranges, each with the stack of its mmap(), mremap() or shmat().
 * What is really mapped is the kernel's to say (inspect/mappings.c asks /proc/self/maps); this
 * table remembers who did it, and tells apart what the kernel has merged.
 */
#ifndef LP_RECORD_MAPS_H
#define LP_RECORD_MAPS_H

#include "record/ranges.h"

extern struct lp_ranges lp_maps __attribute__((visibility("hidden")));

#endif
