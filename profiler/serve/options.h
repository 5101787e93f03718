/*
 * What a request wants of a profile: the format, or Go's debug text, and the column. Current
 * profiles, profiles of snapshots and differences have the same options.
 */
#ifndef LP_SERVE_OPTIONS_H
#define LP_SERVE_OPTIONS_H

#include "write/write.h"
#include "serve/route.h"

struct lp_request_options {
    struct lp_view view;
    const struct lp_writer *writer;
    int debug; /* 0: the format's own writer; 1, 2: Go's text */
};

/* Reads debug=, format=, value=, granularity=, color= and redact=. 0, or -EINVAL and why. */
int lp_request_options_parse(struct lp_request_options *options, const struct lp_query *query,
                             const struct lp_profile_kind *kind, char why[LP_WHY_MAX]);

#endif
