/*
 * The files behind the modules: a module's ELF image, the file that holds its debug information,
 * and the names in its symbol table. Profiler's thread only.
 *
 * Files are mapped, not read; what is opened stays open for the life of the process, so that a
 * library that was unloaded, or whose file was replaced, keeps its names.
 */
#ifndef LP_SYMBOLIZE_OBJECTS_H
#define LP_SYMBOLIZE_OBJECTS_H

#include <libelf.h>
#include <stddef.h>
#include <stdint.h>

#include "symbolize/modules.h"

struct lp_elf_symbol {
    uint64_t address; /* as the file has it, as everywhere in this header */
    uint32_t size;    /* to the end of its section at most */
    uint32_t name;    /* offset in `names` */
};

struct lp_object {
    Elf *elf;   /* the image itself; NULL when it could not be opened or is another build by now */
    Elf *debug; /* where .debug_info is: `elf`, or the separate debug file; NULL: nowhere */
    int elf_fd, debug_fd; /* -1 once lp_object_settle() ran */

    struct lp_elf_symbol *symbols; /* functions, by address */
    size_t nsymbols;
    const char *names;
    size_t names_size;
};

/* Where separate debug files are looked for: /usr/lib/debug, but for a test. */
extern const char *lp_debug_root;

/* Opens what there is. 0 or -ENOMEM; a file that is missing is no error. */
int lp_object_open(struct lp_object *object, const struct lp_module *module);

/* Closes the descriptors; the mappings stay. Call when the readers on top have been set up. */
void lp_object_settle(struct lp_object *object);

/* The function symbol that holds this address, or NULL. */
const struct lp_elf_symbol *lp_object_symbol(const struct lp_object *object, uint64_t address);

#endif
