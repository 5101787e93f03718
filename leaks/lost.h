/*
 * What a scene has lost, for its reset to find. It is remembered inverted, so that nothing in
 * memory points to it: to a leak checker that looks for pointers it is as lost as the scene says.
 * It is remembered outside of the heap, so that no profile of the heap shows how.
 *
 * A call loses all that it is to lose, or nothing: until its end that is in a batch of its own,
 * needs no lock, and is given back if the call fails. The batch is its thread's.
 */
#ifndef LEAKS_LOST_H
#define LEAKS_LOST_H

#include <stdint.h>
#include <sys/queue.h>

#include "holding.h"

enum { LOST_MAX = 1 << 18 };

struct lost_block {
    SLIST_ENTRY(lost_block) next;
    uintptr_t inverted;
    int kind;
};
SLIST_HEAD(lost_blocks, lost_block);

/* One a scene; static. */
struct lost {
    void (*give_back)(void *block, int kind); /* a block, or a descriptor: what lose() was told */
    int64_t beside;         /* bytes of the budget, for each: the kernel's, which nobody holds */
    size_t most;            /* 0: LOST_MAX */
    struct holding holding; /* its lock protects the rest */
    size_t taken, used;     /* places: lost ones and those of calls under way; ever taken */
    struct lost_blocks blocks, free;
    struct lost_block
        *places; /* LOST_MAX of them, static: no page of them is there before it is used */
};
#define LOST(give_back_, ...)                                                                      \
    {                                                                                              \
        .give_back = (give_back_), .holding = HOLDING,                                             \
        .places = (struct lost_block[LOST_MAX]){{.kind = 0}}, __VA_ARGS__                          \
    }

/* The call that this thread works on will lose n blocks, and hold `cost` when it has: takes the
 * budget for it. 0 or -ENOSPC. */
int lost_begin(struct lost *lost, struct held cost, size_t n);

/* Between lost_begin() and lost_end(): nobody but the scene's reset will find this block. Inverted
 * right here: nothing that is called with the pointer itself can keep it. */
void lost_put(uintptr_t inverted, int kind);
static inline void lose(const void *block, int kind)
{
    lost_put(~(uintptr_t)block, kind);
}

static inline void lose_fd(int fd)
{
    lose((void *)(intptr_t)fd, 0);
}

/* The newest was not lost, after all. */
void unlose(void);

/* err < 0: gives back what was lost, and the budget. Answers err, also if lost_begin() failed. */
int lost_end(int err);

/* Loses one more, outside of a call, whose budget is taken already. 0 or -ENOSPC: it is not lost.
 * Any thread. */
int lost_one(struct lost *lost, struct held cost, const void *block);

void lost_reset(struct lost *lost, struct held *drained);

/* A give_back for blocks of malloc's, and one for descriptors. */
void lost_free(void *block, int kind);
void lost_close(void *fd, int kind);

#endif
