/*
 * The figures beside the samples of a CPU profile: the CPU time of the program in all, the time
 * that is in no sample, and why it is in none.
 */
#ifndef LP_WRITE_CPU_H
#define LP_WRITE_CPU_H

#include "record/cpu.h"
#include "write/jsonout.h"

enum { LP_CPU_LINES = 6, LP_CPU_LINE_MAX = 160 };

/* Writes at most LP_CPU_LINES lines; returns how many. */
int lp_cpu_lines(char lines[LP_CPU_LINES][LP_CPU_LINE_MAX], const struct lp_cpu_figures *cpu);

void lp_cpu_json(struct lp_json *json, const char *key, const struct lp_cpu_figures *cpu);

#endif
