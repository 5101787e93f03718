/*
 * Words and figures for people: amounts in suitable units, times, shares.
 * Pure functions; any thread.
 */
#ifndef LP_WRITE_HUMAN_H
#define LP_WRITE_HUMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LP_HUMAN_MAX = 48 };

/* "1.5 MiB" for bytes, "2.3 ms" for nanoseconds, "1,234" for other units. `sign`: with a sign in
 * front ("+3"). Writes into out and returns it. */
const char *lp_human(char out[LP_HUMAN_MAX], int64_t amount, const char *unit, bool sign);

/* The same with its standard error: "1.5 MiB ± 20 KiB". Only the amount if the error is 0. */
const char *lp_human_error(char out[2 * LP_HUMAN_MAX], int64_t amount, double error,
                           const char *unit, bool sign);

/* "2.3 s", "12.3 min", "5.2 h", "3.1 days". "<10 ms" below the resolution of the tables. */
const char *lp_human_age(char out[LP_HUMAN_MAX], int64_t age_ns);

/* "2026-01-31 12:00:00 UTC" */
const char *lp_human_time(char out[LP_HUMAN_MAX], int64_t time_ns);

/* "12.3 %" of a whole. "0 %" if the whole is 0. */
const char *lp_human_share(char out[LP_HUMAN_MAX], double part, double whole);

#endif
