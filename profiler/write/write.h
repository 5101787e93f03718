/*
 * Writes profiles. Every writer takes the same arguments and writes to a stdio stream (serve/ uses
 * open_memstream). Profiler's thread only.
 */
#ifndef LP_WRITE_WRITE_H
#define LP_WRITE_WRITE_H

#include <stdio.h>

#include "inspect/trim.h"
#include "profile/profile.h"

/* How to show a profile. Only some writers use the last two. */
struct lp_view {
    const struct lp_profile_kind *kind; /* the kind that was requested: allocs has heap's rows */
    int value;                          /* the column; pprof and json write all columns */
    const struct lp_trim *trim;         /* the result of gc=1; NULL: not requested */
    bool by_line;    /* granularity=line: calls from two lines of a function are two frames */
    bool by_library; /* color=library: one colour per object file */
    bool redact;     /* redact=1: leaves out what is outside the program */
};

enum { LP_HEEDS_GRANULARITY = 1, LP_HEEDS_COLOR = 2 };

struct lp_writer {
    const char *name;         /* for ?format=: "pprof" */
    const char *content_type; /* "application/octet-stream" */
    const char *extension;    /* "pb.gz" */
    int (*write)(FILE *out, const struct lp_profile *profile,
                 const struct lp_view *view); /* 0 or a negative errno */
    unsigned heeds;     /* the choices of the view that it uses: LP_HEEDS_… */
    const char *policy; /* the Content-Security-Policy that it needs; NULL: none */
};

/* All formats. A NULL name ends the table. lp_writer_find() returns NULL for an unknown name. */
extern const struct lp_writer lp_writers[];
const struct lp_writer *lp_writer_find(const char *name);

int lp_write_pprof(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_text(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_folded(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_json(FILE *, const struct lp_profile *, const struct lp_view *);
int lp_write_svg(FILE *, const struct lp_profile *, const struct lp_view *);

/* Go's debug=1 (grouped by stack, counts first, addresses and symbols) and debug=2 (one paragraph
 * per item; like debug=1 if the kind has no items). */
int lp_write_debug(FILE *, const struct lp_profile *, const struct lp_view *, int level);

#endif
