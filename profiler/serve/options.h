/*
 * The request's options for showing a profile: the format, or Go's debug text, and the column. They
 * are the same for current profiles, profiles of a snapshot, and differences.
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

/* Reads debug=, format=, value=, granularity= and color=. Returns 0, or -EINVAL with a sentence in
 * why. */
int lp_request_options_parse(struct lp_request_options *shape, const struct lp_query *query,
                             const struct lp_profile_kind *kind, char why[LP_WHY_MAX]);

/* Answers with the profile, which the caller still owns. If it is NULL, answers with the error in
 * errno. */
void lp_reply_profile(struct evhttp_request *http, const struct lp_profile *profile,
                      const struct lp_request_options *shape);

#endif
