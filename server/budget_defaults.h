/* What all scenes together may hold, unless an option sets it. */
#ifndef SERVER_BUDGET_DEFAULTS_H
#define SERVER_BUDGET_DEFAULTS_H

struct leakprof_limits;

/* Raises the soft limit of descriptors to the hard one. Then takes a quarter of the process's limit
 * of memory, a quarter of its threads and half of its descriptors, the last two up to a maximum. */
void budget_defaults(struct leakprof_limits *budget);

#endif
