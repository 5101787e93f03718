/*
 * A visit lasts from the request to its answer. A scene that answers later may do so from any
 * thread, even before its function has returned. So the end of a visit is always a job on the
 * visit's own loop.
 *
 * A successful answer is printed, not built with jansson: the benchmark compares it with bare
 * evhttp, and it contains only numbers and identifiers, which need no escaping.
 */
#include "visit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "scene.h"

#include "front.h"
#include "params.h"
#include "reply.h"
#include "stats.h"

struct visit {
    struct scene_call call; /* must be first: scene_finish() gets a pointer to it */
    struct job job;
    struct evhttp_request *request;
    struct loop *loop;
    const struct scene *scene;
    bool leak;
    int result;
};

static void answer_done(const struct visit *visit)
{
    struct held held = scene_held(visit->scene);
    struct evbuffer *body = evbuffer_new();
    char text[512]; /* evbuffer_add_printf() would format twice: its first buffer is small */
    int length;

    if (!body) {
        reply_no_memory(visit->request);
        return;
    }
    length = snprintf(text, sizeof(text),
                      "{\"scene\":\"%s\",\"variant\":\"%s\",\"status\":\"%s\",\"n\":%u,\"held\":{",
                      visit->scene->id, visit->leak ? "leak" : "fixed",
                      visit->leak ? "leak triggered" : "done", visit->call.n);
#define X(field)                                                                                   \
    length += snprintf(text + length, sizeof(text) - (size_t)length,                               \
                       "\"" #field "\":%" PRId64 ",", held.field);
    HELD_FIELDS(X)
#undef X
    length += snprintf(text + length - 1, sizeof(text) - (size_t)length + 1, "}}\n") - 1;
    if (evbuffer_add(body, text, (size_t)length) < 0)
        reply_no_memory(visit->request);
    else
        reply_bytes(visit->request, 200, "application/json", body);
    evbuffer_free(body);
}

static void answer_failed(const struct visit *visit, int err)
{
    char reset[64];
    json_t *body;

    snprintf(reset, sizeof(reset), "POST /reset/%s", visit->scene->id);
    body =
        json_pack("{ss ss}", "scene", visit->scene->id, "variant", visit->leak ? "leak" : "fixed");
    if (err == -ENOSPC) {
        json_object_set_new(body, "reset", json_string(reset));
        reply_error(
            visit->request, 507, body,
            "the budget is full and nothing was done; POST /reset releases what all scenes hold");
    } else {
        reply_error(visit->request, reply_status(err), body,
                    "the system refused, and nothing was done");
    }
}

static void visit_end(struct visit *visit, int err)
{
    if (err == 0) {
        stats_hit(visit->scene, visit->leak, visit->call.n);
        answer_done(visit);
    } else {
        answer_failed(visit, err);
    }
    stats_pending(-1);
    free(visit);
}

static void run_end(struct job *job)
{
    struct visit *visit = (struct visit *)((char *)job - offsetof(struct visit, job));

    visit_end(visit, visit->result);
}

void scene_finish(struct scene_call *call, int result)
{
    struct visit *visit = (struct visit *)call;

    visit->result = result;
    visit->job.run = run_end;
    front_post(visit->loop, &visit->job);
}

void visit_run(struct evhttp_request *request, struct loop *loop, const struct scene *scene,
               bool leak, const struct params *params)
{
    struct visit *visit = malloc(sizeof(*visit));
    int err;

    if (!visit) {
        reply_no_memory(request);
        return;
    }
    *visit =
        (struct visit){.call = {.base = front_base(loop), .n = params->n, .size = params->size},
                       .request = request,
                       .loop = loop,
                       .scene = scene,
                       .leak = leak};
    stats_pending(1);
    err = leak ? scene->leak(&visit->call) : scene->fixed(&visit->call);
    if (err != SCENE_LATER)
        visit_end(visit, err);
}
