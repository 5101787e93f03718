#include "serve/guesses.h"

#include <stdatomic.h>
#include <stdint.h>

#include "leakprof_server.h"
#include "sys/clock.h"

#define PER_GUESS_NS INT64_C(1000000000)
#define ALLOWED_NS (LP_GUESSES_ALLOWED * PER_GUESS_NS)

static _Atomic uint64_t count;
static _Atomic int64_t
    paid_ns; /* each guess moves it on by a second, and it is never in the past */

void lp_guesses_add(void)
{
    int64_t now = lp_now_ns(), was = atomic_load(&paid_ns), next;
    atomic_fetch_add(&count, 1);
    do {
        next = (was > now ? was : now) + PER_GUESS_NS;
        if (next > now + ALLOWED_NS + PER_GUESS_NS)
            next = now + ALLOWED_NS + PER_GUESS_NS; /* so it is over soon after the last one */
    } while (!atomic_compare_exchange_weak(&paid_ns, &was, next));
}

bool lp_guesses_are_many(void)
{
    return atomic_load(&paid_ns) > lp_now_ns() + ALLOWED_NS;
}

uint64_t leakprof_guard_wrong_tokens(void)
{
    return atomic_load(&count);
}
