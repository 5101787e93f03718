/*
 * Cache: a table keyed by something that never repeats.
 *
 * A service prices currency pairs and keeps each quote under the URL that asked for it. One day the
 * clients put a request id into the URL, for tracing. From then on no key is asked for twice: the
 * cache never answers anything, and it keeps every quote that was ever given. Nothing takes an
 * entry out, for nobody thought that there would be more keys than pairs.
 *
 * What the profiles show: inuse_space and inuse_objects grow by one entry a request, at the malloc
 * in cache_leak, and nothing of it is ever freed. The blocks are as large as they should be; there
 * are too many of them. A leak checker that looks for lost pointers stays silent.
 */
#include "holding.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

enum {
    KEY_BYTES = 64,
    BUCKETS = 1 << 15,
    QUOTES_BYTES = 64 << 10, /* what the fixed cache may keep */
    QUOTE_SECONDS = 60       /* and how long a price is good */
};

struct entry {
    TAILQ_ENTRY(entry) use;
    struct entry *next; /* in its bucket */
    size_t size;
    time_t made;
    char key[KEY_BYTES];
    char quote[];
};

struct cache {
    TAILQ_HEAD(uses, entry) uses; /* the one used last comes first */
    size_t bytes;
    struct entry *buckets[BUCKETS];
};

static struct holding own = HOLDING;
static struct cache all;     /* cache_leak's; protected by own.lock */
static struct cache bounded; /* cache_fixed's; protected by own.lock */
static unsigned requests;    /* protected by own.lock */

static int64_t cost_of(size_t size)
{
    return (int64_t)(sizeof(struct entry) + size);
}

static struct entry **bucket_of(struct cache *cache, const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    while (*key)
        hash = (hash ^ (unsigned char)*key++) * 16777619u;
    return &cache->buckets[hash % BUCKETS];
}

static struct entry *cache_find(struct cache *cache, const char *key)
{
    struct entry *entry = *bucket_of(cache, key);

    while (entry && strcmp(entry->key, key) != 0)
        entry = entry->next;
    if (entry) {
        TAILQ_REMOVE(&cache->uses, entry, use);
        TAILQ_INSERT_HEAD(&cache->uses, entry, use);
    }
    return entry;
}

static void cache_add(struct cache *cache, struct entry *entry)
{
    struct entry **bucket = bucket_of(cache, entry->key);

    entry->next = *bucket;
    *bucket = entry;
    TAILQ_INSERT_HEAD(&cache->uses, entry, use);
    cache->bytes += (size_t)cost_of(entry->size);
}

static void cache_drop(struct cache *cache, struct entry *entry)
{
    struct entry **link = bucket_of(cache, entry->key);

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    TAILQ_REMOVE(&cache->uses, entry, use);
    cache->bytes -= (size_t)cost_of(entry->size);
    free(entry);
}

/* Moves all entries to the list. */
static void cache_empty(struct cache *cache, struct uses *entries)
{
    TAILQ_CONCAT(entries, &cache->uses, use);
    memset(cache->buckets, 0, sizeof(cache->buckets));
    cache->bytes = 0;
}

/* A pair, of which there are few, and the id of the request, which is new each time. */
static void url_of(char *key, unsigned request)
{
    static const char *const pairs[] = {"EUR-USD", "EUR-GBP", "USD-JPY", "CHF-EUR"};

    snprintf(key, KEY_BYTES, "/quote/%s?depth=20&request-id=%08x", pairs[request % 4], request);
}

static void ask_market(struct entry *entry, const char *key, size_t size, time_t now)
{
    snprintf(entry->key, KEY_BYTES, "%s", key);
    entry->size = size;
    entry->made = now;
    memset(entry->quote, '1', size);
}

__attribute__((noinline)) static int cache_fixed(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call->size);
    const time_t now = time(NULL);
    char key[KEY_BYTES];
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct entry *entry;

        url_of(key, requests++);
        entry = cache_find(&bounded, key);
        if (entry && now - entry->made < QUOTE_SECONDS)
            continue;
        if (entry)
            cache_drop(&bounded, entry);
        entry = malloc(sizeof(*entry) + call->size);
        if (entry) {
            ask_market(entry, key, call->size, now);
            cache_add(&bounded, entry);
        } else {
            err = -ENOMEM;
        }
        while (bounded.bytes > QUOTES_BYTES) /* whatever the keys are: what was used last stays */
            cache_drop(&bounded, TAILQ_LAST(&bounded.uses, uses));
    }
    return work_end(&own, cost, (struct held){0}, err);
}

__attribute__((noinline)) static int cache_leak(struct scene_call *call)
{
    const int64_t cost = call->n * cost_of(call->size);
    const time_t now = time(NULL);
    char key[KEY_BYTES];
    unsigned made = 0;
    int err = 0;

    if (work_begin(&own, cost) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct entry *entry;

        url_of(key, requests++);
        entry = cache_find(&all, key);
        if (entry)
            continue;
        entry = malloc(sizeof(*entry) + call->size);
        if (entry) {
            ask_market(entry, key, call->size, now);
            cache_add(&all, entry); /* the fatal line: nobody asks for this key again */
            made++;
        } else {
            err = -ENOMEM;
        }
    }
    while (err < 0 && made > 0) {
        cache_drop(&all, TAILQ_FIRST(&all.uses));
        made--;
    }
    return work_end(&own, cost, (struct held){.bytes = made * cost_of(call->size), .objects = made},
                    err);
}

static void cache_reset(struct held *drained)
{
    struct uses gone = TAILQ_HEAD_INITIALIZER(gone);

    pthread_mutex_lock(&own.lock);
    cache_empty(&all, &gone);
    cache_empty(&bounded, &gone);
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);

    while (!TAILQ_EMPTY(&gone)) {
        struct entry *entry = TAILQ_FIRST(&gone);

        TAILQ_REMOVE(&gone, entry, use);
        free(entry);
    }
    budget_give(drained->bytes, 0, 0);
}

static int cache_start(void)
{
    TAILQ_INIT(&all.uses);
    TAILQ_INIT(&bounded.uses);
    return 0;
}

LAB_TEXT(cache);
const struct scene scene_cache = {
    .id = "cache",
    .lab = LAB(cache),
    .title = "A cache whose keys never repeat",
    .lesson =
        "A cache without a bound is a leak as soon as its keys do not repeat; bound it, and let "
        "its entries expire.",
    .resource = "heap",
    .signature = "inuse_space and inuse_objects grow by one entry a request at cache_leak, and "
                 "nothing of it "
                 "is freed; threads and descriptors stay flat.",
    .guilty_function = "cache_leak",
    .n_max = 2000,
    .size_default = 1337,
    .size_min = 64,
    .size_max = 64 << 10,
    .start = cache_start,
    .leak = cache_leak,
    .fixed = cache_fixed,
    .reset = cache_reset,
    .holding = &own,
};
