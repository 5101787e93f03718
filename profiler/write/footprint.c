#include "write/footprint.h"

#include <inttypes.h>

void lp_footprint_text(FILE *out, const struct lp_footprint *weight)
{
    const struct {
        const char *name;
        int64_t value;
    } lines[] = {
        {"table_bytes", lp_footprint_mapped(weight)},
        {"unwinder_bytes", weight->unwinder},
        {"heap_bytes", weight->heap},
        {"live_samples", weight->live_samples},
        {"stacks", weight->stacks},
        {"sites", weight->sites},
        {"hook_ns_estimate", weight->spent.ns},
        {"hook_events_timed", weight->spent.timed},
    };

    fprintf(out, "# leakprof\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        fprintf(out, "# %s = %" PRId64 "\n", lines[i].name, lines[i].value);
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        fprintf(out, "# tables.%s = %" PRId64 "\n", lp_own_name(kind), weight->tables[kind]);
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        fprintf(out, "# losses_by_cause.%s = %" PRIu64 "\n", lp_loss_name(cause),
                weight->losses[cause]);
}

json_t *lp_footprint_json(const struct lp_footprint *weight)
{
    json_t *tables = json_object(), *losses = json_object();

    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        json_object_set_new(tables, lp_own_name(kind), json_integer(weight->tables[kind]));
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        json_object_set_new(losses, lp_loss_name(cause),
                            json_integer((json_int_t)weight->losses[cause]));
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "table_bytes",
                     (json_int_t)lp_footprint_mapped(weight), "unwinder_bytes",
                     (json_int_t)weight->unwinder, "heap_bytes", (json_int_t)weight->heap,
                     "live_samples", (json_int_t)weight->live_samples, "stacks",
                     (json_int_t)weight->stacks, "sites", (json_int_t)weight->sites,
                     "hook_ns_estimate", (json_int_t)weight->spent.ns, "hook_events_timed",
                     (json_int_t)weight->spent.timed, "tables", tables, "losses_by_cause", losses);
}
