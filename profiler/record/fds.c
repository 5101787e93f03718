#include "record/fds.h"

#include <stdatomic.h>
#include <stddef.h>

#include "record/capacity.h"
#include "sys/clock.h"
#include "sys/losses.h"
#include "sys/slab.h"

/* A row is one word, which is read and written as a whole: birth in ms (31 bits), own, stack + 1.
 */
LP_SLAB(rows, sizeof(uint64_t), 12, LP_OWN_FDS);
static _Atomic unsigned highest; /* one past the highest number ever seen */

static uint64_t now_ms(void)
{
    return (uint64_t)lp_now_ns() / 1000000;
}

void lp_fd_opened(int fd, uint32_t stack, bool own)
{
    if (fd < 0)
        return;
    if (fd >= LP_FDS_MAX || !lp_slab_segment(&rows, (uint32_t)fd)) {
        lp_loss(LP_LOSS_FDS_FULL);
        return;
    }
    _Atomic uint64_t *row = lp_slab_at(&rows, (uint32_t)fd);
    atomic_store_explicit(row, now_ms() << 33 | (uint64_t)own << 32 | (stack + 1u),
                          memory_order_release);
    unsigned seen = atomic_load_explicit(&highest, memory_order_relaxed);
    while (seen <= (unsigned)fd && !atomic_compare_exchange_weak(&highest, &seen, (unsigned)fd + 1))
        ;
}

void lp_fd_closed(int fd)
{
    if (fd < 0 || (unsigned)fd >= atomic_load_explicit(&highest, memory_order_relaxed))
        return;
    _Atomic uint64_t *row = lp_slab_at(&rows, (uint32_t)fd);
    if (row)
        atomic_store_explicit(row, 0, memory_order_release);
}

void lp_fd_closed_range(unsigned first, unsigned last)
{
    unsigned end = atomic_load_explicit(&highest, memory_order_relaxed);
    for (unsigned fd = first; fd < end && fd <= last; fd++)
        lp_fd_closed((int)fd);
}

bool lp_fd_get(int fd, struct lp_fd *out)
{
    _Atomic uint64_t *row = NULL;
    if (fd >= 0 && (unsigned)fd < atomic_load_explicit(&highest, memory_order_acquire))
        row = lp_slab_at(&rows, (uint32_t)fd);
    uint64_t word = row ? atomic_load_explicit(row, memory_order_acquire) : 0;
    if (!word)
        return false;
    uint64_t now = now_ms(),
             birth = now - ((now - (word >> 33)) & 0x7fffffff); /* it holds 31 bits */
    *out = (struct lp_fd){
        .stack = (uint32_t)word - 1, .own = word >> 32 & 1, .birth = (int64_t)birth * 1000000};
    return true;
}
