/* What all scenes together may hold unless an option says otherwise: a share of what there is. */
#ifndef SERVER_BUDGET_DEFAULTS_H
#define SERVER_BUDGET_DEFAULTS_H

#include <stdint.h>

struct budget_limits {
    int64_t mem, threads, fds;
};

/* Raises the soft limit of descriptors to the hard one and reads the machine, its cgroup and
 * rlimits. */
void budget_defaults(struct budget_limits *limits);

#endif
