/* The reserve of leakprof_evhttp_reserve(), for the threads that accept connections. */
#ifndef LP_SERVE_RESERVE_H
#define LP_SERVE_RESERVE_H

#include <stdbool.h>

/* This thread is about to make a connection: its next allocations may take all of the reserve.
 * false: this connection can still be made, but no other should be accepted for a while. */
bool lp_reserve_accepting(void);

#endif
