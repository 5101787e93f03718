/*
 * What every address asked so far means: a profile asks the same few thousand addresses again and
 * again. Answers are never given back, for they are pointed at from everywhere; how many there can
 * be is bounded by the stack table.
 */
#include <stdlib.h>
#include <string.h>

#include "symbolize/lookup.h"

/* Open addressing by address, never more than half full. An address that had several objects one
 * after the other has several slots. */
static struct {
    const struct lp_symbol **slots;
    uintptr_t *addresses;
    size_t room, used;
} cache;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 31;
    x *= 0x9e3779b97f4a7c15;
    return x ^ x >> 29;
}

static bool cache_grow(void)
{
    size_t room = cache.room ? cache.room * 2 : 1024;
    const struct lp_symbol **slots = calloc(room, sizeof(*slots));
    uintptr_t *addresses = calloc(room, sizeof(*addresses));

    if (!slots || !addresses) {
        free(slots);
        free(addresses);
        return false;
    }
    for (size_t i = 0; i < cache.room; i++) {
        if (!cache.slots[i])
            continue;
        size_t at = mix(cache.addresses[i]) & (room - 1);
        while (slots[at])
            at = (at + 1) & (room - 1);
        slots[at] = cache.slots[i];
        addresses[at] = cache.addresses[i];
    }
    free(cache.slots);
    free(cache.addresses);
    cache.slots = slots;
    cache.addresses = addresses;
    cache.room = room;
    return true;
}

static const struct lp_symbol *answer(struct lp_module *module, uintptr_t address)
{
    static struct {
        struct lp_symbol symbol;
        struct lp_frame frame;
    } unknown = {{.nframes = 1},
                 {.function = "[out of memory]",
                  .shown = "[out of memory]",
                  .linkage = "[out of memory]",
                  .file = ""}};

    if (cache.used * 2 >= cache.room && !cache_grow())
        return &unknown.symbol;
    size_t at = mix(address) & (cache.room - 1);
    while (cache.slots[at] && (cache.addresses[at] != address || cache.slots[at]->module != module))
        at = (at + 1) & (cache.room - 1);
    if (cache.slots[at])
        return cache.slots[at];

    const struct lp_symbol *symbol = lp_symbol_look_up(module, address);
    if (!symbol)
        return &unknown.symbol;
    cache.used++;
    cache.slots[at] = symbol;
    cache.addresses[at] = address;
    return symbol;
}

const struct lp_symbol *lp_symbolize_in(uint32_t stack, uintptr_t address)
{
    return answer(lp_module_of(stack, address), address);
}

const struct lp_symbol *lp_symbolize(uintptr_t address)
{
    return answer(lp_module_find(address), address);
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
