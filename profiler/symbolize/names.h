/*
 * One copy of each text, for the life of the process. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_NAMES_H
#define LP_SYMBOLIZE_NAMES_H

/* The copy of this text, clean for printing (human.h); "" when memory is out. */
const char *lp_name(const char *text);

#endif
