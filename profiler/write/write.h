/*
 * Writing a profile down. Every writer takes the same arguments and writes to a stdio stream
 * (the HTTP side uses open_memstream). Profiler's thread only.
 */
#ifndef LP_WRITE_WRITE_H
#define LP_WRITE_WRITE_H

#include <stdio.h>

#include "inspect/trim.h"
#include "profile/profile.h"

/* How a profile is to be shown. The last two are choices that some writers heed. */
struct lp_view {
    const struct lp_profile_kind *kind; /* what the reader asked for: allocs reads heap's rows */
    int value;                          /* the column; pprof and json write all */
    const struct lp_trim *trim; /* what gc=1 did before the profile was taken; NULL: nothing */
    bool by_line;    /* granularity=line: calls from two lines of a function are two frames */
    bool by_library; /* color=library: a colour for each object file */
};

enum { LP_HEEDS_GRANULARITY = 1, LP_HEEDS_COLOR = 2 };

struct lp_writer {
    const char *name;         /* "pprof": as in ?format= */
    const char *content_type; /* "application/octet-stream" */
    const char *extension;    /* "pb.gz" */
    int (*write)(FILE *out, const struct lp_profile *profile,
                 const struct lp_view *view); /* 0 or a negative errno */
    unsigned heeds;                           /* which choices of the view: LP_HEEDS_… */
    const char *policy; /* the Content-Security-Policy that it works under; NULL: it needs none */
};

/* All formats there are, ends with NULL name; lp_writer_find() gives NULL for an unknown name. */
extern const struct lp_writer lp_writers[];
const struct lp_writer *lp_writer_find(const char *name);

int lp_write_pprof(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_text(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_folded(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_json(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_svg(FILE *, const struct lp_profile *, const struct lp_view *);

/* Go's debug=1 (grouped by stack, counts first, addresses and symbols) and debug=2 (every item by
 * itself, where the kind has items; else as debug=1). */
int lp_write_debug(FILE *, const struct lp_profile *, const struct lp_view *, int level);

#endif
