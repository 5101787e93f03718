/*
 * Turns an address into function, file and line, including inlined frames: from the object's own
 * debug information, else from its separate debug file (by build id or .gnu_debuglink), else from
 * its symbol table. One thread at a time: the writer (serve/helpers.h).
 */
#ifndef LP_SYMBOLIZE_SYMBOLS_H
#define LP_SYMBOLIZE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "symbolize/modules.h"

enum {
    LP_SHOWN_MAX = 160,
    LP_SYMBOLS_MAX_BYTES = 64 << 20, /* limit of the cache; addresses beyond it get no names */
    LP_SYMBOLS_IDLE_BYTES = 8 << 20 /* limit between requests; if there are more, all are dropped */
};

struct lp_frame {         /* none of its texts is ever NULL */
    const char *function; /* as in the source; without a name "0x7f12…" or "libfoo.so+0x1234" */
    const char *shown;    /* the same for people: abridged to LP_SHOWN_MAX bytes */
    const char *linkage;  /* the linker's name: C++'s are mangled */
    const char *file;     /* from the compiler, made absolute; "" if not known */
    int line;             /* 0 if not known */
    int start_line;       /* first line of the function; 0 if not known */
};

struct lp_symbol {
    struct lp_module *module; /* NULL: in no object */
    uintptr_t entry;          /* where the outermost of these functions begins; 0: not known */
    bool nameless;            /* the object has no name for this address */
    uint32_t nframes;         /* at least 1; more if functions were inlined */
    struct lp_frame frames[]; /* innermost first */
};

/* The symbol of an address in this stack: from the object that was there when the stack was first
 * taken. Never NULL (if there is no memory, a static symbol). Each address in each object has one
 * symbol. It is valid until lp_symbols_release_idle(). */
const struct lp_symbol *lp_symbolize_in(uint32_t stack, uintptr_t address);

/* The same for an address without a stack: from the object that is there now, or was there last. It
 * is not cached, and valid until the next call. */
const struct lp_symbol *lp_symbolize(uintptr_t address);

/* Call it about once a second, between requests. Closes files that were not read for a while, and
 * drops symbols if there are too many. Gives back to the kernel what malloc keeps for this thread
 * of memory that was freed. Returns how many bytes that were at most, for lp_give_back(). */
int64_t lp_symbols_release_idle(void);

/* Looks names up again after lp_symbols_cancel() (symbolize/cancel.h). */
void lp_symbols_resume(void);

/* Forgets all names, and closes all files. No symbol that was returned may be used after it. */
void lp_symbols_forget(void);

/* Is this the program's own code, and not the profiler's or a system library's? The guilty frame of
 * a stack is the first such frame from the leaf. */
bool lp_symbol_is_program(const struct lp_symbol *symbol);

/* The guilty frame of a stack. NULL if there is none (special stacks, or only system code). */
const struct lp_frame *lp_guilty_frame(uint32_t stack);

#endif
