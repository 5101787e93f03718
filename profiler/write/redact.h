/*
 * What redact=1 leaves out: the addresses, peers and paths of descriptors, and the files of
 * mappings. What belongs to the program's code stays: functions, source files, object files.
 */
#ifndef LP_WRITE_REDACT_H
#define LP_WRITE_REDACT_H

#include <stdbool.h>

#include "profile/profile.h"

enum { LP_REDACTED_MAX = 1024 };

/* The item's state, or without those if `redact`. Returns it, or `out` with it. Never NULL. */
const char *lp_state_of(const struct lp_item *item, bool redact, char out[LP_REDACTED_MAX]);

#endif
