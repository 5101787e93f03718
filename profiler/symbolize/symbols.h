/*
 * From an address to function, file and line, inlined frames included: from the object's own debug
 * information, else from its separate debug file (by build id or .gnu_debuglink), else from its
 * symbol table. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_SYMBOLS_H
#define LP_SYMBOLIZE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "symbolize/modules.h"

enum {
    LP_SHOWN_MAX = 160,
    LP_SYMBOLS_MAX_BYTES = 64 << 20, /* kept; addresses beyond it get no names */
    LP_SYMBOLS_IDLE_BYTES = 8 << 20  /* kept between requests; if there are more, all are dropped */
};

struct lp_frame {         /* none of its texts is ever NULL */
    const char *function; /* as in the source; "0x7f12…" or "libfoo.so+0x1234" when nameless */
    const char *shown;    /* the same, abridged to LP_SHOWN_MAX bytes: for people */
    const char *linkage;  /* the linker's name: C++'s are mangled */
    const char *file;     /* as the compiler saw it, made absolute; "" when not known */
    int line;             /* 0 when not known */
    int start_line;       /* where the function begins; 0 when not known */
};

struct lp_symbol {
    struct lp_module *module; /* NULL: in no object */
    uintptr_t entry;          /* where the outermost of these functions begins; 0: not known */
    bool nameless;            /* the object has no name for it */
    uint32_t nframes;         /* at least 1; more when functions were inlined */
    struct lp_frame frames[]; /* innermost first */
};

/* What the address means in this stack: in the object that was there when the stack was first
 * taken. Never NULL (a static symbol when memory is out). There is one symbol for each address in
 * each object. It is good until lp_symbols_release_idle(). */
const struct lp_symbol *lp_symbolize_in(uint32_t stack, uintptr_t address);

/* The same for an address without a stack: in what is there now, or was last. It is not kept: good
 * until the next call. */
const struct lp_symbol *lp_symbolize(uintptr_t address);

/* Call it about once a second, between requests. Closes files that were not read for a while, and
 * drops symbols if there are too many. */
void lp_symbols_release_idle(void);

/* Is this the program's own code, not the profiler's and not a system library's? The guilty frame
 * of a stack is the first (leaf-most) for which this holds. */
bool lp_symbol_is_program(const struct lp_symbol *symbol);

/* The guilty frame of a stack; NULL when it has none (special stacks, only system code). */
const struct lp_frame *lp_guilty_frame(uint32_t stack);

#endif
