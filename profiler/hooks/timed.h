/*
 * Times a real function that waits, for the block profile.
 *
 * Most of them are cancellation points. A cancelled thread never returns from the real function.
 * pthread_cleanup_push() ensures that its wait is recorded too. (In C without exceptions, that uses
 * libc's own list of handlers. A cleanup attribute would call _Unwind_Resume() of libunwind, which
 * cannot continue what libgcc began.)
 */
#ifndef LP_HOOKS_TIMED_H
#define LP_HOOKS_TIMED_H

#include <pthread.h>
#include <stdint.h>

#include "record/waits.h"
#include "hooks/hook.h"

struct lp_timed {
    int64_t began_ns; /* 0: it is not recorded */
    void *caller;
};

static inline struct lp_timed lp_timed_begin(void *caller)
{
    return (struct lp_timed){lp_hooks_process() ? lp_wait_begin() : 0, caller};
}

static inline void lp_timed_end(void *timed)
{
    struct lp_timed *t = timed;
    lp_wait_end(t->began_ns, t->caller);
}

/* Times a call. did_wait: an expression of `result`, true if the call waited. */
#define LP_TIMED_CALL(call, caller, did_wait)                                                      \
    ({                                                                                             \
        struct lp_timed timed = lp_timed_begin(caller);                                            \
        int result;                                                                                \
        pthread_cleanup_push(lp_timed_end, &timed);                                                \
        result = (call);                                                                           \
        pthread_cleanup_pop(0);                                                                    \
        if (did_wait)                                                                              \
            lp_timed_end(&timed);                                                                  \
        result;                                                                                    \
    })
#define LP_TIMED(name, args, caller, did_wait) LP_TIMED_CALL(LP_REAL(name) args, caller, did_wait)

#endif
