/*
 * Counters are relaxed atomics: they are only displayed, and no decision depends on them.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leakprof.h"
#include "leakprof_server.h"
#include "scene.h"

#include "guard.h"

enum { SCENES_MAX = 64 };

static struct leakprof_limits budget;
static atomic_uint_fast64_t requests, hits[SCENES_MAX][2]; /* [1]: leaky */
static atomic_int pending;

void stats_start(const struct leakprof_limits *limits)
{
    budget = *limits;
}

void stats_request(void)
{
    atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed);
}

void stats_hit(const struct scene *scene, bool leak, unsigned n)
{
    leakprof_count_requests(n);
    for (int i = 0; i < SCENES_MAX && scenes[i]; i++)
        if (scenes[i] == scene)
            atomic_fetch_add_explicit(&hits[i][leak], n, memory_order_relaxed);
}

int stats_pending(int change)
{
    return atomic_fetch_add(&pending, change);
}

static void set(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

/* Negative: not known. */
static void set_known(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, value < 0 ? json_null() : json_integer(value));
}

static void add_kernel(json_t *stats)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    int64_t kib, mapped = -1, rss = -1, peak = -1;

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmSize: %" SCNd64, &kib) == 1)
            mapped = kib * 1024;
        else if (sscanf(line, "VmRSS: %" SCNd64, &kib) == 1)
            rss = kib * 1024;
        else if (sscanf(line, "VmHWM: %" SCNd64, &kib) == 1)
            peak = kib * 1024;
    }
    if (file)
        fclose(file);
    set_known(stats, "mapped_bytes", mapped);
    set_known(stats, "rss_bytes", rss);
    set_known(stats, "rss_peak_bytes", peak);
}

static void add_loss(const char *cause, uint64_t count, void *losses)
{
    set(losses, cause, (int64_t)count);
}

struct tables {
    json_t *json;
    int64_t bytes; /* the sum of the figures shown: the tables may grow meanwhile */
};

static void add_table(const char *table, int64_t bytes, void *arg)
{
    struct tables *tables = arg;

    set(tables->json, table, bytes);
    tables->bytes += bytes;
}

static void add_profiler(json_t *stats)
{
    struct leakprof_stats seen;
    json_t *own = json_object(), *losses = json_object();
    struct tables tables = {json_object(), 0};

    leakprof_stats(&seen);
    set(stats, "rate", seen.rate);
    json_object_set_new(stats, "rate_auto", json_boolean(seen.rate_auto));
    set(stats, "heap_inuse_bytes", seen.heap_inuse_bytes);
    set(stats, "heap_inuse_objects", seen.heap_inuse_objects);
    set(stats, "heap_alloc_bytes", seen.heap_alloc_bytes);
    set(stats, "heap_alloc_objects", seen.heap_alloc_objects);
    set(stats, "heap_inuse_bytes_error", seen.heap_inuse_bytes_error);
    set(stats, "heap_inuse_objects_error", seen.heap_inuse_objects_error);
    set(stats, "heap_alloc_bytes_error", seen.heap_alloc_bytes_error);
    set(stats, "heap_alloc_objects_error", seen.heap_alloc_objects_error);
    if (*seen.heap_note)
        json_object_set_new(stats, "heap_note", json_string(seen.heap_note));
    set_known(stats, "malloc_arena_bytes", seen.malloc_arena_bytes);
    set_known(stats, "malloc_free_bytes", seen.malloc_free_bytes);
    set_known(stats, "threads", seen.threads);
    set_known(stats, "fds", seen.fds);
    set_known(stats, "sockets", seen.sockets);
    set(stats, "mappings", seen.mappings);
    set(stats, "children", seen.children);
    set(stats, "zombies", seen.zombies);

    set(own, "unwinder_bytes", seen.own_unwinder_bytes);
    set(own, "heap_bytes", seen.own_heap_bytes);
    set(own, "threads", seen.own_threads);
    set_known(own, "fds", seen.own_fds);
    set(own, "live_samples", seen.live_samples);
    set(own, "stacks", seen.stacks);
    set(own, "sites", seen.sites);
    set(own, "hook_ns_estimate", seen.own_hook_ns);
    set(own, "hook_events_timed", seen.own_hook_events_timed);
    set(own, "losses", seen.losses);
    leakprof_each_loss(add_loss, losses);
    json_object_set_new(own, "losses_by_cause", losses);
    leakprof_each_table(add_table, &tables);
    set(own, "table_bytes", tables.bytes + seen.own_unwinder_bytes);
    json_object_set_new(own, "tables", tables.json);
    json_object_set_new(own, "url", json_string(leakprof_url()));
    json_object_set_new(own, "needs_token", json_boolean(guard_has_token()));
    set(own, "wrong_tokens", (int64_t)leakprof_guard_wrong_tokens());
    json_object_set_new(stats, "profiler", own);
}

static void add_scenes(json_t *stats)
{
    json_t *all = json_object();

    for (int i = 0; scenes[i]; i++) {
        struct held held = scene_held(scenes[i]);
        json_t *one = json_object();

        set(one, "leak_hits", (int64_t)atomic_load(&hits[i][1]));
        set(one, "fixed_hits", (int64_t)atomic_load(&hits[i][0]));
#define X(field) set(one, "held_" #field, held.field);
        HELD_FIELDS(X)
#undef X
        json_object_set_new(all, scenes[i]->id, one);
    }
    json_object_set_new(stats, "scenes", all);
}

static void add_budget(json_t *stats)
{
    struct held used;
    json_t *limit = json_object(), *now = json_object();

    budget_used(&used);
    set(limit, "bytes", budget.memory);
    set(limit, "threads", budget.threads);
    set(limit, "fds", budget.fds);
    set(now, "bytes", used.bytes);
    set(now, "threads", used.threads);
    set(now, "fds", used.fds);
    json_object_set_new(stats, "budget", json_pack("{so so}", "limit", limit, "used", now));
}

json_t *stats_json(void)
{
    json_t *stats = json_object();

    add_profiler(stats);
    add_kernel(stats);
    set(stats, "requests", (int64_t)atomic_load(&requests));
    set(stats, "in_flight", stats_pending(0));
    add_budget(stats);
    add_scenes(stats);
    return stats;
}

static json_t *range(uint64_t min, uint64_t max, uint64_t preset)
{
    return json_pack("{sI sI sI}", "min", (json_int_t)min, "max", (json_int_t)max, "default",
                     (json_int_t)preset);
}

json_t *stats_scenes_json(void)
{
    json_t *all = json_array();

    for (const struct scene *const *s = scenes; *s; s++) {
        json_t *parameters = json_pack("{so}", "n", range(1, (*s)->n_max, 1));

        if ((*s)->size_default)
            json_object_set_new(parameters, "size",
                                range((*s)->size_min, (*s)->size_max, (*s)->size_default));
        json_array_append_new(
            all, json_pack("{ss ss ss ss so ss ss? so}", "id", (*s)->id, "title", (*s)->title,
                           "lesson", (*s)->lesson, "resource", (*s)->resource, "parameters",
                           parameters, "signature", (*s)->signature, "guilty_function",
                           (*s)->guilty_function, "lab", json_sprintf("/scenes/%s/lab", (*s)->id)));
    }
    return json_pack("{so}", "scenes", all);
}
