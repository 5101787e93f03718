/* The profiler's own weight, under the same names in text and JSON. Profiler's thread only. */
#ifndef LP_WRITE_FOOTPRINT_H
#define LP_WRITE_FOOTPRINT_H

#include <jansson.h>
#include <stdio.h>

#include "inspect/footprint.h"

/* Comment lines, "# name = value", as Go's heap profile ends in its MemStats. */
void lp_footprint_text(FILE *out, const struct lp_footprint *weight);
json_t *lp_footprint_json(const struct lp_footprint *weight); /* NULL when memory is out */

#endif
