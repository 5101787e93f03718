/* Periods, as options have them: "100ms", "1s", "2m", "1h". Pure functions. */
#ifndef LP_SYS_PERIOD_H
#define LP_SYS_PERIOD_H

#include <stdint.h>

enum { LP_TRACE_MS_MIN = 100, LP_TRACE_MS_MAX = 3600000 };
#define LP_TRACE_ALLOWED "a period from 100ms to 1h, like 100ms, 1s or 2m"

/* Milliseconds; -EINVAL for anything else than a number with ms, s, m or h in these bounds. */
int64_t lp_trace_period(const char *text);

#endif
