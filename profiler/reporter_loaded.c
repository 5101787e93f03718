/*
 * Loads the reporter into a preloaded process. RTLD_LOCAL keeps the symbols of its libraries out of
 * the program's look-ups. RTLD_DEEPBIND keeps these libraries from calling functions of the program
 * that have the same names.
 */
#include "link.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#include "record/loader.h"
#include "record/self.h"
#include "record/unwind.h"

static _Atomic(const struct lp_reporter *) reporter;

const struct lp_reporter *lp_reporter_loaded(void)
{
    return atomic_load_explicit(&reporter, memory_order_acquire);
}

static const struct lp_reporter *load(const char **why)
{
    /* $ORIGIN is the directory that this library was loaded from. */
    void *library = lp_loader_open("$ORIGIN/libleakprof-reporter.so",
                                   RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND);
    if (lp_loader_is_broken()) {
        *why = "a thread was loading a library when this process was forked";
        return NULL;
    }
    if (!library) {
        *why = "libleakprof-reporter.so cannot be loaded: put it beside libleakprof.so, and "
               "install the "
               "libraries that it needs";
        return NULL;
    }
    lp_reporter_entry_function *entry =
        (lp_reporter_entry_function *)dlsym(library, "lp_reporter_entry");
    const struct lp_reporter *found =
        entry ? entry(lp_recorder_call_table, LP_RECORDER_CALL_NAMES) : NULL;
    if (!found)
        *why = "libleakprof-reporter.so is of another build than libleakprof.so: install both from "
               "one build";
    /* cppcheck-suppress resourceLeak ; it stays loaded */
    return found;
}

const struct lp_reporter *lp_reporter(const char **why)
{
    const struct lp_reporter *found = lp_reporter_loaded();
    if (found)
        return found;
    lp_unwind_load(); /* from now on stacks are shown */
    if (lp_self.own)
        lp_loader_enter();
    else if (!lp_loader_enter_soon()) {
        *why = "the loader is busy";
        return NULL;
    }
    int previous = lp_own_enter();
    if (!(found = lp_reporter_loaded())) {
        found = load(why);
        atomic_store_explicit(&reporter, found, memory_order_release);
    }
    lp_own_leave(previous);
    lp_loader_leave();
    return found;
}
