#include "write/live.h"

#include "inspect/process.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "symbolize/clean.h"

static const struct field {
    const char *name;
    size_t offset;
    int64_t unit;
} fields[] = {
    {"time_ms", offsetof(struct lp_vitals, time_ns), 1000000},
    {"heap_bytes", offsetof(struct lp_vitals, heap_bytes), 1},
    {"heap_error", offsetof(struct lp_vitals, heap_error), 1},
    {"heap_objects", offsetof(struct lp_vitals, heap_objects), 1},
    {"alloc_bytes", offsetof(struct lp_vitals, alloc_bytes), 1},
    {"alloc_objects", offsetof(struct lp_vitals, alloc_objects), 1},
    {"rss_bytes", offsetof(struct lp_vitals, rss_bytes), 1},
    {"own_bytes", offsetof(struct lp_vitals, own_bytes), 1},
    {"threads", offsetof(struct lp_vitals, threads), 1},
    {"unjoined", offsetof(struct lp_vitals, unjoined), 1},
    {"fds", offsetof(struct lp_vitals, fds), 1},
    {"mappings", offsetof(struct lp_vitals, mappings), 1},
    {"losses", offsetof(struct lp_vitals, losses), 1},
};
enum { NFIELDS = sizeof fields / sizeof *fields };

static int64_t value(const struct lp_vitals *life, int i)
{
    return *(const int64_t *)((const char *)life + fields[i].offset) / fields[i].unit;
}

/* A program may have any bytes for a name. */
static int write_program(FILE *out)
{
    char name[256];
    snprintf(name, sizeof name, "%s", lp_program_name());
    lp_clean(name);
    json_t *json = json_string(name);
    int failed = !json || json_dumpf(json, out, JSON_ENCODE_ANY) != 0;
    json_decref(json);
    return failed ? -ENOMEM : 0;
}

int lp_write_live_history(FILE *out, const struct lp_history *history)
{
    const struct lp_vitals *life;

    fputs("event: history\ndata: {\"program\":", out);
    int error = write_program(out);
    fprintf(out, ",\"pid\":%d,\"fields\":[", (int)getpid());
    for (int i = 0; i < NFIELDS; i++)
        fprintf(out, "%s\"%s\"", i ? "," : "", fields[i].name);
    fputs("],\"points\":[", out);
    for (size_t n = 0; (life = lp_history_at(history, n)); n++)
        for (int i = 0; i < NFIELDS; i++)
            fprintf(out, "%s%" PRId64 "%s",
                    i   ? ","
                    : n ? ",["
                        : "[",
                    value(life, i), i + 1 < NFIELDS ? "" : "]");
    fputs("]}\n\n", out);
    return error;
}

void lp_write_live_point(FILE *out, const struct lp_vitals *life)
{
    fputs("event: point\ndata: {", out);
    for (int i = 0; i < NFIELDS; i++)
        fprintf(out, "%s\"%s\":%" PRId64, i ? "," : "", fields[i].name, value(life, i));
    fputs("}\n\n", out);
}
