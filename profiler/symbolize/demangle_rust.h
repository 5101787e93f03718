/*
 * Demangles Rust's names of the kind "v0" (RFC 2603), like `rustfilt`: without the hashes of
 * crates. Pure function.
 */
#ifndef LP_SYMBOLIZE_DEMANGLE_RUST_H
#define LP_SYMBOLIZE_DEMANGLE_RUST_H

#include <stddef.h>

/* Returns the demangled name. Free it. NULL: the name is not of this kind or is cut off, the result
 * is longer than `limit` bytes, or there is no memory. */
char *lp_demangle_rust(const char *name, size_t limit);

#endif
