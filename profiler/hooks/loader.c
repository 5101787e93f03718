/* dlclose(): what is about to go is noted first, and then that it went. */
#include "hooks/hook.h"

#include <dlfcn.h>

#include "record/loaded.h"

LP_FIND(dlclose)
LP_HOOK int dlclose(void *library)
{
    lp_loaded_look();
    int result = LP_REAL(dlclose)(library);
    lp_loaded_look();
    return result;
}
