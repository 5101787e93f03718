/*
 * Finds the snapshot that a client names. If there is none, the answer lists those that exist.
 */
#ifndef LP_SERVE_SNAPSHOTS_H
#define LP_SERVE_SNAPSHOTS_H

#include "serve/route.h"
#include "profile/store.h"

/* `id` is a number or a name. NULL: there is none, and the request has been answered. */
const struct lp_snapshot *lp_snapshot_named(struct lp_request *request, const char *id);

/* Finds the profile of this name in a snapshot, and its kind. NULL: there is none, and the request
 * has been answered. */
const struct lp_profile *lp_profile_named(struct lp_request *request,
                                          const struct lp_snapshot *snapshot, const char *name,
                                          const struct lp_profile_kind **kind);

#endif
