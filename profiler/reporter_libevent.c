/*
 * The libevent in the reporter's shared object: it is linked into it, so it is not the libevent
 * that the program may use. It gets the reserve, it writes no warnings, and where it would end the
 * process, the profiler's server ends.
 *
 * libevent's archive is for programs: it uses stderr as only the main program may. So the linker
 * puts another variable in its place (--wrap).
 */
#include "reporter_libevent.h"

#include <stddef.h>
#include <stdio.h>
#include <event2/event.h>

#include "leakprof_evhttp.h"
#include "serve/server.h"

extern FILE *__wrap_stderr __attribute__((visibility("hidden")));
FILE *__wrap_stderr; /* log.c uses it only if there is no log callback */

static void ignore(int severity, const char *text)
{
    (void)severity, (void)text;
}

static void on_fatal(int error)
{
    (void)error;
    lp_server_abandon();
}

void lp_reporter_libevent(void)
{
    leakprof_evhttp_reserve();
    event_set_log_callback(ignore);
    event_set_fatal_callback(on_fatal);
}
