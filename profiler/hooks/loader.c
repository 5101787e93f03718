/* dlclose(): marks objects that were unloaded. */
#include "hooks/hook.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>

#include "hooks/atfork.h"
#include "record/findobject.h"
#include "record/loaded.h"
#include "record/unwind.h"

LP_FIND(dlclose)
LP_HOOK int dlclose(void *library)
{
    struct link_map *object = library; /* a handle is one; it may be freed by the call */
    struct lp_found before, after;
    void *inside = object ? object->l_ld : NULL;
    bool known = inside && lp_find_object(inside, &before);
    int result = LP_REAL(dlclose)(library);
    lp_atfork_unloaded();
    lp_find_object_closed(inside);
    bool gone = known && (!lp_find_object(inside, &after) || after.eh_frame != before.eh_frame);
    if (lp_loaded_check() || gone) /* gone: it may be in libunwind's caches only */
        lp_unwind_forget();
    return result;
}
