/*
 * Names come from files and from other programs. They are shown in terminals, XML and JSON. These
 * functions make them safe to print, and short enough. Pure functions. Any thread.
 */
#ifndef LP_SYMBOLIZE_CLEAN_H
#define LP_SYMBOLIZE_CLEAN_H

#include <stddef.h>

/* The length in bytes of the printable UTF-8 character at text; 0 if there is none: a control
 * character, the end of the text, a sequence that is too long, a surrogate, a code point that is
 * not a character, or one that changes the direction or the lines of the text around it. */
int lp_clean_length(const char *text);

/* Replaces every byte that is not part of a printable UTF-8 character by '?', in place. */
void lp_clean(char *text);

/* If a name is longer than this many bytes (at least 4), shortens it in place. The text in brackets
 * is cut first, the innermost brackets before the outer ones, and then the end. "…" replaces each
 * cut. The names of C++ templates can fill pages. The text must be clean. */
void lp_abridge(char *text, size_t limit);

#endif
