/* Inside this room: functions of libc that libunwind calls, as record/unwind.c has it call them. */
#ifndef LP_RECORD_UNWINDCALLS_H
#define LP_RECORD_UNWINDCALLS_H

#include <stdint.h>

#include "record/privatelib.h"

/* The last one has no name. */
extern const struct lp_override lp_unwind_calls[] __attribute__((visibility("hidden")));

/* How many bytes of thread-local variables libunwind may have. */
enum { LP_UNWIND_TLS_BYTES = 64 };

/* Of which address libunwind first wanted the object; 0: none yet. */
uintptr_t lp_unwind_calls_wanted(void);

#endif
