/*
 * Functions and lines from the debug information of one object. debug.c is the one file that
 * includes libdw. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_DEBUG_H
#define LP_SYMBOLIZE_DEBUG_H

#include "symbolize/elf.h"

enum { LP_INLINED_MAX = 32 }; /* deeper ones lose their outermost frames */

struct lp_source {
    const char *name;             /* C++ and Rust: the linker's name; others: as in the source */
    const char *directory, *file; /* the file may be relative to the directory; NULL: not known */
    int line, start_line;         /* 0: not known */
};

/* Both are copies made by lp_elf_copy(), and must outlive the result. The second may be empty.
 * NULL: libdw can read nothing, or there is no memory. */
struct lp_debug *lp_debug_open(const struct lp_bytes *file, const struct lp_bytes *alt);
void lp_debug_close(struct lp_debug *debug);

/* Finds the functions around this address of the file, innermost first, and where the outermost one
 * begins (0: not known). Returns their number. The texts live as long as `debug`. */
int lp_debug_look(struct lp_debug *debug, uint64_t pc, struct lp_source sources[LP_INLINED_MAX],
                  uint64_t *entry);

#endif
