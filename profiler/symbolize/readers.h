/*
 * Open files behind the modules. A module gets a reader when a name in it is first looked up. The
 * reader is closed if it was not used for a while, or if another one needs the memory. Profiler's
 * thread only.
 */
#ifndef LP_SYMBOLIZE_READERS_H
#define LP_SYMBOLIZE_READERS_H

#include "symbolize/debug.h"
#include "symbolize/objects.h"

enum {
    LP_READERS_HEAP_BYTES = 64 << 20, /* what libdw may allocate; checked before each look-up */
    LP_READERS_IDLE = 5               /* calls of lp_readers_release_idle() */
};

/* Limit for all copies of files together: 128 MiB. A test changes it. */
extern uint64_t lp_readers_max_bytes;

struct lp_reader {
    struct lp_object object;
    struct lp_debug *debug; /* NULL: there is no debug information */
};

/* Valid until the next call. NULL: no memory. */
struct lp_reader *lp_reader_of(struct lp_module *module);

/* Like lp_debug_look(). Returns 0 also if there is no debug information. */
int lp_reader_look(struct lp_reader *reader, uint64_t pc, struct lp_source sources[LP_INLINED_MAX],
                   uint64_t *entry);

/* Closes what was not used during the last LP_READERS_IDLE calls. When nothing is open, gives back
 * what this thread's mallocs have left resident. Returns how many bytes that were at most. */
int64_t lp_readers_release_idle(void);

void lp_readers_close(void); /* all of them */

/* Gives back what malloc keeps for the calling thread of memory that was freed. */
void lp_give_back(int64_t bytes);

#endif
