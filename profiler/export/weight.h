/* The profiler's own weight, under the same names in text and JSON. Profiler's thread only. */
#ifndef LP_EXPORT_WEIGHT_H
#define LP_EXPORT_WEIGHT_H

#include <jansson.h>
#include <stdio.h>

#include "snapshot/weight.h"

/* Comment lines, "# name = value", as Go's heap profile ends in its MemStats. */
void lp_weight_text(FILE *out, const struct lp_weight *weight);
json_t *lp_weight_json(const struct lp_weight *weight); /* NULL when memory is out */

#endif
