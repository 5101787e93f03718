/*
 * C++'s operators new and delete, and the functions that jemalloc has beyond malloc(3), of an
 * allocator that defines them: they do not call its malloc() and free(). libc's malloc needs none
 * of these: the operators of C++'s own library call malloc() and free().
 *
 * operator new may throw. So nothing of the profiler's is under way when the real one is called.
 */
#include <stddef.h>
#include <errno.h>

#include "hooks/allocator.h"
#include "hooks/heap.h"
#include "hooks/hook.h"
#include "hooks/redirect.h"
#include "hooks/symbols.h"
#include "record/hooktime.h"
#include "record/sites.h"

/* A new block that passes() has not let pass. */
__attribute__((noinline)) static void *got(void *block, size_t size, void *caller)
{
    int64_t rate;
    if (!block)
        return NULL;
    if (lp_self.own) {
        lp_heap_own_got(block);
        return block;
    }
    lp_allocator_mark_used();
    if (!lp_heap_due(size, &rate))
        return block;
    lp_self.busy = true;
    int64_t began = lp_hooktime_begin();
    lp_heap_record(block, size, rate, caller);
    lp_hooktime_end(began);
    lp_self.busy = false;
    return block;
}

static inline void lost(void *block)
{
    if (!unrecorded(block) && block)
        lp_heap_forget(block);
}

/* X(the symbol, its parameters, the same as arguments) */
#define NEWS(X)                                                                                    \
    X(_Znwm, (size_t bytes), (bytes))                                                              \
    X(_ZnwmRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))                  \
    X(_ZnwmSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))                  \
    X(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t alignment, const void *nothrow),   \
      (bytes, alignment, nothrow))                                                                 \
    X(_Znam, (size_t bytes), (bytes))                                                              \
    X(_ZnamRKSt9nothrow_t, (size_t bytes, const void *nothrow), (bytes, nothrow))                  \
    X(_ZnamSt11align_val_t, (size_t bytes, size_t alignment), (bytes, alignment))                  \
    X(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t bytes, size_t alignment, const void *nothrow),   \
      (bytes, alignment, nothrow))                                                                 \
    X(mallocx, (size_t bytes, int flags), (bytes, flags))

#define DELETES(X)                                                                                 \
    X(_ZdlPv, (void *block), (block))                                                              \
    X(_ZdlPvm, (void *block, size_t size), (block, size))                                          \
    X(_ZdlPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))                  \
    X(_ZdlPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))                  \
    X(_ZdlPvmSt11align_val_t, (void *block, size_t size, size_t alignment),                        \
      (block, size, alignment))                                                                    \
    X(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),   \
      (block, alignment, nothrow))                                                                 \
    X(_ZdaPv, (void *block), (block))                                                              \
    X(_ZdaPvm, (void *block, size_t size), (block, size))                                          \
    X(_ZdaPvRKSt9nothrow_t, (void *block, const void *nothrow), (block, nothrow))                  \
    X(_ZdaPvSt11align_val_t, (void *block, size_t alignment), (block, alignment))                  \
    X(_ZdaPvmSt11align_val_t, (void *block, size_t size, size_t alignment),                        \
      (block, size, alignment))                                                                    \
    X(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *block, size_t alignment, const void *nothrow),   \
      (block, alignment, nothrow))                                                                 \
    X(dallocx, (void *block, int flags), (block, flags))                                           \
    X(sdallocx, (void *block, size_t size, int flags), (block, size, flags))                       \
    X(free_sized, (void *block, size_t size), (block, size))                                       \
    X(free_aligned_sized, (void *block, size_t alignment, size_t size), (block, alignment, size))

#define NEW(name, params, args)                                                                    \
    static void *(*real_##name)params;                                                             \
    LP_UNSEEN static void *hook_##name params                                                      \
    {                                                                                              \
        if (passes(bytes))                                                                         \
            return real_##name args;                                                               \
        return got(real_##name args, bytes, CALLER);                                               \
    }
NEWS(NEW)

#define DELETE(name, params, args)                                                                 \
    static void(*real_##name) params;                                                              \
    LP_UNSEEN static void hook_##name params                                                       \
    {                                                                                              \
        lost(block);                                                                               \
        real_##name args;                                                                          \
    }
DELETES(DELETE)

static void *(*real_rallocx)(void *block, size_t size, int flags);
LP_UNSEEN static void *hook_rallocx(void *block, size_t size, int flags)
{
    struct lp_block old;
    bool recorded = !unrecorded(block) && !lp_heap_absent(block) &&
                    lp_block_remove((uintptr_t)block, &old) == 0;
    void *moved = real_rallocx(block, size, flags);
    if (recorded && (moved || lp_block_insert(&old) != 0))
        lp_site_free(old.site, old.size, old.weight);
    return !moved || passes(size) ? moved : got(moved, size, CALLER);
}

void lp_operators_redirect(const struct lp_symbols *allocator)
{
#define REDIRECT(name, params, args)                                                               \
    real_##name = (__typeof__(real_##name))lp_symbols_find(allocator, #name);                      \
    lp_redirect(#name, (void *)hook_##name, (void *)real_##name);
    NEWS(REDIRECT)
    DELETES(REDIRECT)
    REDIRECT(rallocx, , )
}
