/* Counts the program's work, reported with leakprof_count_requests(). Any thread; signal-safe. */
#ifndef LP_RECORD_REQUESTS_H
#define LP_RECORD_REQUESTS_H

#include <stdint.h>

void lp_requests_add(uint64_t n);
int64_t lp_requests(void); /* 0: the program does not report any */

#endif
