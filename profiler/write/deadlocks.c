#include "write/deadlocks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "inspect/deadlock.h"
#include "profile/kinds.h"
#include "symbolize/clean.h"
#include "symbolize/frames.h"
#include "write/human.h"

static const struct lp_profile *threads_of(const struct lp_snapshot *snapshot)
{
    for (int p = 0; p < LP_SNAPSHOT_PROFILES; p++)
        if (snapshot->profiles[p] && snapshot->profiles[p]->kind == &lp_threads_kind)
            return snapshot->profiles[p];
    return NULL;
}

static size_t count(const struct lp_profile *threads, enum lp_deadlock part)
{
    size_t n = 0;
    for (size_t i = 0; threads && i < threads->nitems; i++)
        n += threads->items[i].deadlock == part;
    return n;
}

static int by_id(const void *x, const void *y)
{
    int64_t a = ((const struct lp_item *)x)->id, b = ((const struct lp_item *)y)->id;
    return (a > b) - (a < b);
}

/* Itself if it is not there. */
static const struct lp_item *holder_of(const struct lp_profile *threads, const struct lp_item *item)
{
    const struct lp_item key = {.id = item->holder};
    const struct lp_item *found =
        bsearch(&key, threads->items, threads->nitems, sizeof key, by_id); /* inspect/threads.h */
    return found ? found : item;
}

/* A circle begins at its member of the lowest id. */
static bool begins(const struct lp_profile *threads, const struct lp_item *item)
{
    if (item->deadlock != LP_DEADLOCK_MEMBER)
        return false;
    for (const struct lp_item *i = holder_of(threads, item); i != item; i = holder_of(threads, i))
        if (i->id < item->id)
            return false;
    return true;
}

/* How long all of its members have waited: at least as long as the last to come. -1: not known. */
static int64_t duration(const struct lp_profile *threads, const struct lp_item *first, size_t *n)
{
    int64_t ns = first->state_ns;
    *n = 1;
    for (const struct lp_item *i = holder_of(threads, first); i != first;
         i = holder_of(threads, i), ++*n)
        if (i->state_ns < ns)
            ns = i->state_ns;
    return ns;
}

static void write_member(FILE *out, const struct lp_item *item)
{
    const struct lp_frame *place = lp_place_of(item->stack);
    char name[64];
    snprintf(name, sizeof name, "%s", item->name);
    lp_clean(name);
    fprintf(out, "  thread %" PRId64 " \"%s\" waits for thread %" PRId64 " in %s", item->id, name,
            item->holder, place->shown);
    if (place->file[0])
        fprintf(out, "  %s:%d", place->file, place->line);
    fputc('\n', out);
}

static void write_circle(FILE *out, const struct lp_profile *threads, const struct lp_item *first)
{
    char text[LP_HUMAN_MAX];
    size_t n;
    int64_t ns = duration(threads, first, &n);
    if (n == 1)
        fprintf(out, "deadlock: a thread waits for a mutex that it holds itself");
    else
        fprintf(out, "deadlock: %zu threads wait for each other", n);
    fprintf(out, ns >= 0 ? ", for %s\n" : "\n", lp_human(text, ns, "nanoseconds", false));
    const struct lp_item *item = first;
    do
        write_member(out, item);
    while ((item = holder_of(threads, item)) != first);
}

void lp_write_deadlocks_text(FILE *out, const struct lp_snapshot *snapshot)
{
    const struct lp_profile *threads = threads_of(snapshot);
    if (count(threads, LP_DEADLOCK_MEMBER) == 0)
        return;
    for (size_t i = 0; i < threads->nitems; i++)
        if (begins(threads, &threads->items[i]))
            write_circle(out, threads, &threads->items[i]);
    size_t behind = count(threads, LP_DEADLOCK_BEHIND);
    if (behind > 0)
        fprintf(out, "  %zu more %s behind\n", behind, behind == 1 ? "waits" : "wait");
    fputc('\n', out);
}

static void write_member_json(struct lp_json *json, const struct lp_item *item)
{
    const struct lp_frame *place = lp_place_of(item->stack);
    lp_json_object(json, NULL);
    lp_json_int(json, "id", item->id);
    lp_json_text(json, "name", item->name);
    lp_json_int(json, "waits_for", item->holder);
    if (item->state_ns >= 0)
        lp_json_int(json, "state_ns", item->state_ns);
    lp_json_text(json, "function", place->function);
    lp_json_text(json, "file", place->file);
    lp_json_int(json, "line", place->line);
    lp_json_end(json);
}

void lp_write_deadlocks_json(struct lp_json *json, const struct lp_snapshot *snapshot)
{
    const struct lp_profile *threads = threads_of(snapshot);
    lp_json_array(json, "deadlocks");
    for (size_t i = 0; threads && i < threads->nitems; i++) {
        const struct lp_item *first = &threads->items[i], *item = first;
        if (!begins(threads, first))
            continue;
        lp_json_array(json, NULL);
        do
            write_member_json(json, item);
        while ((item = holder_of(threads, item)) != first);
        lp_json_end(json);
    }
    lp_json_end(json);
    lp_json_int(json, "behind_deadlocks", (int64_t)count(threads, LP_DEADLOCK_BEHIND));
}
