/*
 * Capacities of the tables. What has no place is a loss (sys/losses.h). `make TINY=1` builds tables
 * so small that the tests can fill each of them.
 */
#ifndef LP_RECORD_CAPACITY_H
#define LP_RECORD_CAPACITY_H

enum {
#ifdef LP_TINY_TABLES
    LP_STACKS_MAX = 96,
    LP_SITES_MAX = 128,
    LP_BLOCKS_MAX = 512,
    LP_FDS_MAX = 64,
    LP_THREADS_MAX = 32,
    LP_CONTENDED_MAX = 16,
    LP_MAPS_MAX = 64,
    LP_PROCS_MAX = 16,
    LP_LOADED_MAX = 4,
#else
    LP_STACKS_MAX = 1 << 22,
    LP_SITES_MAX = 1 << 22,
    LP_BLOCKS_MAX = (1 << 28) - 1,
    LP_FDS_MAX = 1 << 22,
    LP_THREADS_MAX = 1 << 22,
    LP_CONTENDED_MAX = 1 << 10, /* locks that are waited for at one time */
    LP_MAPS_MAX = 1 << 24,
    LP_PROCS_MAX = 1 << 20,
    LP_LOADED_MAX = 1 << 16, /* loaded objects, counting each load */
#endif
};

#endif
