/* The CPU profile, which Go calls `profile`. It has one row per stack that was sampled in the
 * window. */
#include "profile/cpu.h"

#include <errno.h>

#include "profile/kinds.h"
#include "sys/clock.h"

static int64_t
    began_ns; /* CLOCK_REALTIME at the start, which Go writes as the time of a CPU profile */
static int64_t period;

static int begin(int hz)
{
    int error = lp_cpu_begin(hz);
    if (error)
        return error;
    began_ns = lp_clock_ns(CLOCK_REALTIME);
    period = 1000000000 / hz;
    return 0;
}

static void abandon(void)
{
    struct lp_cpu_figures unwanted;
    lp_cpu_end(&unwanted);
}

struct taking {
    struct lp_profile *profile;
    int result;
};

/* The samples of one stack are a Poisson process: the variance of their number is the number
 * itself. It is a little more if one sample counts for several. It is a little less if a stack
 * takes nearly all the time; that is ignored. */
static void visit(uint32_t stack, int64_t count, int64_t squares, void *arg)
{
    struct taking *taking = arg;
    struct lp_row *row = lp_profile_row(taking->profile);
    if (!row) {
        taking->result = -ENOMEM;
        return;
    }
    *row = (struct lp_row){
        .stack = stack,
        .value = {count, count * period},
        .variance = {0, (double)squares * (double)period * (double)period},
    };
}

static const struct lp_profile_extra extra = {.size = sizeof(struct lp_cpu_figures)};

struct lp_cpu_figures *lp_cpu_of(const struct lp_profile *profile)
{
    return profile->kind->extra == &extra ? (struct lp_cpu_figures *)profile->extra : NULL;
}

static int take(struct lp_profile *profile)
{
    struct taking taking = {profile, 0};
    lp_cpu_end(lp_cpu_of(profile));
    profile->time_ns = began_ns;
    profile->duration_ns = lp_cpu_of(profile)->duration_ns;
    profile->period = period;
    lp_cpu_each(visit, &taking);
    return taking.result;
}

static int64_t count(void)
{
    return 0; /* as on Go's index page: before a CPU profile, there are no rows */
}

static const struct lp_timespan timespan = {
    .seconds = 30,
    .hz_default = LP_CPU_HZ,
    .hz_max = LP_CPU_HZ_MAX,
    .begin = begin,
    .look = lp_cpu_look,
    .abandon = abandon,
};

const struct lp_profile_kind lp_cpu_kind = {
    .name = "profile",
    .about = "CPU time, by the stack that used it. Takes 30 seconds, or ?seconds=; the links here "
             "take 5. Only one can run at a time.",
    .nvalues = 2,
    .values = {{"samples", "count"}, {"cpu", "nanoseconds"}},
    .default_value = -1,
    .shown_value = 1,
    .growth_value = 1,
    .period = {"cpu", "nanoseconds"},
    .take = take,
    .count = count,
    .extra = &extra,
    .timespan = &timespan,
};
