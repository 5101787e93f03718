/* The profiler's thread. It loads the reporter and runs its server. */
#ifndef LP_AGENT_H
#define LP_AGENT_H

#include "leakprof.h"

/* Starts the thread and waits until it serves, or LP_AGENT_PATIENCE_MS at most. The options are
 * copied. 0; -EALREADY if it runs; -ETIMEDOUT, and it may serve yet; or as leakprof_start() has it,
 * and the thread has ended. *why is NULL, or says more than the error (a static text). */
enum { LP_AGENT_PATIENCE_MS = 10000 };
int lp_agent_start(const struct leakprof_options *options, const char **why);

void lp_agent_stop(void);
const char *lp_agent_url(void); /* "" when it does not serve */

#endif
