/*
 * A cache of the symbols of addresses in stacks: profiles look up the same few thousand again and
 * again. Addresses that a client names are looked up and not cached.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/cancel.h"
#include "symbolize/lookup.h"
#include "symbolize/readers.h"
#include "sys/table.h"

static struct lp_pool kept, once;

/* By address. An address that had several objects one after the other has several symbols. */
static struct lp_table symbols = {.kind = LP_OWN_SYMBOLS};
static unsigned idle; /* calls of lp_symbols_release_idle() since a symbol was looked up */

static const struct {
    struct lp_symbol symbol;
    struct lp_frame frame;
} unknown = {{.nframes = 1},
             {.function = "[no memory for names]",
              .shown = "[no memory for names]",
              .linkage = "[no memory for names]",
              .file = ""}};

static size_t kept_bytes(void)
{
    return kept.bytes + lp_table_bytes(&symbols);
}

static bool is_in(uint64_t value, const void *module)
{
    return ((const struct lp_symbol *)(uintptr_t)value)->module == module;
}

static const struct lp_symbol *find(struct lp_module *module, uintptr_t address)
{
    return (const struct lp_symbol *)(uintptr_t)lp_table_find(&symbols, lp_table_mix(address),
                                                              is_in, module);
}

static const struct lp_symbol *keep(struct lp_module *module, uintptr_t address)
{
    const struct lp_symbol *symbol = find(module, address);
    idle = 0;
    if (symbol)
        return symbol;
    if (kept_bytes() >= LP_SYMBOLS_MAX_BYTES || lp_symbols_cancelled())
        return &unknown.symbol;
    struct lp_table_slot *slot = lp_table_slot(&symbols, lp_table_mix(address), is_in, module);
    if (!slot || !(symbol = lp_symbol_look_up(&kept, module, address)) || lp_symbols_cancelled())
        return &unknown.symbol;
    lp_table_fill(&symbols, slot, (uintptr_t)symbol);
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
    if (lp_symbols_cancelled())
        return &unknown.symbol;
    lp_pool_clear(&once);
    symbol = lp_symbol_look_up(&once, module, address);
    return symbol ? symbol : &unknown.symbol;
}

int64_t lp_symbols_release_idle(void)
{
    int64_t bytes = lp_readers_release_idle();
    lp_pool_release(&once);
    if (idle++ < LP_READERS_IDLE || kept_bytes() <= LP_SYMBOLS_IDLE_BYTES)
        return bytes;
    lp_table_release(&symbols);
    lp_pool_release(&kept);
    return bytes;
}

/* A reader may have been opened without what was not waited for. */
void lp_symbols_resume(void)
{
    if (lp_symbols_uncancel())
        lp_readers_close();
}

void lp_symbols_forget(void)
{
    lp_readers_close();
    lp_pool_release(&once);
    lp_table_release(&symbols);
    lp_pool_release(&kept);
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
