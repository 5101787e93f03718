/*
 * The figures that go with the samples of a CPU profile: the program's total CPU time, the time
 * that is in no sample, and why.
 */
#ifndef LP_WRITE_CPU_H
#define LP_WRITE_CPU_H

#include "record/cpu.h"
#include "write/jsonout.h"

enum { LP_CPU_LINES = 6, LP_CPU_LINE_MAX = 160 };

/* Writes at most LP_CPU_LINES lines. Returns their number. */
int lp_cpu_lines(char lines[LP_CPU_LINES][LP_CPU_LINE_MAX], const struct lp_cpu_figures *cpu);

void lp_cpu_json(struct lp_json *json, const char *key, const struct lp_cpu_figures *cpu);

#endif
