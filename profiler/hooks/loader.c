/* dl_iterate_phdr(): the loader's own for everyone, a copy without a lock for our unwinder, and by
 * way of a lock of ours for our thread, so that no fork finds it in there.
 * dlclose(): what is going to go is noted first, and that it went. */
#include "hooks/hook.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

#include "record/loaded.h"
#include "record/loader.h"
#include "record/self.h"

LP_FIND(dl_iterate_phdr)
LP_HOOK int dl_iterate_phdr(lp_object_visit *visit, void *arg)
{
    if (lp_self.busy && lp_loader_ready())
        return lp_loader_each(visit, arg);
    if (lp_self.own && lp_loader_ready())
        return lp_loader_walk(visit, arg);
    return LP_REAL(dl_iterate_phdr)(visit, arg);
}

LP_FIND(dlclose)
LP_HOOK int dlclose(void *library)
{
    lp_loaded_look();
    int result = LP_REAL(dlclose)(library);
    lp_loaded_look();
    return result;
}

__attribute__((constructor(101))) static void start(void)
{
    lp_loader_use(LP_REAL(dl_iterate_phdr));
    lp_loader_refresh(NULL, 0);
    lp_loaded_look();
}
