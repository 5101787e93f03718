/* Child processes, from /proc. Profiler's thread only. */
#ifndef LP_INSPECT_CHILDREN_H
#define LP_INSPECT_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lp_child_seen {
    char name[16], state;
    pid_t parent;
    unsigned long long began; /* in clock ticks since the machine was booted */
};

/* Reads the state of any process. false: there is none, or its file could not be read. */
bool lp_process_look(pid_t pid, struct lp_child_seen *seen);

/* Reads the state of a child. false: this process has no such child, or its file could not be read.
 */
bool lp_child_look(pid_t pid, struct lp_child_seen *seen);
/* true: this process has no such child. false also if its file could not be read. */
bool lp_child_is_gone(pid_t pid);

static inline bool lp_child_is_zombie(const struct lp_child_seen *seen)
{
    return seen->state == 'Z';
}

/* The number of recorded children, and of the zombies among them. */
int64_t lp_children(int64_t *zombies);

#endif
