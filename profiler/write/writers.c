/* The formats that ?format= can choose. */
#include <string.h>

#include "write/write.h"
#include "write/flamegraph.h"

const struct lp_writer lp_writers[] = {
    {"pprof", "application/octet-stream", "pb.gz", lp_write_pprof, 0, NULL},
    {"text", "text/plain; charset=utf-8", "txt", lp_write_text, 0, NULL},
    {"folded", "text/plain; charset=utf-8", "folded", lp_write_folded, LP_HEEDS_GRANULARITY, NULL},
    {"json", "application/json", "json", lp_write_json, 0, NULL},
    {"svg", "image/svg+xml", "svg", lp_write_svg, LP_HEEDS_GRANULARITY | LP_HEEDS_COLOR,
     lp_flamegraph_policy},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

const struct lp_writer *lp_writer_find(const char *name)
{
    for (const struct lp_writer *writer = lp_writers; writer->name; writer++)
        if (strcmp(writer->name, name) == 0)
            return writer;
    return NULL;
}
