/*
 * The reporter in a forked child: nothing is left of what the parent's thread had.
 *
 * In the reporter's shared object, all its variables get their first values again. In a linked
 * program, only the server's are reset.
 */
#ifndef LP_REPORTER_RENEW_H
#define LP_REPORTER_RENEW_H

void lp_reporter_keep(void); /* shared object: copies the first values, when it is loaded */
void lp_reporter_renew(void);

#endif
