/*
 * What grew between two snapshots, ranked, over all resources at once.
 *
 * Places are the guilty frames (function, file, line) of the stacks whose growth_value grew; growth
 * at one place is added up. A place is listed when its growth is more than LP_SUSPECT_SIGMAS
 * standard errors and more than the resource's floor (export/ranking.h). The rank is the share of
 * what the process may have at most that the growth used up: heap against the machine's memory (or
 * the cgroup's limit), threads against the limit of threads, descriptors against RLIMIT_NOFILE. The
 * first suspect is what would bring the process down first.
 *
 * Churn is a place that allocated much in the window and kept next to nothing of it: its growth is
 * too small to be a suspect's, and at most an eighth of what it allocated. So is one that is merely
 * at work when the second snapshot is taken: what it allocated in the first nine tenths of the
 * window has all gone, and what is left is at most a sixteenth of the whole. Neither is a suspect.
 */
#ifndef LP_EXPORT_SUSPECTS_H
#define LP_EXPORT_SUSPECTS_H

#include <stdio.h>

#include "snapshot/store.h"

int lp_write_suspects_json(FILE *out, const struct lp_snapshot *from, const struct lp_snapshot *to);
int lp_write_suspects_text(FILE *out, const struct lp_snapshot *from, const struct lp_snapshot *to);

#endif
