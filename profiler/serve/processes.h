/* The list of served processes (record/served.h), at /debug/processes. */
#ifndef LP_SERVE_PROCESSES_H
#define LP_SERVE_PROCESSES_H

#include "record/served.h"

/* Adds or changes this process's entry, of which `url` and `error` are given. */
void lp_processes_enter(struct lp_served *entry);
void lp_processes_leave(void);

#endif
