/*
 * What could not be recorded, counted by cause. One more cause is one more line here.
 * Any thread, any context.
 */
#ifndef LP_SYS_LOSSES_H
#define LP_SYS_LOSSES_H

#include <stdint.h>

#define LP_LOSSES(X)                                                                               \
    X(REENTERED, "reentered") /* a sample came due inside the profiler, e.g. in a signal */        \
    X(NO_STACK, "no_stack")   /* the stack would not unwind: the caller alone stands for it */     \
    X(NO_UNWINDER,                                                                                 \
      "no_unwinder") /* a stack was taken by frame pointers: libunwind was not loaded */           \
    X(STACKS_FULL, "stacks_full")   /* a stack had no place in its table */                        \
    X(SITES_FULL, "sites_full")     /* a stack and size had no place */                            \
    X(BLOCKS_FULL, "blocks_full")   /* a sampled block had no place */                             \
    X(FDS_FULL, "fds_full")         /* a descriptor's number is beyond the table */                \
    X(THREADS_FULL, "threads_full") /* a thread had no place: who created it is not known */       \
    X(LOCKS_FULL, "locks_full") /* one more lock was waited for than has a place: whoever holds    \
                                 * it is not charged with that wait */                             \
    X(MAPS_FULL, "maps_full")   /* a mapping, or a piece of one, had no place */                   \
    X(PROCS_FULL, "procs_full") /* a child process had no place */                                 \
    X(OBJECTS, "objects") /* a loaded object had no place, or headers that cannot be read: its     \
                           * addresses have no names */                                            \
    X(FREE_MISSED,                                                                                 \
      "free_missed")      /* a block's free was not seen; found when its address came back */      \
    X(FORKING, "forking") /* came during a fork: a stack (the caller alone stands for it), or      \
                           * a block, or a thread, or its end */                                   \
    X(WAITED, "waited")   /* a lock of a table was not free within milliseconds: an event, or a    \
                           * removal, was not recorded */                                          \
    X(NO_MEMORY, "no_memory")         /* the kernel refused pages for a table */                   \
    X(THREAD_SILENT, "thread_silent") /* a thread did not show its stack in time */                \
    X(CPU_NO_STACK, "cpu_no_stack")   /* a CPU sample has no stack but the address itself */       \
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
