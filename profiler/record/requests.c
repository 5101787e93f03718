#include "record/requests.h"

#include <stdatomic.h>

static atomic_uint_fast64_t requests;

void lp_requests_add(uint64_t n)
{
    atomic_fetch_add_explicit(&requests, n, memory_order_relaxed);
}

int64_t lp_requests(void)
{
    return (int64_t)atomic_load_explicit(&requests, memory_order_relaxed);
}
