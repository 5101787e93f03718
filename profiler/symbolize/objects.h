/*
 * The files behind the modules: copies of what is needed for names. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_OBJECTS_H
#define LP_SYMBOLIZE_OBJECTS_H

#include "symbolize/elf.h"
#include "symbolize/modules.h"

struct lp_elf_symbol {
    uint64_t address; /* as in the file, like all addresses in this header */
    uint32_t size;    /* at most to the end of its section */
    uint32_t name;    /* offset in `names` */
};

struct lp_object {
    struct lp_bytes debug; /* an ELF file in memory with the DWARF sections that are read */
    struct lp_bytes alt;   /* the same for the file that dwz moved common parts into */
    bool too_large;        /* it has debug information, but more than may be copied */

    struct lp_bytes symbols; /* struct lp_elf_symbol: functions, by address */
    size_t nsymbols;
    struct lp_bytes names;
};

/* The directory of separate debug files: /usr/lib/debug. A test changes it. */
extern const char *lp_debug_root;

/* Copies what exists. What is missing is left out. So is debug information or a symbol table of
 * more than `max` bytes. */
void lp_object_open(struct lp_object *object, const struct lp_module *module, uint64_t max);
void lp_object_close(struct lp_object *object);
size_t lp_object_bytes(const struct lp_object *object);

/* The function symbol that contains this address, or NULL. */
const struct lp_elf_symbol *lp_object_symbol(const struct lp_object *object, uint64_t address);

static inline const char *lp_object_name(const struct lp_object *object,
                                         const struct lp_elf_symbol *symbol)
{
    return object->names.at + symbol->name;
}

#endif
