/*
 * A cache of the symbols of addresses in stacks: profiles look up the same few thousand again and
 * again. Addresses that a client names are looked up and not cached.
 */
#include <stdlib.h>
#include <string.h>

#include "symbolize/lookup.h"
#include "symbolize/readers.h"
#include "sys/pages.h"

static struct lp_pool kept, once;

/* Open addressing by address, never more than half full. An address that belonged to several
 * objects in turn has several slots. */
struct slot {
    const struct lp_symbol *symbol; /* NULL: free */
    uintptr_t address;
};
static struct slot *slots;
static size_t room, used;
static unsigned idle; /* number of lp_symbols_release_idle() calls since the last look-up */

static const struct {
    struct lp_symbol symbol;
    struct lp_frame frame;
} unknown = {{.nframes = 1},
             {.function = "[no memory for names]",
              .shown = "[no memory for names]",
              .linkage = "[no memory for names]",
              .file = ""}};

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15;
    return x ^ x >> 29;
}

/* Returns the slot of this address and object, or a free slot for it. */
static struct slot *slot_of(struct slot *in, size_t n, const struct lp_module *module,
                            uintptr_t address)
{
    size_t at = mix(address) & (n - 1);
    while (in[at].symbol && (in[at].address != address || in[at].symbol->module != module))
        at = (at + 1) & (n - 1);
    return &in[at];
}

static void release_slots(void)
{
    if (slots)
        lp_own_unmap(slots, room * sizeof *slots, LP_OWN_SYMBOLS);
    slots = NULL;
}

static bool grow(void)
{
    size_t more = room ? room * 2 : 1024;
    struct slot *bigger = lp_own_map(more * sizeof *slots, LP_OWN_SYMBOLS);
    if (!bigger)
        return false;
    for (size_t i = 0; i < room; i++)
        if (slots[i].symbol)
            *slot_of(bigger, more, slots[i].symbol->module, slots[i].address) = slots[i];
    release_slots();
    slots = bigger;
    room = more;
    return true;
}

static size_t kept_bytes(void)
{
    return kept.bytes + room * sizeof *slots;
}

static const struct lp_symbol *find(struct lp_module *module, uintptr_t address)
{
    return slots ? slot_of(slots, room, module, address)->symbol : NULL;
}

static const struct lp_symbol *keep(struct lp_module *module, uintptr_t address)
{
    const struct lp_symbol *symbol = find(module, address);
    idle = 0;
    if (symbol)
        return symbol;
    if (kept_bytes() >= LP_SYMBOLS_MAX_BYTES || (used * 2 >= room && !grow()))
        return &unknown.symbol;
    symbol = lp_symbol_look_up(&kept, module, address);
    if (!symbol)
        return &unknown.symbol;
    *slot_of(slots, room, module, address) = (struct slot){symbol, address};
    used++;
    return symbol;
}

const struct lp_symbol *lp_symbolize_in(uint32_t stack, uintptr_t address)
{
    return keep(lp_module_of(stack, address), address);
}

const struct lp_symbol *lp_symbolize(uintptr_t address)
{
    struct lp_module *module = lp_module_find(address);
    const struct lp_symbol *symbol = find(module, address);
    if (symbol)
        return symbol;
    lp_pool_clear(&once);
    symbol = lp_symbol_look_up(&once, module, address);
    return symbol ? symbol : &unknown.symbol;
}

void lp_symbols_release_idle(void)
{
    lp_readers_release_idle();
    lp_pool_release(&once);
    if (idle++ < LP_READERS_IDLE || kept_bytes() <= LP_SYMBOLS_IDLE_BYTES)
        return;
    release_slots();
    lp_pool_release(&kept);
    room = used = 0;
}

bool lp_symbol_is_program(const struct lp_symbol *symbol)
{
    static const char *const system[] = {"/lib/",       "/lib32/",     "/lib64/", "/usr/lib/",
                                         "/usr/lib32/", "/usr/lib64/", "["};

    if (!symbol->module || symbol->module->own)
        return false;
    if (symbol->module->main)
        return true;
    for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
        if (strncmp(symbol->module->path, system[i], strlen(system[i])) == 0)
            return false;
    return true;
}
