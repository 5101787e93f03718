/* libc's sigaction() under its other name. hooks/ replaces the usual one. */
#ifndef LP_SYS_ACTION_H
#define LP_SYS_ACTION_H

#include <signal.h>

#ifdef LP_SANITIZE_thread
#define lp_sys_action sigaction /* the runtime must know of handlers, and calls them itself */
#else
extern int __sigaction(int signal, const struct sigaction *action, struct sigaction *old);
#define lp_sys_action __sigaction
#endif

#endif
