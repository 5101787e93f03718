/* What leakprof_start(), leakprof_stop() and leakprof_url() do (leakprof.h). */
#ifndef LP_SERVE_SERVER_H
#define LP_SERVE_SERVER_H

#include "leakprof.h"

int lp_server_start(const struct leakprof_options *options);
void lp_server_stop(void);
const char *lp_server_url(void);

#endif
