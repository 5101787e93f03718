#include "write/footprint.h"

#include <inttypes.h>
#include <string.h>

struct figure {
    const char *name;
    int64_t value;
};
enum { FIGURES = 8 };

static void list(struct figure figures[FIGURES], const struct lp_footprint *footprint)
{
    const struct figure all[FIGURES] = {
        {"table_bytes", lp_footprint_mapped(footprint)},
        {"unwinder_bytes", footprint->unwinder},
        {"heap_bytes", footprint->heap},
        {"live_samples", footprint->live_samples},
        {"stacks", footprint->stacks},
        {"sites", footprint->sites},
        {"hook_ns_estimate", footprint->spent.ns},
        {"hook_events_timed", footprint->spent.timed},
    };
    memcpy(figures, all, sizeof all);
}

void lp_footprint_text(FILE *out, const struct lp_footprint *footprint)
{
    struct figure figures[FIGURES];

    list(figures, footprint);
    fprintf(out, "# leakprof\n");
    for (int i = 0; i < FIGURES; i++)
        fprintf(out, "# %s = %" PRId64 "\n", figures[i].name, figures[i].value);
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        fprintf(out, "# tables.%s = %" PRId64 "\n", lp_own_name(kind), footprint->tables[kind]);
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        fprintf(out, "# losses_by_cause.%s = %" PRIu64 "\n", lp_loss_name(cause),
                footprint->losses[cause]);
}

void lp_footprint_json(struct lp_json *json, const char *key, const struct lp_footprint *footprint)
{
    struct figure figures[FIGURES];

    list(figures, footprint);
    lp_json_object(json, key);
    for (int i = 0; i < FIGURES; i++)
        lp_json_int(json, figures[i].name, figures[i].value);
    lp_json_object(json, "tables");
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        lp_json_int(json, lp_own_name(kind), footprint->tables[kind]);
    lp_json_end(json);
    lp_json_object(json, "losses_by_cause");
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        lp_json_int(json, lp_loss_name(cause), (int64_t)footprint->losses[cause]);
    lp_json_end(json);
    lp_json_end(json);
}
