/*
 * Every distinct stack is stored once and has a number. Stacks are never dropped, so a number means
 * the same stack as long as the process runs. Reading needs no lock.
 *
 * Addresses are leaf first and point *into* the call instruction: return addresses are stored minus
 * one, the interrupted frame of a signal as it is. Profiles show the addresses as stored.
 */
#ifndef LP_RECORD_STACKS_H
#define LP_RECORD_STACKS_H

#include <stdint.h>

enum {
    LP_FRAMES_MAX = 128,  /* deeper stacks lose their outermost frames */
    LP_STACK_NONE = 0,    /* there is no stack: it could not be taken, or the table was full */
    LP_STACK_EARLIER = 1, /* from before the profiler was loaded, or made without a hook */
    LP_STACK_SILENT = 2,  /* the stack of a thread that did not answer */
    LP_STACK_FIRST = 3    /* the first number of a real stack */
};

/* Stands in place of the outermost frame if the stack is not whole. No code is at these addresses.
 */
enum {
    LP_FRAME_CUT = 1,   /* the next frame could not be found */
    LP_FRAME_DEEPER = 2 /* there were more than LP_FRAMES_MAX */
};

struct lp_stack {
    uint32_t nframes; /* 0 for the special ones */
    const uintptr_t *frames;
};

/* Returns the number of this stack. LP_STACK_NONE: the table is full (a loss). Any thread, any
 * signal context; takes no lock. */
uint32_t lp_stack_intern(const uintptr_t *frames, uint32_t nframes);

/* Returns the frames of a stack. An unknown number gives an empty stack. */
struct lp_stack lp_stack_get(uint32_t id);

/* The name of a special stack, shown as a frame ("[made before the profiler looked]"), or NULL. */
const char *lp_stack_special(uint32_t id);

uint32_t lp_stack_count(void);

/* How many stacks a look-up of this one compares, including itself. For tests and the benchmark. */
uint32_t lp_stack_steps(uint32_t id);

#endif
