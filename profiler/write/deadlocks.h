/*
 * The deadlocks in a snapshot: threads that wait for each other in a circle
 * (inspect/deadlock.h), each with its place.
 */
#ifndef LP_WRITE_DEADLOCKS_H
#define LP_WRITE_DEADLOCKS_H

#include <stdio.h>

#include "profile/store.h"
#include "write/jsonout.h"

/* Nothing if there is none. */
void lp_write_deadlocks_text(FILE *out, const struct lp_snapshot *snapshot);

/* Two members of the object that is open: "deadlocks", a list of circles, and "behind_deadlocks",
 * how many other threads wait for them. */
void lp_write_deadlocks_json(struct lp_json *json, const struct lp_snapshot *snapshot);

#endif
