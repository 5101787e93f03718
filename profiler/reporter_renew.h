/* The reporter's shared object copies the first values of its variables when it is loaded, for
 * lp_reporter_renew() (link.h). */
#ifndef LP_REPORTER_RENEW_H
#define LP_REPORTER_RENEW_H

void lp_reporter_keep(void);
void lp_reporter_renew(void);

#endif
