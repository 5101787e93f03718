/*
 * Writing a profile down. Every writer takes the same arguments and writes to a stdio stream
 * (the HTTP side uses open_memstream). Profiler's thread only.
 */
#ifndef LP_EXPORT_EXPORT_H
#define LP_EXPORT_EXPORT_H

#include <stdio.h>

#include "snapshot/profile.h"

struct lp_writer {
    const char *name;         /* "pprof": as in ?format= */
    const char *content_type; /* "application/octet-stream" */
    const char *extension;    /* "pb.gz" */
    /* `kind` is what the reader asked for (allocs reads heap's rows); `value` the column to show,
     * which pprof and json ignore: they write all. 0 or a negative errno. */
    int (*write)(FILE *out, const struct lp_profile *profile, const struct lp_profile_kind *kind,
                 int value);
};

/* All formats there are, ends with NULL name; lp_writer_find() gives NULL for an unknown name. */
extern const struct lp_writer lp_writers[];
const struct lp_writer *lp_writer_find(const char *name);

int lp_write_pprof(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int value);
int lp_write_text(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int value);
int lp_write_folded(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int value);
int lp_write_json(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int value);
int lp_write_svg(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int value);

/* Go's debug=1 (grouped by stack, counts first, addresses and symbols) and debug=2 (every item by
 * itself, where the kind has items; else as debug=1). */
int lp_write_debug(FILE *, const struct lp_profile *, const struct lp_profile_kind *, int level);

#endif
