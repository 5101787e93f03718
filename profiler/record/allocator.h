/*
 * Which allocator the program has, and whether its allocations pass the hooks. hooks/allocator.c
 * finds that out before the program's first allocation.
 */
#ifndef LP_RECORD_ALLOCATOR_H
#define LP_RECORD_ALLOCATOR_H

#include <stdbool.h>

enum lp_unseen {
    LP_SEEN,           /* calls of malloc() reach the hooks */
    LP_UNSEEN_PROGRAM, /* the executable defines malloc() */
    LP_UNSEEN_BEFORE,  /* a library that comes before the hooks defines it */
    LP_UNSEEN_REPLACED /* the hooks are called, but something else is executed: valgrind */
};

struct lp_allocator {
    bool libc;             /* it is libc's own malloc */
    enum lp_unseen unseen; /* if not LP_SEEN, no block is recorded */
    const char *file;      /* the library with the allocator, a path; "": the executable */
};
const struct lp_allocator *lp_allocator(void);

/* For hooks/allocator.c alone. */
extern struct lp_allocator lp_allocator_found __attribute__((visibility("hidden")));

/* The name of an allocator that is not libc's, whose figures are not known: "libjemalloc.so.2".
 * NULL: it is libc's. */
const char *lp_allocator_name(void);

/* Why no allocation is recorded, a sentence without a full stop. "": they are. Any thread. */
enum { LP_ALLOCATOR_WHY = 512 };
const char *lp_allocator_why(char out[LP_ALLOCATOR_WHY]);

/* Has a call of malloc() by the program reached the hooks? Any thread, any context. */
bool lp_allocator_used(void);
void lp_allocator_mark_used(void);

#endif
