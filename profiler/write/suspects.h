/*
 * What grew over a series of snapshots, over all resources together, ranked, each with a verdict.
 *
 * Places are the guilty frames (function, file, line) of the stacks that grew, or the callers that
 * explain the growth better (judge/heights.h). Growth at one place is added up. A place is listed
 * if its growth is unlikely by chance (judge/chance.h, judge/discoveries.h). There is no floor.
 * Memory that grew by an eighth of what is held is listed, too, even if it came in one block. The
 * order is by verdict (judge/verdict.h), then by the share of the limit that the growth used up:
 * heap against the machine's memory (or the cgroup's limit), threads against the limit of threads,
 * descriptors against RLIMIT_NOFILE. So the first suspect is the one that would end the process
 * first. Places that grew, but too little or in too few steps, are listed by themselves.
 *
 * Unused memory (profile/unused.h) is listed when it grew, or when it is LP_HIGH_WATER_BYTES and
 * more than the heap in use, under the place that had most of what was freed in the window.
 *
 * Churn is a place that allocated much in the window and kept next to nothing of it: its growth may
 * be none, and is at most an eighth of what it allocated. A place that was only busy
 * when the last snapshot was taken is churn too: all that it allocated in the first nine tenths of
 * the window is gone, and what is left is at most a sixteenth of the whole. Neither is a suspect.
 */
#ifndef LP_WRITE_SUSPECTS_H
#define LP_WRITE_SUSPECTS_H

#include <stdio.h>

#include "judge/ranking.h"

/* Why no allocation has been recorded, or NULL: they are. */
const char *lp_suspects_note(const struct lp_ranking *ranking);

/* 0 or a negative errno. */
int lp_write_suspects_json(FILE *out, const struct lp_series *series);
int lp_write_suspects_text(FILE *out, const struct lp_series *series);

/* When the limit would be reached, and the reason for the verdict. Each is a sentence without its
 * full stop. */
enum { LP_REASON_MAX = 512 };
void lp_suspect_pace(char out[LP_REASON_MAX], const struct lp_ranking *ranking,
                     const struct lp_suspect *suspect);
void lp_suspect_reason(char out[LP_REASON_MAX], const struct lp_ranking *ranking,
                       const struct lp_suspect *suspect);

/* How large a leak would have been seen. */
void lp_suspects_limit(char out[LP_REASON_MAX], const struct lp_ranking *ranking);

#endif
