/* The block and mutex profiles: one row per stack that waited, or made others wait. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "record/waits.h"
#include "profile/kinds.h"

enum { NOTE_MAX = 512 };

static int take_rows(struct lp_profile *profile, enum lp_waits kind)
{
    for (uint32_t stack = 0, limit = lp_delays_limit(); stack < limit; stack++) {
        struct lp_delays_figures f;
        if (!lp_delays_read(kind, stack, &f))
            continue;
        struct lp_row *row = lp_profile_row(profile);
        if (!row)
            return -ENOMEM;
        *row = (struct lp_row){
            .stack = stack, .value = {f.count, f.ns}, .variance = {f.count_var, f.ns_var}};
    }
    return 0;
}

static int64_t count_rows(enum lp_waits kind)
{
    struct lp_delays_figures f;
    int64_t n = 0;
    for (uint32_t stack = 0, limit = lp_delays_limit(); stack < limit; stack++)
        n += lp_delays_read(kind, stack, &f);
    return n;
}

/* An empty profile looks the same if there were no waits and if recording was off. The note tells
 * which. */
static int add_note(struct lp_profile *profile, const struct lp_waits_history *history,
                    const char *sampling, const char *parameter)
{
    char text[NOTE_MAX];
    double began = (double)history->on_since_ns / 1e9;
    int n;
    if (history->on_since_ns < 0)
        n = snprintf(
            text, sizeof text,
            "off, nothing was recorded; PUT /debug/rate?%s=1 records everything from then on",
            parameter);
    else if (history->rate == 0)
        n = snprintf(text, sizeof text,
                     "off now, nothing is added; PUT /debug/rate?%s=1 turns it on; it was last "
                     "turned on %.1f s after the start",
                     parameter, began);
    else
        n = snprintf(text, sizeof text, "%s; on since %.1f s after the start", sampling, began);
    if (history->changes > 0)
        snprintf(text + n, sizeof text - (size_t)n,
                 "; the rate has changed %" PRIu32 " times, and each event is scaled by its own",
                 history->changes);
    profile->note = lp_profile_text(profile, text);
    return profile->note ? 0 : -ENOMEM;
}

static int take_block(struct lp_profile *profile)
{
    struct lp_waits_history history = lp_waits_history(LP_WAITS_BLOCK);
    char sampling[NOTE_MAX / 2] = "every wait is recorded when it is over";
    if (history.rate > 1)
        snprintf(sampling, sizeof sampling,
                 "waits of %" PRId64 " ns or more are recorded when they are over, "
                 "shorter ones in proportion to their length and scaled up",
                 history.rate);
    int result = add_note(profile, &history, sampling, "block_ns");
    return result ? result : take_rows(profile, LP_WAITS_BLOCK);
}

static int take_mutex(struct lp_profile *profile)
{
    struct lp_waits_history history = lp_waits_history(LP_WAITS_MUTEX);
    char sampling[NOTE_MAX / 2] = "every contended unlock is recorded";
    if (history.rate > 1)
        snprintf(sampling, sizeof sampling,
                 "one in %" PRId64 " contended unlocks is recorded and scaled up", history.rate);
    int result = add_note(profile, &history, sampling, "mutex_fraction");
    return result ? result : take_rows(profile, LP_WAITS_MUTEX);
}

/* Both columns only rise, so the variance of the window is the variance that was added in it. */
static int diff_row(struct lp_profile *delta, struct lp_row *row, const struct lp_row *from,
                    const struct lp_row *to)
{
    (void)delta;
    for (int v = 0; v < LP_VALUES_MAX; v++)
        row->variance[v] = fmax(to->variance[v] - from->variance[v], 0);
    return 0;
}

static const struct lp_profile_extra extra = {.diff_row = diff_row};

static int64_t count_block(void)
{
    return count_rows(LP_WAITS_BLOCK);
}

static int64_t count_mutex(void)
{
    return count_rows(LP_WAITS_MUTEX);
}

/* Delays are in ns, and figures are already scaled up. With the true period in the head, pprof
 * would scale them up again. */
#define CONTENTION_HEAD(name) "--- " name ":\ncycles/second=1000000000\n"
#define CONTENTION_ROW "$1 $0 @"

const struct lp_profile_kind lp_block_kind = {
    .name = "block",
    .about =
        "Time that threads waited for others (locks, conditions, semaphores, barriers, joins), "
        "by the stack that waited, counted when it is over. Off until "
        "<code>PUT /debug/rate?block_ns=1</code>.",
    .nvalues = 2,
    .values = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .default_value = -1,
    .shown_value = 1,
    .growth_value = 1,
    .period = {"contentions", "count"},
    .go_head = CONTENTION_HEAD("contention"),
    .go_row = CONTENTION_ROW,
    .take = take_block,
    .count = count_block,
    .extra = &extra,
};

const struct lp_profile_kind lp_mutex_kind = {
    .name = "mutex",
    .about = "Time that holders of locks made others wait, by the stack that released the lock. "
             "Off until "
             "<code>PUT /debug/rate?mutex_fraction=1</code>.",
    .nvalues = 2,
    .values = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .default_value = -1,
    .shown_value = 1,
    .growth_value = 1,
    .period = {"contentions", "count"},
    .go_head = CONTENTION_HEAD("mutex") "sampling period=1\n",
    .go_row = CONTENTION_ROW,
    .take = take_mutex,
    .count = count_mutex,
    .extra = &extra,
};
