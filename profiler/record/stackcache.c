#include "record/stackcache.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "record/self.h"
#include "sys/slab.h"
#include "record/stacks.h"

enum { ENTRIES = 2048, WANTED_AFTER = 32 };

/* The writer makes the version odd first. A reader needs the same even version before and after. */
struct known {
    const struct lp_self *thread;
    uintptr_t frame, caller;
    uint32_t age, stack;
    struct lp_stackcache_words words;
};

struct entry {
    _Atomic uint32_t version;
    struct known known;
};

/* A place with few requests costs only a count. An entry is mapped when it is first written. */
LP_SLAB(entries, sizeof(struct entry), 5, LP_OWN_STACKCACHE);
static LP_APART _Atomic uint16_t asked[ENTRIES]; /* number of failed look-ups, by any thread */
static _Atomic uint32_t age = 1;

static uint32_t slot_of(uintptr_t frame, uintptr_t caller)
{
    uint64_t hash = (frame >> 3) * 0x9e3779b97f4a7c15u + caller * 0xc2b2ae3d27d4eb4fu;
    return (uint32_t)((hash ^ hash >> 29) % ENTRIES);
}

void lp_stackcache_note(struct lp_stackcache_words *words, uintptr_t frame, uintptr_t address)
{
    if (address < frame)
        return;
    uintptr_t offset = (address - frame) / sizeof(uintptr_t);
    if (words->n >= LP_STACKCACHE_WORDS || offset > UINT16_MAX || address % sizeof(uintptr_t)) {
        words->n = LP_STACKCACHE_WORDS + 1;
        return;
    }
    words->offset[words->n] = (uint16_t)offset;
    words->value[words->n++] = *(const uintptr_t *)address;
}

void lp_stackcache_note_pointer(struct lp_stackcache_words *words, uintptr_t frame,
                                uintptr_t address)
{
    if (*(const uintptr_t *)address - frame <= UINT16_MAX * sizeof(uintptr_t))
        lp_stackcache_note(words, frame, address);
}

/* Four words at a time. Another thread may overwrite the entry meanwhile, and its offsets may lead
 * beyond this stack. So offsets are used only if the version was the same after they were read. */
__attribute__((no_sanitize("address", "thread"))) static bool
holds(const struct entry *entry, uint32_t version, uintptr_t frame, uint32_t n)
{
    enum { BITS = 16, AT_ONCE = sizeof(uint64_t) / sizeof(uint16_t) };
    const struct known *known = &entry->known;
    const uintptr_t *stack = (const uintptr_t *)frame, *value = known->words.value;
    for (uint32_t i = 0; i < n; i += AT_ONCE, value += AT_ONCE) {
        uint64_t at;
        memcpy(&at, known->words.offset + i, sizeof at);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&entry->version, memory_order_relaxed) != version)
            return false;
        if ((stack[(uint16_t)at] ^ value[0]) | (stack[(uint16_t)(at >> BITS)] ^ value[1]) |
            (stack[(uint16_t)(at >> 2 * BITS)] ^ value[2]) | (stack[at >> 3 * BITS] ^ value[3]))
            return false;
    }
    return true;
}

__attribute__((no_sanitize("thread"))) static uint32_t look(const struct entry *entry,
                                                            uintptr_t frame, uintptr_t caller)
{
    uint32_t version = atomic_load_explicit(&entry->version, memory_order_acquire);
    const struct known *k = &entry->known;
    if (k->frame != frame || k->caller != caller || k->thread != &lp_self || version % 2 != 0 ||
        k->age != atomic_load_explicit(&age, memory_order_relaxed))
        return LP_STACK_NONE;
    uint32_t n = k->words.n, stack = k->stack;
    bool same = n <= LP_STACKCACHE_WORDS && holds(entry, version, frame, n);
    atomic_thread_fence(memory_order_acquire);
    if (!same || atomic_load_explicit(&entry->version, memory_order_relaxed) != version)
        return LP_STACK_NONE;
    return stack;
}

uint32_t lp_stackcache_find(uintptr_t frame, uintptr_t caller, bool *wanted)
{
    uint32_t slot = slot_of(frame, caller);
    struct entry *entry = lp_slab_at(&entries, slot);
    uint32_t stack = entry ? look(entry, frame, caller) : LP_STACK_NONE;
    *wanted = false;
    if (stack != LP_STACK_NONE)
        return stack;
    *wanted = atomic_fetch_add_explicit(&asked[slot], 1, memory_order_relaxed) % WANTED_AFTER ==
              WANTED_AFTER - 1;
    return LP_STACK_NONE;
}

__attribute__((no_sanitize("thread"))) void
lp_stackcache_keep(uintptr_t frame, uintptr_t caller, const struct lp_stackcache_words *words,
                   uint32_t stack)
{
    uint32_t slot = slot_of(frame, caller);
    if (words->n == 0 || words->n > LP_STACKCACHE_WORDS || !lp_slab_segment(&entries, slot))
        return;
    struct entry *entry = lp_slab_at(&entries, slot);
    uint32_t version = atomic_load_explicit(&entry->version, memory_order_relaxed);
    if (version % 2 ||
        !atomic_compare_exchange_strong_explicit(&entry->version, &version, version + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return;
    atomic_thread_fence(memory_order_release);
    struct known *k = &entry->known;
    k->thread = &lp_self;
    k->frame = frame;
    k->caller = caller;
    k->age = atomic_load_explicit(&age, memory_order_relaxed);
    k->stack = stack;
    k->words.n = words->n;
    for (uint32_t i = 0; i < (words->n + 3) / 4 * 4; i++) { /* a multiple of four: the last again */
        uint32_t from = i < words->n ? i : words->n - 1;
        k->words.offset[i] = words->offset[from];
        k->words.value[i] = words->value[from];
    }
    atomic_store_explicit(&entry->version, version + 2, memory_order_release);
}

void lp_stackcache_forget(void)
{
    atomic_fetch_add(&age, 1);
}
