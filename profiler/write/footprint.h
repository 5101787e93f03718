/* What the profiler itself uses, with the same names in text and JSON. */
#ifndef LP_WRITE_FOOTPRINT_H
#define LP_WRITE_FOOTPRINT_H

#include <stdio.h>

#include "inspect/footprint.h"
#include "write/jsonout.h"

/* Comment lines, "# name = value", like the MemStats at the end of Go's heap profile. */
void lp_footprint_text(FILE *out, const struct lp_footprint *footprint);
void lp_footprint_json(struct lp_json *json, const char *key, const struct lp_footprint *footprint);

#endif
