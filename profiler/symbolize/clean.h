/*
 * Names come from files and from other programs, and end in terminals, XML and JSON. Here they are
 * made safe to print, and short enough. Pure functions. Any thread.
 */
#ifndef LP_SYMBOLIZE_CLEAN_H
#define LP_SYMBOLIZE_CLEAN_H

#include <stddef.h>

/* Makes text valid UTF-8 without control characters, in place: what is not becomes '?'. Names come
 * from files and from other programs, and end in terminals, XML and JSON. */
void lp_clean(char *text);

/* Makes a name no longer than this many bytes (at least 4), in place, when it is: what stands
 * inside brackets goes first, the innermost before the outer, then the end. "…" stands for what
 * went. The names of C++ templates can be pages long. Text must be clean. */
void lp_abridge(char *text, size_t limit);

#endif
