/* The profiler's thread. It loads the reporter and runs its server. */
#ifndef LP_AGENT_H
#define LP_AGENT_H

#include <stdbool.h>

#include "leakprof.h"

/* Starts the thread and waits until it serves, at most LP_AGENT_PATIENCE_MS. The options are
 * copied. Returns 0; -EALREADY if it is running; -ETIMEDOUT if it is not ready but may become
 * ready; or an error of leakprof_start(), and then the thread has ended. *why is NULL, or a static
 * text with the cause. */
enum { LP_AGENT_PATIENCE_MS = 10000 };
int lp_agent_start(const struct leakprof_options *options, const char **why);

/* From now on, forked children that live on start the thread too, with the same options
 * (hooks/lives.h). */
void lp_agent_follow(void);

/* For a process that was started by one with the same options, and may be a short-lived helper:
 * starts the thread when the process lives on (hooks/lives.h). announce: its address is
 * printed then. The options are copied. */
void lp_agent_start_later(const struct leakprof_options *options, bool announce);

void lp_agent_stop(void);
const char *lp_agent_url(void); /* "" if it does not serve */

#endif
