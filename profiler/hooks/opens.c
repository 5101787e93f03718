/*
 * dlopen(), if the profiler has a list of the loaded objects (record/findobject.h). The first
 * return is a jump: the loader sees the caller. Then the list is refreshed by the next call, or by
 * the profiler's thread.
 */
#include "record/findobject.h"

#ifdef LP_OBJECT_LIST
#include <dlfcn.h>

#include "hooks/hook.h"
#include "hooks/redirect.h"

#define CALLER __builtin_return_address(0)

LP_FIND(dlopen)
LP_HOOK void *dlopen(const char *name, int flags)
{
    if (!name || lp_redirect_by_caller(name, CALLER))
        return LP_REAL(dlopen)(name, flags);
    void *library = LP_REAL(dlopen)(name, flags);
    lp_find_object_opened(library);
    lp_redirect_opened(library, flags);
    return library;
}
#endif
