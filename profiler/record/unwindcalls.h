/* For record/unwind.c: the functions that libunwind calls in place of libc's. */
#ifndef LP_RECORD_UNWINDCALLS_H
#define LP_RECORD_UNWINDCALLS_H

#include <stdint.h>

#include "record/privatelib.h"

/* The last one has no name. */
extern const struct lp_override lp_unwind_calls[] __attribute__((visibility("hidden")));

/* The most bytes of thread-local variables that libunwind may have. */
enum { LP_UNWIND_TLS_BYTES = 64 };

/* The first address whose object libunwind looked for. 0: none yet. */
uintptr_t lp_unwind_calls_wanted(void);

#endif
