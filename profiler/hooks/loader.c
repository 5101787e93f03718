/* dlclose(): marks objects that were unloaded. */
#include "hooks/hook.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>

#include "hooks/atfork.h"
#include "record/loaded.h"
#include "record/unwind.h"

LP_FIND(dlclose)
LP_HOOK int dlclose(void *library)
{
    struct link_map *object = library; /* a handle is one; it may be freed by the call */
    struct dl_find_object before, after;
    void *inside = object ? object->l_ld : NULL;
    bool known = inside && _dl_find_object(inside, &before) == 0;
    int result = LP_REAL(dlclose)(library);
    lp_atfork_unloaded();
    bool gone = known && (_dl_find_object(inside, &after) != 0 ||
                          after.dlfo_eh_frame != before.dlfo_eh_frame);
    if (lp_loaded_check() || gone) /* gone: it may be in libunwind's caches only */
        lp_unwind_forget();
    return result;
}
