#include "record/threads.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "record/capacity.h"
#include "record/self.h"
#include "sys/hold.h"
#include "sys/losses.h"
#include "sys/slab.h"
#include "sys/syscall.h"

/* Handles are found through chains. sys/index.h is not used, because handles are removed again, and
 * because one lock protects the chains together with the rows. */
enum { HEADS = 4096, SWEEP = 2 /* rows of `going` that are checked at every end of a thread */ };

enum state { FREE, RUNS, ENDED };

/* Has the handle been written to the creator's variable? */
enum { TO_TELL, TELLING, TOLD };

/* Protected by `lock`, unless stated otherwise. */
struct row {
    struct lp_thread shown;
    struct lp_thread_order order; /* written before the thread exists */
    pthread_t fresh;              /* pthread_create() writes it, lp_thread_made() reads it */
    _Atomic int telling;
    pthread_t handle;
    enum state state;
    bool has_handle;
    bool creating; /* pthread_create() has not returned, and the row is not reused before that */
    bool done;     /* to be freed when it has returned */
    uint32_t next; /* the next row in its chain of handles, in `spare` or in `going` */
};

static struct lp_lock lock;
LP_SLAB(rows, sizeof(struct row), 10, LP_OWN_THREADS);
static LP_APART uint32_t heads[HEADS]; /* rows with a handle */
static uint32_t spare;                 /* free rows */
static uint32_t going, *last = &going; /* ended and detached, not yet released by the kernel */
static _Atomic int64_t unjoined;
static bool inherited; /* the table is still the parent's: it could not be cleared at the fork */

static struct row *row_at(uint32_t number)
{
    return lp_slab_at(&rows, number - 1);
}

/* NULL if the row has been reused. */
static struct row *row_of(struct lp_thread_ticket ticket)
{
    struct row *row = ticket.row ? row_at(ticket.row) : NULL;
    bool good = row && row->state != FREE && !row->done && row->shown.ticket.use == ticket.use;
    return good ? row : NULL;
}

static uint32_t *head_of(pthread_t handle)
{
    uint64_t h = (uint64_t)handle * 0x9e3779b97f4a7c15u;
    return &heads[(h >> 40) % HEADS];
}

static void forget_handle(struct row *row)
{
    if (!row->has_handle)
        return;
    uint32_t *at = head_of(row->handle);
    while (*at != row->shown.ticket.row)
        at = &row_at(*at)->next;
    *at = row->next;
    row->has_handle = false;
}

static void count_unjoined(const struct row *row, int n)
{
    if (row->state == ENDED && !row->shown.detached)
        atomic_fetch_add_explicit(&unjoined, n, memory_order_relaxed);
}

static void set_free(struct row *row)
{
    forget_handle(row);
    if (!row->done)
        count_unjoined(row, -1);
    row->done = true;
    if (row->creating)
        return;
    row->state = FREE;
    row->next = spare;
    spare = row->shown.ticket.row;
}

/* If another row has this handle, its thread was joined without a hook, or the join was not
 * recorded. Otherwise the handle would not be in use again. */
static void name(struct row *row, pthread_t handle)
{
    if (row->has_handle)
        return;
    uint32_t *head = head_of(handle), next;
    for (uint32_t at = *head; at; at = next) {
        next = row_at(at)->next;
        if (pthread_equal(row_at(at)->handle, handle))
            set_free(row_at(at));
    }
    row->handle = handle;
    row->has_handle = true;
    row->next = *head;
    *head = row->shown.ticket.row;
}

static void let_go(struct row *row)
{
    forget_handle(row);
    row->next = 0;
    *last = row->shown.ticket.row;
    last = &row->next;
}

static void sweep(void)
{
    for (int i = 0; i < SWEEP && going; i++) {
        struct row *row = row_at(going);
        if (lp_syscall(SYS_tgkill, getpid(), row->shown.tid, 0) == 0)
            break;
        if (!(going = row->next))
            last = &going;
        set_free(row);
    }
}

/* A child has one thread. The rows of the others belong to its parent. Only the heads in use are
 * cleared: each of their pages has to be copied first. `half`: the table may be half changed. */
static void forget_others(bool half)
{
    going = spare = 0;
    last = &going;
    for (uint32_t i = 0; half && i < HEADS; i++)
        heads[i] = 0;
    for (uint32_t i = 0, n = lp_slab_count(&rows); i < n; i++) {
        const struct row *row = lp_slab_at(&rows, i);
        if (row->has_handle)
            *head_of(row->handle) = 0;
    }
    for (uint32_t i = lp_slab_count(&rows); i-- > 0;) {
        struct row *row = lp_slab_at(&rows, i);
        bool mine =
            row->state == RUNS && row->has_handle && pthread_equal(row->handle, pthread_self());
        row->has_handle = row->creating = row->done = false;
        row->shown.ticket.row = i + 1;
        if (mine) {
            row->shown.tid = (pid_t)lp_syscall(SYS_gettid);
            name(row, pthread_self());
        } else {
            row->state = FREE;
            row->next = spare;
            spare = i + 1;
        }
    }
    atomic_store(&unjoined, 0);
}

static bool hold(struct lp_held *held)
{
    int patience = lp_self.own ? LP_HOLD_PROFILER : LP_HOLD_PROGRAM;
    if (!lp_hold(&lock, patience, held)) {
        lp_hold_lost(patience);
        return false;
    }
    if (inherited) {
        inherited = false;
        forget_others(true);
    }
    return true;
}

struct lp_thread_ticket lp_thread_new(const struct lp_thread_order *order, uint32_t stack,
                                      int64_t now)
{
    struct lp_thread_ticket ticket = {0};
    struct lp_held held;
    if (!hold(&held))
        return ticket;
    struct row *row = spare ? row_at(spare) : NULL;
    if (row) {
        spare = row->next;
        ticket = row->shown.ticket;
    } else if (lp_slab_count(&rows) < LP_THREADS_MAX) {
        uint32_t i = lp_slab_add(&rows, 1);
        ticket.row = i == LP_SLAB_FULL ? 0 : i + 1;
        row = ticket.row ? row_at(ticket.row) : NULL;
    }
    if (row) {
        ticket.use++;
        *row = (struct row){.shown = {ticket, stack, 0, order->detached, now, 0},
                            .order = *order,
                            .state = RUNS,
                            .creating = true};
    }
    lp_release(&held);
    if (!row)
        lp_loss(LP_LOSS_THREADS_FULL);
    return ticket;
}

pthread_t *lp_thread_handle(struct lp_thread_ticket ticket)
{
    return &row_at(ticket.row)->fresh;
}

/* Writes the handle to the creator's variable. The creator or the new thread does it, whichever
 * comes first. The other one waits until it is done, because it may free that memory next. Signals
 * are blocked meanwhile: a handler could suspend the thread for any time, and the other thread
 * would wait as long. */
static void tell(struct row *row, pthread_t handle)
{
    int seen = atomic_load(&row->telling);
    if (seen == TO_TELL) {
        uint64_t mask = lp_sys_block_signals();
        if (atomic_compare_exchange_strong(&row->telling, &seen, TELLING)) {
            *row->order.handle = handle;
            atomic_store(&row->telling, seen = TOLD);
        }
        lp_sys_set_signals(mask);
    }
    while (seen != TOLD) {
        const struct timespec ms = {.tv_nsec = 1000000};
        lp_syscall(SYS_futex, &row->telling, FUTEX_WAIT_PRIVATE, TELLING, &ms);
        seen = atomic_load(&row->telling);
    }
}

void lp_thread_made(struct lp_thread_ticket ticket)
{
    struct row *row = row_at(ticket.row);
    struct lp_held held;
    bool holds = hold(&held);
    if (holds && row->state == RUNS && !row->done)
        name(row, row->fresh);
    tell(row, row->fresh);
    if (!holds)
        return; /* the row is never reused */
    row->creating = false;
    if (row->done)
        set_free(row);
    lp_release(&held);
}

void lp_thread_not_made(struct lp_thread_ticket ticket)
{
    struct row *row = row_at(ticket.row);
    struct lp_held held;
    if (!hold(&held))
        return;
    row->creating = false;
    set_free(row);
    lp_release(&held);
}

struct lp_thread_order lp_thread_begins(struct lp_thread_ticket ticket, pid_t tid)
{
    struct row *row = row_at(ticket.row);
    struct lp_thread_order order = row->order;
    struct lp_held held;
    if (hold(&held)) {
        name(row, pthread_self());
        row->shown.tid = tid;
        lp_release(&held);
    }
    tell(row, pthread_self());
    return order;
}

void lp_thread_ends(struct lp_thread_ticket ticket, int64_t now)
{
    struct lp_held held;
    if (!hold(&held))
        return;
    sweep();
    struct row *row = row_of(ticket);
    if (row && row->state == RUNS) {
        row->shown.end = now;
        row->state = ENDED;
        count_unjoined(row, 1);
        if (row->shown.detached)
            let_go(row);
    }
    lp_release(&held);
}

struct lp_thread_ticket lp_thread_find(pthread_t handle)
{
    struct lp_thread_ticket ticket = {0};
    struct lp_held held;
    if (!hold(&held))
        return ticket;
    for (uint32_t at = *head_of(handle); at && !ticket.row; at = row_at(at)->next)
        if (pthread_equal(row_at(at)->handle, handle))
            ticket = row_at(at)->shown.ticket;
    lp_release(&held);
    return ticket;
}

void lp_thread_joined(struct lp_thread_ticket ticket)
{
    struct lp_held held;
    if (!ticket.row || !hold(&held))
        return;
    struct row *row = row_of(ticket);
    if (row && !row->shown.detached)
        set_free(row);
    lp_release(&held);
}

void lp_thread_detached(struct lp_thread_ticket ticket)
{
    struct lp_held held;
    if (!ticket.row || !hold(&held))
        return;
    struct row *row = row_of(ticket);
    if (row && !row->shown.detached) {
        count_unjoined(row, -1);
        row->shown.detached = true;
        if (row->state == ENDED)
            let_go(row);
    }
    lp_release(&held);
}

uint32_t lp_threads_rows(void)
{
    return lp_slab_count(&rows);
}

uint32_t lp_threads_copy(struct lp_thread *to, uint32_t max)
{
    uint32_t used = 0;
    struct lp_held held;
    if (!hold(&held))
        return 0;
    for (uint32_t i = 0, n = lp_slab_count(&rows); i < n && used < max; i++) {
        const struct row *row = lp_slab_at(&rows, i);
        if (row->state != FREE && !row->done)
            to[used++] = row->shown;
    }
    lp_release(&held);
    return used;
}

int64_t lp_threads_unjoined(void)
{
    return atomic_load_explicit(&unjoined, memory_order_relaxed);
}

enum lp_fork_lock lp_threads_before_fork(void)
{
    return lp_hold_for_fork(&lock);
}

void lp_threads_after_fork(enum lp_fork_lock got, bool child)
{
    if (child && got == LP_FORK_BELOW)
        inherited = true; /* the interrupted code is in the middle of a change */
    else if (child)
        forget_others(got == LP_FORK_ABANDONED);
    lp_hold_forked(&lock, got, child);
}
