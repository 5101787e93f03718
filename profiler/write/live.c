#include "write/live.h"

#include "inspect/process.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "record/allocator.h"
#include "write/jsonout.h"

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

static int64_t value(const struct lp_vitals *vitals, int i)
{
    return *(const int64_t *)((const char *)vitals + fields[i].offset) / fields[i].unit;
}

static void write_note(struct lp_json *json)
{
    char why[LP_ALLOCATOR_WHY];
    if (lp_allocator_why(why)[0])
        lp_json_text(json, "heap_note", why);
}

int lp_write_live_history(FILE *out, const struct lp_history *history)
{
    struct lp_json json = {.out = out};
    const struct lp_vitals *vitals;

    fputs("event: history\ndata: ", out);
    lp_json_object(&json, NULL);
    lp_json_text(&json, "program", lp_program_name());
    lp_json_int(&json, "pid", getpid());
    write_note(&json);
    lp_json_array(&json, "fields");
    for (int i = 0; i < NFIELDS; i++)
        lp_json_text(&json, NULL, fields[i].name);
    lp_json_end(&json);
    lp_json_array(&json, "points");
    for (size_t n = 0; (vitals = lp_history_at(history, n)); n++) {
        lp_json_array(&json, NULL);
        for (int i = 0; i < NFIELDS; i++)
            lp_json_int(&json, NULL, value(vitals, i));
        lp_json_end(&json);
    }
    lp_json_end(&json);
    lp_json_end(&json);
    fputs("\n\n", out);
    return lp_json_finish(&json);
}

void lp_write_live_point(FILE *out, const struct lp_vitals *vitals)
{
    struct lp_json json = {.out = out};

    fputs("event: point\ndata: ", out);
    lp_json_object(&json, NULL);
    for (int i = 0; i < NFIELDS; i++)
        lp_json_int(&json, fields[i].name, value(vitals, i));
    write_note(&json);
    lp_json_end(&json);
    fputs("\n\n", out);
}
