#ifndef LP_REPORTER_LIBEVENT_H
#define LP_REPORTER_LIBEVENT_H

/* Sets up the reporter's own libevent: before its first use, and in a forked child. */
void lp_reporter_libevent(void);

#endif
