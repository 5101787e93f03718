#include "write/cpu.h"

#include <stdio.h>

#include "write/human.h"

static const char *time_of(char out[LP_HUMAN_MAX], int64_t ns)
{
    return lp_human(out, ns, "nanoseconds", false);
}

static const char *threads(char out[LP_HUMAN_MAX], uint32_t n)
{
    snprintf(out, LP_HUMAN_MAX, "%u thread%s", n, n == 1 ? "" : "s");
    return out;
}

int lp_cpu_lines(char lines[LP_CPU_LINES][LP_CPU_LINE_MAX], const struct lp_cpu_figures *cpu)
{
    char a[LP_HUMAN_MAX], b[LP_HUMAN_MAX];
    int n = 0;

    if (!cpu->taken)
        return 0;
    snprintf(lines[n++], LP_CPU_LINE_MAX,
             "CPU time of the program in the window: %s; in samples: %s",
             time_of(a, cpu->program_ns), time_of(b, cpu->sampled_ns));
    if (cpu->unsampled)
        snprintf(lines[n++], LP_CPU_LINE_MAX,
                 "not sampled: %s at one time, because the system allows no more timers "
                 "(RLIMIT_SIGPENDING)",
                 threads(a, cpu->unsampled));
    if (cpu->late_ns)
        snprintf(lines[n++], LP_CPU_LINE_MAX,
                 "not sampled: %s of %s that began in the window, before they had a timer",
                 time_of(a, cpu->late_ns), threads(b, cpu->born));
    if (cpu->held_ns)
        snprintf(lines[n++], LP_CPU_LINE_MAX,
                 "not sampled: %s, while a thread blocked the signal or was not running",
                 time_of(a, cpu->held_ns));
    if (cpu->cut_short)
        snprintf(lines[n++], LP_CPU_LINE_MAX,
                 "sampling ended after %s, because the program took the signal for itself",
                 time_of(a, cpu->duration_ns));
    return n;
}

void lp_cpu_json(struct lp_json *json, const char *key, const struct lp_cpu_figures *cpu)
{
    lp_json_object(json, key);
    lp_json_int(json, "program_ns", cpu->program_ns);
    lp_json_int(json, "sampled_ns", cpu->sampled_ns);
    lp_json_int(json, "late_ns", cpu->late_ns);
    lp_json_int(json, "held_ns", cpu->held_ns);
    lp_json_int(json, "threads", cpu->threads);
    lp_json_int(json, "born", cpu->born);
    lp_json_int(json, "unsampled_threads", cpu->unsampled);
    lp_json_bool(json, "cut_short", cpu->cut_short);
    lp_json_end(json);
}
