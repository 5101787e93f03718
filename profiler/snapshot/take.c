#include "snapshot/take.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "snapshot/kinds.h"
#include "tables/losses.h"
#include "tables/sites.h"

#define HEAP_VALUES                                                                                \
    {                                                                                              \
        {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"},          \
        {                                                                                          \
            "inuse_space", "bytes"                                                                 \
        }                                                                                          \
    }

static const struct lp_profile_kind heap = {
    .name = "heap",
    .about = "Heap memory in use, by the stack that allocated it.",
    .nvalues = 4,
    .tallies = true,
    .values = HEAP_VALUES,
    .default_value = -1,
    .shown_value = LP_INUSE_BYTES,
    .growth_value = LP_INUSE_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
};

static const struct lp_profile_kind allocs = {
    .name = "allocs",
    .about = "All heap memory allocated since the program began, freed or not.",
    .nvalues = 4,
    .tallies = true,
    .values = HEAP_VALUES,
    .default_value = LP_ALLOC_BYTES,
    .shown_value = LP_ALLOC_BYTES,
    .growth_value = LP_ALLOC_BYTES,
    .period = {"space", "bytes"},
    .label_key = "bytes",
    .label_unit = "bytes",
};

static const struct lp_profile_kind threads = {
    .name = "threads",
    .about =
        "All threads, blocked ones too, by the stack they are in. debug=2 shows each by itself.",
    .nvalues = 1,
    .values = {{"threads", "count"}},
    .default_value = -1,
    .period = {"threads", "count"},
    .item = "thread",
};

static const struct lp_profile_kind goroutine = {
    .name = "goroutine",
    .about = "The threads profile under the name that Go's tools ask for.",
    .nvalues = 1,
    .values = {{"goroutine", "count"}},
    .default_value = -1,
    .period = {"goroutine", "count"},
    .item = "thread",
};

static const struct lp_profile_kind fds = {
    .name = "fds",
    .about = "Open descriptors, by the stack that opened them. debug=2 shows each by itself.",
    .nvalues = 1,
    .values = {{"fds", "count"}},
    .default_value = -1,
    .period = {"fds", "count"},
    .label_key = "kind",
    .item = "fd",
};

const struct lp_profile_kind *const lp_kinds[] = {&allocs, &fds, &goroutine, &heap, &threads, NULL};

const struct lp_profile_kind *lp_kind_find(const char *name)
{
    for (size_t i = 0; lp_kinds[i]; i++)
        if (!strcmp(lp_kinds[i]->name, name))
            return lp_kinds[i];
    return NULL;
}

static int64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct lp_profile *lp_take(const struct lp_profile_kind *kind)
{
    struct lp_profile *profile = lp_profile_new(kind);
    if (!profile)
        return NULL;
    profile->time_ns = wall_ns();
    profile->period = 1;

    int result = kind == &heap || kind == &allocs         ? lp_take_heap(profile)
                 : kind == &threads || kind == &goroutine ? lp_take_threads(profile)
                                                          : lp_take_fds(profile);
    if (result) {
        lp_profile_free(profile);
        errno = -result;
        return NULL;
    }
    profile->losses = lp_losses_total();
    lp_profile_seal(profile);
    return profile;
}

int64_t lp_count(const struct lp_profile_kind *kind)
{
    if (kind == &heap || kind == &allocs)
        return lp_site_count();
    struct lp_process_figures figures;
    lp_process_figures(&figures);
    return kind == &fds ? figures.fds : figures.threads;
}
