/*
 * A hash table of records that are only ever added. A record is complete before one
 * compare-and-swap puts it at the head of its chain. Only `from`, `to` and `known` change later.
 * The program's own record is always number 0, whichever object is recorded first.
 */
#include "record/loaded.h"

#include <link.h>
#include <stdatomic.h>
#include <string.h>

#include "record/capacity.h"
#include "record/code.h"
#include "record/findobject.h"
#include "record/self.h"
#include "record/stacks.h"
#include "sys/losses.h"
#include "sys/pages.h"
#include "sys/slab.h"

enum { CHAINS = 256, CHAIN_SEARCHED = 64 /* how many records are searched for an earlier load */ };

struct record {
    struct lp_image image;
    struct lp_found found;
    uint32_t first; /* as in lp_loaded */
    uint32_t next;  /* the next in its chain: number plus one; 0: end */
    _Atomic uint32_t from, to;
    _Atomic bool known; /* complete, and in a chain */
};

LP_SLAB(records, sizeof(struct record), 5, LP_OWN_MODULES);
static LP_APART _Atomic uint32_t chains[CHAINS]; /* by unwind table: number plus one */

static struct record program;
static _Atomic bool program_noted;

static void note_program(void)
{
    struct dl_phdr_info info;
    if (atomic_load_explicit(&program_noted, memory_order_relaxed) || !lp_code_program(&info) ||
        atomic_exchange(&program_noted, true))
        return;
    if (!lp_image_read_program(&program.image, &info))
        lp_loss(LP_LOSS_OBJECTS);
    atomic_store(&program.to, LP_LOADED_PRESENT);
    atomic_store(&program.known, true);
}

static struct record *record_at(uint32_t i)
{
    return lp_slab_at(&records, i);
}

static bool is_present(const struct record *r)
{
    return atomic_load(&r->to) == LP_LOADED_PRESENT;
}

/* Is this the object that the record describes, by the loader's data? */
static bool is_place(const struct record *r, const struct lp_found *found)
{
    const struct lp_found *f = &r->found;
    uintptr_t start = (uintptr_t)found->start;
    if (f->map != found->map || f->eh_frame != found->eh_frame)
        return false;
    if (f->start == found->start)
        return f->end == found->end;
    return start >= r->image.low && start < r->image.high; /* one of several pieces */
}

static struct record *find(uint32_t head, const struct lp_found *found)
{
    for (uint32_t i = head; i;) {
        struct record *r = record_at(i - 1);
        if (is_present(r) && is_place(r, found))
            return r;
        i = r->next;
    }
    return NULL;
}

/* The stack may be older than the one that the record was made for, if its thread was slower. */
static void reach_back(struct record *r, uint32_t stack)
{
    uint32_t from = atomic_load(&r->from);
    while (stack < from && !atomic_compare_exchange_weak(&r->from, &from, stack))
        ;
    atomic_store(&r->known, true); /* the thread that made it may not have done this yet */
}

/* If an earlier record is for the same object at the same place, the two share a number. */
static void join_first(struct record *r, uint32_t head)
{
    for (uint32_t i = head, n = 0; i && n < CHAIN_SEARCHED; n++) {
        const struct record *old = record_at(i - 1);
        if (old->image.low == r->image.low && old->image.high == r->image.high &&
            old->image.bias == r->image.bias && !strcmp(old->image.build_id, r->image.build_id) &&
            !strcmp(old->image.name, r->image.name)) {
            r->first = old->first;
            return;
        }
        i = old->next;
    }
}

/* An object whose headers cannot be read gets a record too, so that it is counted as a loss only
 * once. */
static struct record *make(const struct lp_found *found, uint32_t stack, uint32_t *number)
{
    *number = lp_slab_count(&records) < LP_LOADED_MAX ? lp_slab_add(&records, 1) : LP_SLAB_FULL;
    struct record *r = *number == LP_SLAB_FULL ? NULL : record_at(*number);
    if (r) {
        r->found = *found;
        r->first = *number + 1;
        atomic_store(&r->from, stack);
        atomic_store(&r->to, LP_LOADED_PRESENT);
    }
    if (!r || !lp_image_read(&r->image, found))
        lp_loss(LP_LOSS_OBJECTS);
    return r;
}

static void note(const struct lp_found *found, uint32_t stack)
{
    uint32_t hash = (uint32_t)((uintptr_t)found->eh_frame >> 4) * 0x9e3779b1u;
    _Atomic uint32_t *chain = &chains[hash % CHAINS];
    uint32_t head = atomic_load(chain), number;
    struct record *fresh = NULL, *r = find(head, found);
    if (!r && !(fresh = make(found, stack, &number)))
        return;
    if (fresh)
        join_first(fresh, head);
    while (!r) {
        fresh->next = head;
        r = atomic_compare_exchange_strong(chain, &head, number + 1) ? fresh : find(head, found);
    } /* if another thread was faster, the fresh record stays unused */
    reach_back(r, stack);
}

void lp_loaded_note(const uintptr_t *frames, uint32_t n, uint32_t stack)
{
    struct lp_found found = {0};
    note_program();
    for (uint32_t i = 0; i < n; i++) {
        if (frames[i] >= (uintptr_t)found.start && frames[i] < (uintptr_t)found.end)
            continue; /* the same as the frame before */
        if (!lp_find_object((void *)frames[i], &found))
            found = (struct lp_found){0};
        else if (found.map->l_name[0]) /* not the program, which has a record already */
            note(&found, stack);
    }
}

static bool is_there(const struct record *r)
{
    struct lp_found now;
    return lp_find_object(r->found.start, &now) && is_place(r, &now) &&
           !(lp_self.own && lp_image_replaced(&r->image));
}

bool lp_loaded_check(void)
{
    bool gone = false;
    for (uint32_t i = 0, n = lp_slab_count(&records); i < n; i++) {
        struct record *r = record_at(i);
        uint32_t present = LP_LOADED_PRESENT;
        if (r && atomic_load(&r->known) && is_present(r) && !is_there(r) &&
            atomic_compare_exchange_strong(&r->to, &present, lp_stack_count() + LP_STACK_FIRST))
            gone = true;
    }
    return gone;
}

uint32_t lp_loaded_count(void)
{
    return lp_slab_count(&records) + 1;
}

bool lp_loaded_get(uint32_t i, struct lp_loaded *loaded)
{
    struct record *r = i ? record_at(i - 1) : &program;
    note_program();
    if (!r || !atomic_load(&r->known))
        return false;
    *loaded =
        (struct lp_loaded){&r->image, i ? r->first : 0, atomic_load(&r->from), atomic_load(&r->to)};
    return true;
}
