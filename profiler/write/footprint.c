#include "write/footprint.h"

#include <inttypes.h>
#include <string.h>

struct figure {
    const char *name;
    int64_t value;
};
enum { FIGURES = 8 };

static void list(struct figure figures[FIGURES], const struct lp_footprint *weight)
{
    const struct figure all[FIGURES] = {
        {"table_bytes", lp_footprint_mapped(weight)},
        {"unwinder_bytes", weight->unwinder},
        {"heap_bytes", weight->heap},
        {"live_samples", weight->live_samples},
        {"stacks", weight->stacks},
        {"sites", weight->sites},
        {"hook_ns_estimate", weight->spent.ns},
        {"hook_events_timed", weight->spent.timed},
    };
    memcpy(figures, all, sizeof all);
}

void lp_footprint_text(FILE *out, const struct lp_footprint *weight)
{
    struct figure figures[FIGURES];

    list(figures, weight);
    fprintf(out, "# leakprof\n");
    for (int i = 0; i < FIGURES; i++)
        fprintf(out, "# %s = %" PRId64 "\n", figures[i].name, figures[i].value);
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        fprintf(out, "# tables.%s = %" PRId64 "\n", lp_own_name(kind), weight->tables[kind]);
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        fprintf(out, "# losses_by_cause.%s = %" PRIu64 "\n", lp_loss_name(cause),
                weight->losses[cause]);
}

void lp_footprint_json(struct lp_json *json, const char *key, const struct lp_footprint *weight)
{
    struct figure figures[FIGURES];

    list(figures, weight);
    lp_json_object(json, key);
    for (int i = 0; i < FIGURES; i++)
        lp_json_int(json, figures[i].name, figures[i].value);
    lp_json_object(json, "tables");
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        lp_json_int(json, lp_own_name(kind), weight->tables[kind]);
    lp_json_end(json);
    lp_json_object(json, "losses_by_cause");
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        lp_json_int(json, lp_loss_name(cause), (int64_t)weight->losses[cause]);
    lp_json_end(json);
    lp_json_end(json);
}
