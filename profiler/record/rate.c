#include "record/rate.h"

#include "config.h"
#include "record/autorate.h"
#include "sys/clock.h"
#include "sys/maths.h"

enum { UNKNOWN = -1 };
#define AUTOMATIC (INT64_C(1) << 62) /* record/autorate.c changes the rate beside it */

_Atomic bool lp_rate_look = true;
static _Atomic int64_t current = UNKNOWN; /* the rate, and AUTOMATIC */
static _Atomic uint32_t generation = 1;   /* raised by each change; never 0 */

/* A ring. A writer takes the next number. A slot has its number only while its content is complete.
 */
static _Atomic uint32_t nrates; /* rates so far */
static struct {
    _Atomic uint32_t number; /* numbers begin at 1 */
    _Atomic int64_t bytes, since_ns;
} rates_kept[LP_RATES_KEPT];

static void note_rate(int64_t bytes, int64_t since_ns)
{
    uint32_t i = atomic_fetch_add(&nrates, 1), slot = i % LP_RATES_KEPT;
    atomic_store(&rates_kept[slot].number, 0);
    atomic_store(&rates_kept[slot].bytes, bytes);
    atomic_store(&rates_kept[slot].since_ns, since_ns);
    atomic_store(&rates_kept[slot].number, i + 1);
}

void lp_rates_read(struct lp_rates *rates)
{
    uint32_t ever = atomic_load(&nrates);
    *rates = (struct lp_rates){.dropped = ever > LP_RATES_KEPT ? ever - LP_RATES_KEPT : 0,
                               .automatic = lp_rate_automatic()};
    for (uint32_t i = rates->dropped; i < ever; i++) {
        uint32_t slot = i % LP_RATES_KEPT;
        uint32_t before = atomic_load(&rates_kept[slot].number);
        rates->at[rates->n].bytes = atomic_load(&rates_kept[slot].bytes);
        rates->at[rates->n].since_ns = atomic_load(&rates_kept[slot].since_ns);
        if (before == i + 1 && atomic_load(&rates_kept[slot].number) == before)
            rates->n++;
        else
            rates->dropped++; /* overwritten, or not yet written */
    }
}

/* Sets the first rate, unless another thread has done so. Returns what is in force. */
static int64_t settle(int64_t configured)
{
    int64_t rate = configured == LP_RATE_AUTO ? LP_RATE_START : configured, seen = UNKNOWN;
    int64_t first = configured == LP_RATE_AUTO ? rate | AUTOMATIC : rate;
    if (!atomic_compare_exchange_strong(&current, &seen, first))
        return seen;
    note_rate(rate, 0);
    atomic_store(&lp_rate_look, rate == 1);
    return first;
}

static int64_t in_force(void)
{
    int64_t seen = atomic_load_explicit(&current, memory_order_relaxed);
    return seen != UNKNOWN ? seen : settle(lp_config()->rate); /* in the first malloc */
}

int64_t lp_rate(void)
{
    return in_force() & ~AUTOMATIC;
}

bool lp_rate_automatic(void)
{
    return (in_force() & AUTOMATIC) != 0;
}

/* Lets each thread notice that the rate has changed. */
static void announce(void)
{
    if (atomic_fetch_add(&generation, 1) + 1 == 0)
        atomic_fetch_add(&generation, 1);
    int64_t shown, now = lp_rate();
    do { /* another thread may change it, too */
        shown = now;
        atomic_store(&lp_rate_look, shown == 1);
        now = lp_rate();
    } while (now != shown);
}

static void changed(int64_t old, int64_t bytes)
{
    if (old != bytes)
        note_rate(bytes, lp_now_ns() - lp_began_ns());
    announce();
}

void lp_rate_set(int64_t bytes)
{
    in_force(); /* so that the first rate is recorded before it changes */
    if (bytes != LP_RATE_AUTO)
        changed(atomic_exchange(&current, bytes) & ~AUTOMATIC, bytes);
    else if (!(atomic_fetch_or(&current, AUTOMATIC) & AUTOMATIC))
        lp_autorate_begin();
}

bool lp_rate_follow(int64_t from, int64_t bytes)
{
    int64_t seen = from | AUTOMATIC;
    if (!atomic_compare_exchange_strong(&current, &seen, bytes | AUTOMATIC))
        return false;
    changed(from, bytes);
    return true;
}

void lp_rate_forked(void)
{
    announce();
}

/* splitmix64: one word of state, good enough for intervals, and quick. */
uint64_t lp_random(struct lp_self *self)
{
    if (self->random == 0)
        self->random = (uint64_t)lp_now_ns() ^ (uintptr_t)self * 0x9e3779b97f4a7c15u;
    uint64_t z = self->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t lp_rate_interval(struct lp_self *self, int64_t rate)
{
    if (rate <= 1)
        return rate == 0 ? LP_RATE_INTERVAL_MAX : 0;
    double u = ((double)(lp_random(self) >> 11) + 1) * 0x1p-53; /* (0, 1] */
    double interval = -lp_log(u) * (double)rate;
    return interval < (double)LP_RATE_INTERVAL_MAX ? (uint64_t)interval + 1 : LP_RATE_INTERVAL_MAX;
}

static void set_due(struct lp_self *self, uint64_t interval)
{
    self->point = interval <= LP_RATE_PIECE;
    self->due = self->point ? interval : LP_RATE_PIECE;
}

/* Draws an interval at the rate that is in force now. */
static void renew(struct lp_self *self)
{
    self->generation = atomic_load(&generation);
    self->rate = lp_rate();
    set_due(self, lp_rate_interval(self, self->rate));
}

/* Does a point fall into the next `size` bytes? */
static bool reaches_point(struct lp_self *self, uint64_t size)
{
    if (size < self->due) {
        self->due -= size;
        return false;
    }
    if (self->point)
        return true;
    size -= self->due; /* the piece ends in this block */
    uint64_t interval = lp_rate_interval(self, self->rate);
    if (interval <= size)
        return true;
    set_due(self, interval - size);
    return false;
}

/* While each allocation looks, a thread notices a change wherever its points lie, and draws anew at
 * once. Otherwise it notices a change because its interval ends. Then this block is judged by the
 * old rate. Otherwise blocks with a point would be lost, and figures would be too low. */
bool lp_rate_due(struct lp_self *self, uint64_t size, int64_t *rate)
{
    bool changed = self->generation != atomic_load(&generation);
    if (!changed && self->rate == 1) { /* `due` is 0 and stays so */
        *rate = 1;
        return true;
    }
    if (changed && (self->generation == 0 || self->rate <= 1 || atomic_load(&lp_rate_look))) {
        renew(self);
        changed = false;
    }
    bool sampled = reaches_point(self, size);
    *rate = self->rate;
    if (changed)
        renew(self);
    else if (sampled)
        set_due(self, lp_rate_interval(self, self->rate));
    return sampled && lp_rate() != 0;
}

float lp_rate_weight(uint64_t size, int64_t rate)
{
    if (rate <= 1)
        return 1;
    return (float)(1 / lp_one_minus_exp((double)size / (double)rate));
}
