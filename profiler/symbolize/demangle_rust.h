/*
 * Rust's names of the kind "v0" (RFC 2603), made readable as `rustfilt` does: without the hashes of
 * crates. Pure function.
 */
#ifndef LP_SYMBOLIZE_DEMANGLE_RUST_H
#define LP_SYMBOLIZE_DEMANGLE_RUST_H

#include <stddef.h>

/* The readable name, to be freed. NULL: the name is not of this kind, or is cut, the result is
 * longer than `limit` bytes, or memory is out. */
char *lp_demangle_rust(const char *name, size_t limit);

#endif
