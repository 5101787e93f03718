/* The work that the program says it has done: see leakprof_count_requests(). Any thread. */
#ifndef LP_RECORD_REQUESTS_H
#define LP_RECORD_REQUESTS_H

#include <stdint.h>

int64_t lp_requests(void); /* 0: it does not count */

#endif
