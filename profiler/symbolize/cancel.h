/*
 * Giving up a look-up of names from another thread.
 */
#ifndef LP_SYMBOLIZE_CANCEL_H
#define LP_SYMBOLIZE_CANCEL_H

#include <stdbool.h>

/* Any thread: until the next lp_symbols_resume(), no new name is looked up, and a server is not
 * waited for. So what is being written ends soon. What is missing for this reason is not cached. */
void lp_symbols_cancel(void);
bool lp_symbols_cancelled(void);

/* false: it was not cancelled. */
bool lp_symbols_uncancel(void);

#endif
