/*
 * What is open of the files behind the modules. A module gets a reader when a name in it is first
 * looked up. The reader is closed when it was not used for a while, or when others need the room.
 * Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_READERS_H
#define LP_SYMBOLIZE_READERS_H

#include "symbolize/debug.h"
#include "symbolize/objects.h"

enum {
    LP_READERS_HEAP_BYTES = 64 << 20, /* that libdw may allocate; checked before each lookup */
    LP_READERS_IDLE = 5               /* calls of lp_readers_release_idle() */
};

/* Copies of files, all together: 128 MiB, but for a test. */
extern uint64_t lp_readers_max_bytes;

struct lp_reader {
    struct lp_object object;
    struct lp_debug *debug; /* NULL: there is no debug information */
};

/* Good until the next call of this. NULL when memory is out. */
struct lp_reader *lp_reader_of(struct lp_module *module);

/* As lp_debug_look(); 0 also without debug information. */
int lp_reader_look(struct lp_reader *reader, uint64_t pc, struct lp_source sources[LP_INLINED_MAX],
                   uint64_t *entry);

/* Closes what was not used during the last LP_READERS_IDLE calls. When nothing is open, gives back
 * what this thread's mallocs have left resident. */
void lp_readers_release_idle(void);

#endif
