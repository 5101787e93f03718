/*
 * Identifiers that are not ASCII, as Rust writes them: punycode with "_" for the last "-". Pure
 * function.
 */
#ifndef LP_SYMBOLIZE_PUNYCODE_H
#define LP_SYMBOLIZE_PUNYCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LP_PUNYCODE_MAX = 256 };

/* Decodes into characters and returns true. false: malformed, or too long. */
bool lp_punycode_decode(const char *bytes, size_t length, uint32_t out[LP_PUNYCODE_MAX],
                        size_t *count);

#endif
