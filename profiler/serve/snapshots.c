#include "serve/snapshots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <jansson.h>

#include "sys/period.h"
#include "write/trace.h"
#include "serve/periodic.h"
#include "serve/reply.h"
#include "serve/options.h"

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

static json_t *profile_json(const struct lp_profile *profile)
{
    json_t *totals = json_object(), *errors = json_object();
    for (int i = 0; i < profile->kind->nvalues; i++) {
        double error;
        int64_t total = lp_profile_total(profile, i, &error);
        json_object_set_new(totals, profile->kind->values[i].type, json_integer(total));
        json_object_set_new(errors, profile->kind->values[i].type,
                            json_integer((json_int_t)(error + 0.5)));
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:o}", "rows", (json_int_t)profile->nrows, "period",
                     (json_int_t)profile->period, "losses", (json_int_t)profile->losses, "totals",
                     totals, "errors", errors);
}

static json_t *figures_json(const struct lp_snapshot *snapshot)
{
    const struct lp_process_figures *figures = &snapshot->figures;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "rss_bytes",
        (json_int_t)figures->rss_bytes, "mapped_bytes", (json_int_t)figures->mapped_bytes,
        "malloc_arena_bytes", (json_int_t)figures->malloc_arena_bytes, "malloc_free_bytes",
        (json_int_t)figures->malloc_free_bytes, "threads", (json_int_t)figures->threads, "unjoined",
        (json_int_t)figures->unjoined, "fds", (json_int_t)figures->fds, "sockets",
        (json_int_t)figures->sockets, "mappings", (json_int_t)figures->mappings, "children",
        (json_int_t)figures->children, "zombies", (json_int_t)figures->zombies, "requests",
        (json_int_t)figures->requests, "gap_bytes", (json_int_t)snapshot->gap.bytes,
        "trimmable_bytes",
        snapshot->gap.trimmable < 0 ? json_null() : json_integer(snapshot->gap.trimmable));
}

static json_t *snapshot_json(const struct lp_snapshot *snapshot)
{
    char when[32];
    time_t seconds = snapshot->time_ns / 1000000000;
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));

    json_t *profiles = json_object();
    for (int i = 0; i < LP_SNAPSHOT_PROFILES; i++)
        json_object_set_new(profiles, snapshot->profiles[i]->kind->name,
                            profile_json(snapshot->profiles[i]));
    return json_pack("{s:i, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "id", snapshot->id,
                     "name", snapshot->name, "periodic", snapshot->periodic, "time", when,
                     "time_ns", (json_int_t)snapshot->time_ns, "uptime_ns",
                     (json_int_t)snapshot->uptime_ns, "cost_ns", (json_int_t)snapshot->cost_ns,
                     "bytes", (json_int_t)snapshot->bytes, "figures", figures_json(snapshot),
                     "profiles", profiles);
}

/* Fit for JSON and a terminal: UTF-8 without control characters. */
static bool good_name(const char *name)
{
    if (strlen(name) > LP_SNAPSHOT_NAME_MAX)
        return false;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    json_t *utf8 = json_string(name);
    json_decref(utf8);
    return utf8 != NULL;
}

/* false: answered. */
static bool name_is_good(struct lp_request *request, const char *name)
{
    if (good_name(name))
        return true;
    lp_reply_error(request->http, 400,
                   "invalid value for \"name\": at most %d bytes of printable UTF-8 are due",
                   LP_SNAPSHOT_NAME_MAX);
    return false;
}

void lp_http_snapshot_take(struct lp_request *request)
{
    const char *name = lp_query_get(&request->query, "name");
    const struct lp_snapshot *snapshot;
    if (name && !name_is_good(request, name))
        return;
    int error = lp_store_take(name, &snapshot);
    if (error == -ENOSPC) {
        lp_reply_error(request->http, lp_status(error),
                       "there is room for %d snapshots, or %lld MiB of them, and no more; DELETE "
                       "/debug/snapshots/ID drops one",
                       LP_SNAPSHOTS_MAX, (long long)(LP_SNAPSHOTS_BYTES >> 20));
        return;
    }
    if (error) {
        lp_reply_untaken(request->http, -error);
        return;
    }
    char location[64];
    snprintf(location, sizeof location, "/debug/snapshots/%d", snapshot->id);
    lp_reply_header(request->http, "Location", location);
    lp_reply_json(request->http, 201, snapshot_json(snapshot));
}

static json_t *periodic_json(void)
{
    const struct lp_periodic *periodic = lp_periodic();
    return json_pack("{s:I, s:I, s:I}", "every_ms", (json_int_t)periodic->every_ms, "keep",
                     (json_int_t)periodic->keep, "missed", (json_int_t)periodic->missed);
}

void lp_http_snapshot_list(struct lp_request *request)
{
    json_t *list = json_array();
    const struct lp_snapshot *snapshot;
    for (size_t i = 0; (snapshot = lp_store_at(i)); i++)
        json_array_append_new(list, snapshot_json(snapshot));
    lp_reply_json(request->http, 200,
                  json_pack("{s:o, s:i, s:o}", "snapshots", list, "max", LP_SNAPSHOTS_MAX,
                            "periodic", periodic_json()));
}

void lp_http_snapshot_every(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    struct lp_periodic periodic = *lp_periodic();
    const char *every = lp_query_get(&request->query, "every");
    int64_t keep = (int64_t)periodic.keep;
    if (!every) {
        lp_reply_error(request->http, 400,
                       "parameter \"every\" is missing: " LP_TRACE_ALLOWED ", or 0 for none");
        return;
    }
    periodic.every_ms = strcmp(every, "0") == 0 ? 0 : lp_trace_period(every);
    if (periodic.every_ms < 0) {
        lp_reply_error(request->http, 400,
                       "invalid value for \"every\": " LP_TRACE_ALLOWED " is due, or 0 for none");
        return;
    }
    if (lp_query_number(&request->query, "keep", LP_PERIODIC_KEEP_MIN, LP_PERIODIC_KEEP_MAX, &keep,
                        why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    if (lp_periodic_set(periodic.every_ms, (size_t)keep) != 0)
        lp_reply_error(request->http, 500, "out of memory");
    else
        lp_reply_json(request->http, 200, periodic_json());
}

void lp_http_snapshot_name(struct lp_request *request)
{
    const char *name = lp_query_get(&request->query, "name");
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot || (name && !name_is_good(request, name)))
        return;
    lp_store_rename(snapshot->id, name ? name : "");
    lp_reply_json(request->http, 200, snapshot_json(snapshot));
}

void lp_http_snapshot(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (snapshot)
        lp_reply_json(request->http, 200, snapshot_json(snapshot));
}

void lp_http_snapshot_profile(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot)
        return;
    const struct lp_profile_kind *kind;
    const struct lp_profile *profile = lp_profile_named(request, snapshot, request->part[1], &kind);
    if (!profile)
        return;
    char why[LP_WHY_MAX];
    struct lp_request_options shape;
    if (lp_request_options_parse(&shape, &request->query, kind, why) != 0)
        lp_reply_error(request->http, 400, "%s", why);
    else
        lp_reply_profile(request->http, profile, &shape);
}

void lp_http_snapshot_drop(struct lp_request *request)
{
    const struct lp_snapshot *snapshot = lp_snapshot_named(request, request->part[0]);
    if (!snapshot)
        return;
    lp_store_drop(snapshot->id);
    lp_reply_empty(request->http, 204);
}
