#include "serve/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "serve/reply.h"
#include "serve/work.h"

struct answer {
    struct lp_work work;
    struct lp_answer_of of;
    struct lp_trim trim;
    int untaken, error; /* why there is no profile (a positive errno), or why it was not written */
    bool delta;
    struct lp_body body;
};

static const struct lp_profile_kind *kind_of(const struct answer *answer)
{
    return answer->of.options.view.kind;
}

static const struct lp_profile *in(const struct lp_snapshot *snapshot, const struct answer *answer)
{
    return snapshot ? lp_snapshot_profile(snapshot, kind_of(answer)) : NULL;
}

static void take(struct lp_work *work)
{
    struct answer *answer = (struct answer *)work;
    struct lp_answer_of *of = &answer->of;
    if (of->gc) {
        answer->trim = lp_trim_now();
        of->options.view.trim = &answer->trim;
    }
    /* For a difference, the kind that the snapshot has: allocs has heap's rows. */
    of->taken = lp_take(of->from ? in(of->from, answer)->kind : kind_of(answer));
    answer->untaken = of->taken ? 0 : errno;
}

static void write_body(struct answer *answer, const struct lp_profile *profile)
{
    const struct lp_request_options *options = &answer->of.options;
    FILE *out = answer->body.stream;
    answer->delta = profile->delta;
    answer->error = options->debug ? lp_write_debug(out, profile, &options->view, options->debug)
                                   : options->writer->write(out, profile, &options->view);
}

static void run(struct lp_work *work)
{
    struct answer *answer = (struct answer *)work;
    const struct lp_answer_of *of = &answer->of;
    const struct lp_profile *from = in(of->from, answer);
    const struct lp_profile *to = of->to ? in(of->to, answer) : of->taken;
    struct lp_profile *difference = NULL;
    if (!to)
        return;
    if (from && !(difference = lp_profile_diff(from, to))) {
        answer->untaken = ENOMEM;
        return;
    }
    if (of->growth)
        lp_profile_keep_growth(difference, of->growing);
    if (lp_body_open(&answer->body) != 0)
        answer->untaken = ENOMEM;
    else
        write_body(answer, from ? difference : to);
    lp_profile_free(difference);
}

/* Files for tools are saved under a name, as in Go. Other formats are shown in the browser. */
static void name_attachment(struct evhttp_request *http, const struct answer *answer)
{
    char disposition[128];
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s%s\"",
             kind_of(answer)->name, answer->delta ? "-delta" : "");
    lp_reply_header(http, "Content-Disposition", disposition);
}

static void reply(struct evhttp_request *http, struct answer *answer)
{
    const struct lp_request_options *options = &answer->of.options;
    if (answer->untaken) {
        lp_reply_untaken(http, answer->untaken);
        return;
    }
    if (answer->error) {
        lp_reply_unwritten(http, &answer->body, "the profile", answer->error);
        return;
    }
    if (!options->debug && options->writer->policy)
        lp_reply_header(http, "Content-Security-Policy", options->writer->policy);
    if (!options->debug && strcmp(options->writer->name, "pprof") == 0)
        name_attachment(http, answer);
    lp_reply_body(http, 200,
                  options->debug ? "text/plain; charset=utf-8" : options->writer->content_type,
                  &answer->body);
}

static void done(struct lp_work *work, struct evhttp_request *http)
{
    struct answer *answer = (struct answer *)work;
    if (http)
        reply(http, answer);
    lp_body_discard(&answer->body);
    lp_profile_free(answer->of.taken);
    if (answer->of.from)
        lp_snapshot_release(answer->of.from);
    if (answer->of.to)
        lp_snapshot_release(answer->of.to);
    free(answer);
}

void lp_answer(struct evhttp_request *http, const struct lp_answer_of *of)
{
    static const struct lp_work_steps steps = {NULL, NULL, run, done},
                                      with_take = {take, NULL, run, done};
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer) {
        lp_profile_free(of->taken);
        lp_reply_untaken(http, ENOMEM);
        return;
    }
    answer->work.steps = of->to || of->taken ? &steps : &with_take;
    answer->work.accepted = of->taken != NULL;
    answer->of = *of;
    if (of->from)
        lp_snapshot_hold(of->from);
    if (of->to)
        lp_snapshot_hold(of->to);
    lp_work_add(&answer->work, http);
}
