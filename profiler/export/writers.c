/* The formats there are: what ?format= chooses from. */
#include <string.h>

#include "export/export.h"

const struct lp_writer lp_writers[] = {
    {"pprof", "application/octet-stream", "pb.gz", lp_write_pprof},
    {"text", "text/plain; charset=utf-8", "txt", lp_write_text},
    {"folded", "text/plain; charset=utf-8", "folded", lp_write_folded},
    {"json", "application/json", "json", lp_write_json},
    {"svg", "image/svg+xml", "svg", lp_write_svg},
    {NULL, NULL, NULL, NULL},
};

const struct lp_writer *lp_writer_find(const char *name)
{
    for (const struct lp_writer *writer = lp_writers; writer->name; writer++)
        if (strcmp(writer->name, name) == 0)
            return writer;
    return NULL;
}
