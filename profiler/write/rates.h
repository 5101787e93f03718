/*
 * At which rates a profile's samples were taken, in words and as JSON. Profiler's thread only.
 */
#ifndef LP_WRITE_RATES_H
#define LP_WRITE_RATES_H

#include <jansson.h>

#include "record/rate.h"

enum { LP_RATES_TEXT_MAX = 1024 };

/* "rates mixed: 524288 bytes from 0 ns, 1 (exact) from 3.2 s after the start", or "" when there was
 * but one. Returns out. */
const char *lp_rates_text(char out[LP_RATES_TEXT_MAX], const struct lp_rates *rates);

/* [{"bytes": 524288, "since_ns": 0}, …], oldest first. NULL when memory is out. */
json_t *lp_rates_json(const struct lp_rates *rates);

#endif
