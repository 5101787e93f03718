/* The rates at which the samples of a profile were taken, as text and as JSON. */
#ifndef LP_WRITE_RATES_H
#define LP_WRITE_RATES_H

#include "record/rate.h"
#include "write/jsonout.h"

enum { LP_RATES_TEXT_MAX = 1024 };

/* "rates mixed: 524288 bytes from 0 ns, 1 (exact) from 3.2 s after the start". "" if there was only
 * one rate, unless it follows its cost. Returns out. */
const char *lp_rates_text(char out[LP_RATES_TEXT_MAX], const struct lp_rates *rates);

/* [{"bytes": 524288, "since_ns": 0}, …], oldest first. */
void lp_rates_json(struct lp_json *json, const char *key, const struct lp_rates *rates);

#endif
