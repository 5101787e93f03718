/*
 * What could not be recorded, counted by cause. To add a cause, add a line here. Any thread, any
 * context.
 */
#ifndef LP_SYS_LOSSES_H
#define LP_SYS_LOSSES_H

#include <stdint.h>

#define LP_LOSSES(X)                                                                               \
    X(REENTERED, "reentered") /* a sample came due inside the profiler, e.g. in a signal */        \
    X(NO_STACK, "no_stack")   /* could not be unwound: only the caller is kept */                  \
    X(NO_UNWINDER,                                                                                 \
      "no_unwinder") /* a stack was taken by frame pointers: libunwind was not loaded */           \
    X(STACKS_FULL, "stacks_full")   /* a stack had no place in its table */                        \
    X(SITES_FULL, "sites_full")     /* a stack and size had no place */                            \
    X(BLOCKS_FULL, "blocks_full")   /* a sampled block had no place */                             \
    X(FDS_FULL, "fds_full")         /* a descriptor's number is beyond the table */                \
    X(THREADS_FULL, "threads_full") /* a thread had no place: its creator is not known */          \
    X(LOCKS_FULL, "locks_full")     /* too many locks were waited for at one time: the holder is   \
                                     * not charged with that wait */                               \
    X(MAPS_FULL, "maps_full")       /* a mapping, or a piece of one, had no place */               \
    X(PROCS_FULL, "procs_full")     /* a child process had no place */                             \
    X(OBJECTS, "objects") /* a loaded object had no place, or headers that cannot be read: its     \
                           * addresses have no names */                                            \
    X(FREE_MISSED, "free_missed") /* a free was not seen; noticed when the address was reused */   \
    X(FORKING, "forking") /* came during a fork: a stack (only the caller is kept), a block,       \
                           * a thread, or the end of one */                                        \
    X(WAITED, "waited")   /* a lock of a table was not free within milliseconds: an event, or a    \
                           * removal, was not recorded */                                          \
    X(NO_MEMORY, "no_memory")         /* the kernel refused pages for a table */                   \
    X(THREAD_SILENT, "thread_silent") /* a thread did not show its stack in time */                \
    X(CPU_NO_STACK, "cpu_no_stack")   /* a CPU sample has only the interrupted address */          \
    X(CPU_SAMPLES, "cpu_samples")     /* a CPU sample had no place */

enum lp_loss_cause {
#define X(id, text) LP_LOSS_##id,
    LP_LOSSES(X)
#undef X
        LP_LOSS_COUNT
};

void lp_loss(enum lp_loss_cause cause);
uint64_t lp_losses(enum lp_loss_cause cause);
uint64_t lp_losses_total(void);
const char *lp_loss_name(enum lp_loss_cause cause);

#endif
