#include "serve/snapshots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "symbolize/clean.h"
#include "serve/answer.h"
#include "serve/periodic.h"
#include "serve/reply.h"
#include "serve/options.h"
#include "serve/work.h"

static void no_such_snapshot(struct lp_request *request, const char *id)
{
    char shown[LP_PRINTABLE_MAX], ids[LP_WHY_MAX] = "none";
    const struct lp_snapshot *snapshot;
    for (int i = 0, n = 0; (snapshot = lp_store_at((size_t)i)) && n < LP_WHY_MAX; i++)
        n += snprintf(ids + n, LP_WHY_MAX - n, "%s%d", i ? ", " : "", snapshot->id);
    lp_reply_error(request->http, 404, "there is no snapshot \"%s\"; there are: %s",
                   lp_printable(shown, id), ids);
}

const struct lp_snapshot *lp_snapshot_named(struct lp_request *request, const char *id)
{
    const struct lp_snapshot *snapshot = NULL;
    if (id[strspn(id, "0123456789")] == '\0' && strlen(id) < 10)
        snapshot = lp_store_find((int)strtol(id, NULL, 10));
    if (!snapshot)
        snapshot = lp_store_find_name(id);
    if (!snapshot)
        no_such_snapshot(request, id);
    return snapshot;
}

const struct lp_profile *lp_profile_named(struct lp_request *request,
                                          const struct lp_snapshot *snapshot, const char *name,
                                          const struct lp_profile_kind **kind)
{
    *kind = lp_kind_find(name);
    const struct lp_profile *profile = *kind ? lp_snapshot_profile(snapshot, *kind) : NULL;
    if (profile)
        return profile;

    char shown[LP_PRINTABLE_MAX], names[LP_WHY_MAX] = "";
    for (int i = 0, n = 0; lp_kinds[i] && n < LP_WHY_MAX; i++)
        if (lp_snapshot_profile(snapshot, lp_kinds[i]))
            n += snprintf(names + n, LP_WHY_MAX - n, "%s%s", n ? ", " : "", lp_kinds[i]->name);
    lp_reply_error(request->http, 404, "snapshots hold no profile \"%s\"; there are: %s",
                   lp_printable(shown, name), names);
    return NULL;
}

/* Writes one figure per column, under the name of its type. */
static void write_totals(struct lp_json *json, const char *key, const struct lp_profile_kind *kind,
                         const struct lp_totals *totals, bool errors)
{
    lp_json_object(json, key);
    for (int i = 0; i < kind->nvalues; i++)
        lp_json_int(json, kind->values[i].type,
                    errors ? (int64_t)(totals->error[i] + 0.5) : totals->total[i]);
    lp_json_end(json);
}

static void write_profile(struct lp_json *json, const struct lp_profile *profile,
                          const struct lp_totals *totals)
{
    lp_json_object(json, profile->kind->name);
    if (profile->missing)
        lp_json_text(json, "missing", profile->note);
    else if (profile->note)
        lp_json_text(json, "note", profile->note);
    lp_json_int(json, "rows", (int64_t)profile->nrows);
    lp_json_int(json, "period", profile->period);
    lp_json_int(json, "losses", profile->losses);
    write_totals(json, "totals", profile->kind, totals, false);
    write_totals(json, "errors", profile->kind, totals, true);
    lp_json_end(json);
}

/* Negative: not known. */
static void write_known(struct lp_json *json, const char *key, int64_t value)
{
    if (value < 0)
        lp_json_null(json, key);
    else
        lp_json_int(json, key, value);
}

static void write_figures(struct lp_json *json, const struct lp_snapshot *snapshot)
{
    const struct lp_process_figures *figures = &snapshot->figures;
    lp_json_object(json, "figures");
    lp_json_int(json, "rss_bytes", figures->rss_bytes);
    lp_json_int(json, "mapped_bytes", figures->mapped_bytes);
    write_known(json, "malloc_arena_bytes", figures->malloc_arena_bytes);
    write_known(json, "malloc_free_bytes", figures->malloc_free_bytes);
    lp_json_int(json, "threads", figures->threads);
    lp_json_int(json, "unjoined", figures->unjoined);
    lp_json_int(json, "fds", figures->fds);
    lp_json_int(json, "sockets", figures->sockets);
    lp_json_int(json, "mappings", figures->mappings);
    lp_json_int(json, "children", figures->children);
    lp_json_int(json, "zombies", figures->zombies);
    lp_json_int(json, "requests", figures->requests);
    if (snapshot->unused.known)
        lp_json_int(json, "unused_bytes", snapshot->unused.bytes);
    else
        lp_json_null(json, "unused_bytes");
    write_known(json, "trimmable_bytes", snapshot->unused.trimmable);
    lp_json_end(json);
}

static void write_snapshot(struct lp_json *json, const void *arg)
{
    const struct lp_snapshot *snapshot = arg;
    char when[32];
    time_t seconds = snapshot->time_ns / 1000000000;
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));

    lp_json_object(json, NULL);
    lp_json_int(json, "id", snapshot->id);
    lp_json_text(json, "name", snapshot->name);
    lp_json_bool(json, "periodic", snapshot->periodic);
    lp_json_text(json, "time", when);
    lp_json_int(json, "time_ns", snapshot->time_ns);
    lp_json_int(json, "uptime_ns", snapshot->uptime_ns);
    lp_json_int(json, "cost_ns", snapshot->cost_ns);
    lp_json_int(json, "bytes", snapshot->bytes);
    write_figures(json, snapshot);
    lp_json_object(json, "profiles");
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        write_profile(json, snapshot->profiles[i], &snapshot->totals[i]);
    lp_json_end(json);
    lp_json_end(json);
}

/* Is it printable in JSON and on a terminal? */
static bool good_name(const char *name)
{
    if (strlen(name) > LP_SNAPSHOT_NAME_MAX)
        return false;
    for (int n; (n = lp_clean_length(name)) > 0;)
        name += n;
    return *name == '\0';
}

/* false: the request has been answered with an error. */
static bool name_is_good(struct lp_request *request, const char *name)
{
    if (good_name(name))
        return true;
    lp_reply_error(request->http, 400,
                   "invalid value for \"name\". Use at most %d bytes of printable UTF-8.",
                   LP_SNAPSHOT_NAME_MAX);
    return false;
}

struct taking {
    struct lp_work work;
    char name[LP_SNAPSHOT_NAME_MAX + 1];
    bool stacks;
    struct lp_snapshot *snapshot; /* NULL: it was not taken */
    int untaken;                  /* why not: a positive errno */
};

static void take(struct lp_work *work)
{
    struct taking *taking = (struct taking *)work;
    taking->snapshot = lp_snapshot_now(taking->stacks);
    taking->untaken = taking->snapshot ? 0 : errno;
}

static void reply_full(struct evhttp_request *http)
{
    lp_reply_error(http, lp_status(-ENOSPC),
                   "the store is full: it holds at most %d snapshots or %lld MiB. DELETE "
                   "/debug/snapshots/ID drops one.",
                   LP_SNAPSHOTS_MAX, (long long)(lp_store_max() >> 20));
}

static void reply_taken(struct evhttp_request *http, const struct taking *taking)
{
    char location[64];
    if (!taking->snapshot) {
        lp_reply_untaken(http, taking->untaken);
        return;
    }
    snprintf(location, sizeof location, "/debug/snapshots/%d", taking->snapshot->id);
    lp_reply_header(http, "Location", location);
    lp_reply_json(http, 201, write_snapshot, taking->snapshot);
}

/* It is kept even if the client does not wait for the answer. */
static void taken(struct lp_work *work, struct evhttp_request *http)
{
    struct taking *taking = (struct taking *)work;
    int error = taking->snapshot ? lp_store_put(taking->snapshot, taking->name) : 0;
    if (http && error)
        reply_full(http);
    else if (http)
        reply_taken(http, taking);
    free(taking);
}

void lp_http_snapshot_take(struct lp_request *request)
{
    static const struct lp_work_steps steps = {take, NULL, NULL, taken};
    const char *name = lp_query_get(&request->query, "name");
    int64_t stacks = 1;
    char why[LP_WHY_MAX];
    if (name && !name_is_good(request, name))
        return;
    if (lp_query_number(&request->query, "stacks", 0, 1, &stacks, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (lp_store_room() != 0) {
        reply_full(request->http);
        return;
    }
    struct taking *taking = calloc(1, sizeof *taking);
    if (!taking) {
        lp_reply_no_memory(request->http);
        return;
    }
    taking->work.steps = &steps;
    taking->stacks = stacks;
    snprintf(taking->name, sizeof taking->name, "%s", name ? name : "");
    lp_work_add(&taking->work, request->http);
}

static void write_periodic(struct lp_json *json, const char *key)
{
    const struct lp_periodic *periodic = lp_periodic();
    lp_json_object(json, key);
    lp_json_int(json, "every_ms", periodic->every_ms);
    lp_json_int(json, "keep", (int64_t)periodic->keep);
    lp_json_bool(json, "stacks", periodic->stacks);
    lp_json_int(json, "missed", periodic->missed);
    if (periodic->why)
        lp_json_text(json, "missed_because",
                     periodic->why == ENOSPC ? "the store is full"
                                             : lp_untaken_reason(periodic->why));
    lp_json_end(json);
}

static void write_list(struct lp_json *json, const void *unused)
{
    const struct lp_snapshot *snapshot;
    (void)unused;
    lp_json_object(json, NULL);
    lp_json_array(json, "snapshots");
    for (size_t i = 0; (snapshot = lp_store_at(i)); i++)
        write_snapshot(json, snapshot);
    lp_json_end(json);
    lp_json_int(json, "max", LP_SNAPSHOTS_MAX);
    write_periodic(json, "periodic");
    lp_json_end(json);
}

void lp_http_snapshot_list(struct lp_request *request)
{
    lp_reply_json(request->http, 200, write_list, NULL);
}

static void write_schedule(struct lp_json *json, const void *unused)
{
    (void)unused;
    write_periodic(json, NULL);
}

void lp_http_snapshot_every(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    struct lp_periodic periodic = *lp_periodic();
    const char *every = lp_query_get(&request->query, "every");
    int64_t keep = (int64_t)periodic.keep, stacks = periodic.stacks;
    if (!every) {
        lp_reply_error(request->http, 400,
                       "the parameter \"every\" is missing. " LP_PERIOD_USE " 0 stops them.");
        return;
    }
    periodic.every_ms = strcmp(every, "0") == 0 ? 0 : lp_parse_period(every);
    if (periodic.every_ms < 0) {
        lp_reply_error(request->http, 400,
                       "invalid value for \"every\". " LP_PERIOD_USE " 0 stops them.");
        return;
    }
    if (lp_query_number(&request->query, "keep", LP_PERIODIC_KEEP_MIN, LP_PERIODIC_KEEP_MAX, &keep,
                        why) < 0 ||
        lp_query_number(&request->query, "stacks", 0, 1, &stacks, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (lp_periodic_set(periodic.every_ms, (size_t)keep, stacks) != 0)
        lp_reply_no_memory(request->http);
    else
        lp_reply_json(request->http, 200, write_schedule, NULL);
}

void lp_http_snapshot_name(struct lp_request *request)
{
    const char *name = lp_query_get(&request->query, "name");
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot || (name && !name_is_good(request, name)))
        return;
    lp_store_rename(snapshot->id, name ? name : "");
    lp_reply_json(request->http, 200, write_snapshot, snapshot);
}

void lp_http_snapshot(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (snapshot)
        lp_reply_json(request->http, 200, write_snapshot, snapshot);
}

void lp_http_snapshot_profile(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot)
        return;
    const struct lp_profile_kind *kind;
    if (!lp_profile_named(request, snapshot, request->part[1], &kind))
        return;
    char why[LP_WHY_MAX];
    struct lp_request_options options;
    if (lp_request_options_parse(&options, &request->query, kind, why) != 0)
        lp_reply_error(request->http, 400, "%s", why);
    else
        lp_answer(request->http, &(struct lp_answer_of){.options = options, .to = snapshot});
}

void lp_http_snapshot_drop(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot)
        return;
    lp_store_drop(snapshot->id);
    lp_reply_empty(request->http, 204);
}
