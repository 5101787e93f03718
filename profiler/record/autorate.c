#include "record/autorate.h"

#include <stdatomic.h>

#include "record/blocks.h"
#include "record/hooktime.h"
#include "record/rate.h"
#include "record/ratebudget.h"
#include "sys/clock.h"
#include "sys/lock.h"

enum {
    UNIT = 256, /* of objects */
    COST_FIRST_NS = 1000,
    COST_LEAST_NS = 100,
    COST_MOST_NS = 20000,
    TIMED_LEAST = 8 /* fewer timed events tell nothing */
};
#define MS INT64_C(1000000)
#define LOOK_EARLIEST_NS (500 * MS) /* between two looks of the profiler's thread */
#define LOOK_LATEST_NS (2500 * MS)  /* then a sample looks */
#define BURST_NS (20 * MS)          /* what is seen in less is taken as seen in this time */

/* Since the last look. */
static _Atomic int64_t tokens = LP_BUDGET_EXACT;
static _Atomic int64_t samples;
static struct {
    _Atomic uint64_t objects, bytes; /* in 1/UNIT */
} seen[LP_BUDGET_CLASSES];

/* Of the last look; protected by `looking`, which is only tried. */
static struct lp_lock looking;
static _Atomic int64_t looked_ns;
static int64_t cpu_share_ns; /* CPU time of the program per second */
static int64_t cpu_before, cpu_read_ns, live_before;
static struct lp_hooktime spent_before;
static int64_t spent_samples;
static _Atomic bool attended; /* the profiler's thread looks, too */
static _Atomic int64_t cost_ns = COST_FIRST_NS, allowed = LP_BUDGET_EXACT;

/* Reads what was seen since the last look, and begins anew. */
static void take_seen(struct lp_budget_load *load)
{
    for (int c = 0; c < LP_BUDGET_CLASSES; c++) {
        load->class[c].objects = (double)atomic_exchange(&seen[c].objects, 0) / UNIT;
        load->class[c].bytes = (double)atomic_exchange(&seen[c].bytes, 0) / UNIT;
    }
    load->samples = atomic_exchange(&samples, 0);
}

/* The mean of one sample and its free. It follows what is measured slowly upwards, because new
 * stacks cost much at first, and faster downwards, because few samples are timed at a coarse
 * rate. */
static void measure_cost(int64_t taken)
{
    struct lp_hooktime spent = lp_hooktime_read();
    spent_samples += taken;
    if (spent.timed - spent_before.timed < TIMED_LEAST || spent_samples == 0)
        return;
    int64_t cost = (spent.typical_ns - spent_before.typical_ns) / spent_samples;
    int64_t before = atomic_load(&cost_ns);
    cost = cost < before ? (before + cost) / 2 : (3 * before + cost) / 4;
    cost = cost < COST_LEAST_NS ? COST_LEAST_NS : cost > COST_MOST_NS ? COST_MOST_NS : cost;
    atomic_store(&cost_ns, cost);
    spent_before = spent;
    spent_samples = 0;
}

/* `burst`: the tokens are used up. */
static void look(int64_t now, bool burst)
{
    int64_t old = lp_rate();
    struct lp_budget_load load = {.rate = old ? old : LP_RATE_START};
    int64_t live = lp_blocks_live(), elapsed = now - atomic_exchange(&looked_ns, now);
    take_seen(&load);
    measure_cost(load.samples);
    load.elapsed_ns = elapsed < BURST_NS ? BURST_NS : elapsed;
    load.finest = atomic_load(&attended) ? 1 : LP_RATE_START;
    load.cost_ns = atomic_load(&cost_ns);
    load.cpu_ns = (int64_t)((double)cpu_share_ns * (double)load.elapsed_ns / 1e9);
    load.live = live;
    load.grown = live - live_before;
    live_before = live;
    int64_t rate = lp_budget_rate(&load), may = lp_budget_samples(&load, rate);
    atomic_store(&allowed, may);
    atomic_store(&tokens, burst ? may / 4 + 1 : may + may / 2 + 1);
    if (rate != old)
        lp_rate_follow(old, rate);
}

static void try_look(int64_t now, bool burst)
{
    if (!lp_trylock(&looking))
        return;
    look(now, burst);
    lp_unlock(&looking);
}

void lp_autorate_sampled(uint64_t size, float weight)
{
    if (!lp_rate_automatic())
        return;
    int class = lp_budget_class(size);
    double objects = (double)weight * UNIT;
    atomic_fetch_add_explicit(&seen[class].objects, (uint64_t)objects, memory_order_relaxed);
    atomic_fetch_add_explicit(&seen[class].bytes, (uint64_t)(objects * (double)size),
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&samples, 1, memory_order_relaxed);
    int64_t left = atomic_fetch_sub_explicit(&tokens, 1, memory_order_relaxed);
    bool burst = left <= 1, check = left % 16 == 0;
    if (!burst && !check)
        return;
    int64_t now = lp_now_ns();
    if (burst || now - atomic_load_explicit(&looked_ns, memory_order_relaxed) > LOOK_LATEST_NS)
        try_look(now, burst);
}

/* The CPU time that the program has used since it was last read. */
static void measure_cpu(int64_t now)
{
    int64_t elapsed = now - cpu_read_ns;
    if (elapsed < LOOK_EARLIEST_NS)
        return;
    int64_t cpu = lp_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - lp_own_threads_cpu_ns();
    if (cpu_read_ns != 0 && cpu > cpu_before)
        cpu_share_ns = (int64_t)((double)(cpu - cpu_before) * 1e9 / (double)elapsed);
    else
        cpu_share_ns = 0;
    cpu_before = cpu;
    cpu_read_ns = now;
}

/* Begins with every block. The tokens limit what that costs. */
void lp_autorate_begin(void)
{
    atomic_store(&looked_ns, lp_now_ns());
    atomic_store(&tokens, LP_BUDGET_EXACT);
    int64_t old = lp_rate(), first = atomic_load(&attended) ? 1 : LP_RATE_START;
    if (old != first)
        lp_rate_follow(old, first);
}

void lp_autorate_look(void)
{
    int64_t now = lp_now_ns();
    if (!lp_trylock(&looking))
        return;
    measure_cpu(now);
    bool begins = !atomic_exchange(&attended, true);
    if (lp_rate_automatic()) {
        if (begins)
            lp_autorate_begin();
        else if (now - atomic_load(&looked_ns) >= LOOK_EARLIEST_NS)
            look(now, false);
    }
    lp_unlock(&looking);
}

void lp_autorate_leave(void)
{
    atomic_store(&attended, false);
}

void lp_autorate_forked(void)
{
    if (atomic_load(&looking.state) != 0) /* a store would make the kernel copy the page */
        atomic_store(&looking.state, 0);
    if (atomic_load(&attended))
        atomic_store(&attended, false);
    if (cpu_read_ns != 0) /* the parent's */
        cpu_share_ns = cpu_before = cpu_read_ns = 0;
    int64_t old = lp_rate();
    if (old < LP_RATE_START)
        lp_rate_follow(old, LP_RATE_START);
}

struct lp_autorate_state lp_autorate_read(void)
{
    return (struct lp_autorate_state){atomic_load(&allowed), atomic_load(&cost_ns),
                                      lp_blocks_live()};
}
