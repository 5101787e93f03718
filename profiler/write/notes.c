#include "write/notes.h"

#include "profile/cpu.h"
#include "profile/heap.h"
#include "profile/maps.h"
#include "write/footprint.h"
#include "write/human.h"

static void add(struct lp_notes *notes, const char *text)
{
    if (text && *text)
        snprintf(notes->at[notes->n++], LP_NOTE_MAX, "%s", text);
}

void lp_notes_of(struct lp_notes *notes, const struct lp_profile *profile)
{
    const struct lp_cpu_figures *cpu = lp_cpu_of(profile);
    const struct lp_heap *heap = lp_heap_of(profile);
    char lines[LP_CPU_LINES][LP_CPU_LINE_MAX], rates[LP_RATES_TEXT_MAX];

    notes->n = 0;
    for (int i = 0, n = cpu ? lp_cpu_lines(lines, cpu) : 0; i < n; i++)
        add(notes, lines[i]);
    if (heap)
        add(notes, lp_rates_text(rates, &heap->rates));
    add(notes, profile->note);
}

const char *lp_sampling_text(char out[LP_NOTE_MAX], const struct lp_profile *profile,
                             const struct lp_profile_kind *kind)
{
    char period[LP_HUMAN_MAX];

    if (lp_heap_rates_mixed(profile))
        return "sampled at mixed rates";
    if (profile->note)
        return "an estimate";
    snprintf(out, LP_NOTE_MAX, "sampled once in %s",
             lp_human(period, profile->period, kind->period.unit, false));
    return out;
}

void lp_notes_tail(FILE *out, const struct lp_profile *profile)
{
    const struct lp_heap *heap = lp_heap_of(profile);

    if (heap && heap->footprint.taken)
        lp_footprint_text(out, &heap->footprint);
}

void lp_notes_json(struct lp_json *json, const struct lp_profile *profile)
{
    const struct lp_heap *heap = lp_heap_of(profile);
    const struct lp_cpu_figures *cpu = lp_cpu_of(profile);
    const int64_t *own = lp_maps_own(profile);

    if (heap && heap->footprint.taken)
        lp_footprint_json(json, "profiler", &heap->footprint);
    if (cpu && cpu->taken)
        lp_cpu_json(json, "cpu", cpu);
    if (own && own[0] > 0) {
        lp_json_array(json, "own");
        for (int v = 0; v < profile->kind->nvalues; v++)
            lp_json_int(json, NULL, own[v]);
        lp_json_end(json);
    }
    if (profile->note)
        lp_json_text(json, "note", profile->note);
    if (heap && heap->rates.n > 0) {
        lp_rates_json(json, "rates", &heap->rates);
        lp_json_bool(json, "rates_mixed", lp_rates_mixed(&heap->rates));
        lp_json_int(json, "rates_dropped", heap->rates.dropped);
        lp_json_bool(json, "rate_auto", heap->rates.automatic);
    }
}
