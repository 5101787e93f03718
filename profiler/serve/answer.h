/*
 * Answers with a profile, in any format: one that is taken now, one of a snapshot, or a difference.
 * See serve/work.h.
 */
#ifndef LP_SERVE_ANSWER_H
#define LP_SERVE_ANSWER_H

#include "profile/store.h"
#include "serve/options.h"

struct lp_answer_of {
    struct lp_request_options options;
    const struct lp_snapshot *from; /* subtracted from `to`. NULL: no difference */
    const struct lp_snapshot *to;   /* NULL: the profile is taken, if there is no `taken` */
    struct lp_profile *taken;       /* this one instead. It is freed after the answer */
    bool growth;                    /* only rows that grew, in this column: */
    int growing;
    bool gc; /* gives free memory back before the profile is taken */
};

void lp_answer(struct evhttp_request *http, const struct lp_answer_of *of);

#endif
