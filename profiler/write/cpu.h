/*
 * What stands beside the samples of a CPU profile: how much CPU time there was in all, and what is
 * in no sample, and why.
 */
#ifndef LP_WRITE_CPU_H
#define LP_WRITE_CPU_H

#include <jansson.h>

#include "record/cpu.h"

enum { LP_CPU_LINES = 6, LP_CPU_LINE_MAX = 160 };

/* The lines there are to say, at most LP_CPU_LINES; how many. */
int lp_cpu_lines(char lines[LP_CPU_LINES][LP_CPU_LINE_MAX], const struct lp_cpu_figures *cpu);

json_t *lp_cpu_json(const struct lp_cpu_figures *cpu);

#endif
