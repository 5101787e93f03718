/*
 * Fragment: buffers that are shrunk to fit pin the pages that they stood in.
 *
 * An upload has many short parts. How long a part is shows only at its end, so each is read into a
 * buffer of 4000 bytes; when the whole upload has proven valid, each buffer is shrunk to the 80
 * bytes that are in it. Nothing is lost and little is in use. But the small remains stand 4000
 * bytes apart, one in nearly every page, and the holes between them are too short for the next
 * buffer: what was freed can be neither used again nor given back.
 *
 * What the profiles show: inuse_space is small and in-use blocks are small, and RSS grows fifty
 * times as fast. Only memory that malloc holds unused shows it. malloc_trim
 * changes nothing, for hardly a page is free as a whole.
 */
#include "holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARTS = 16,
    PART_MAX = 4000,
    PART_BYTES = 77,
    PINNED = 4096, /* for the budget: what a part keeps in memory */
    RECENT = 32768
};

static struct holding own = HOLDING;
static char *recent[RECENT];                  /* fragment_leak's; protected by own.lock */
static char recent_parts[RECENT][PART_BYTES]; /* fragment_fixed's; protected by own.lock */
static size_t next, next_fixed;               /* protected by own.lock */

static void receive(char *part)
{
    memset(part, '.', PART_MAX);
    memcpy(part, "Content-Disposition: form-data; name=\"t1337\"\r\n\r\n21.5", 53);
}

static void free_all(char **parts, size_t made)
{
    while (made > 0)
        free(parts[--made]);
}

__attribute__((noinline)) static int fragment_fixed(struct scene_call *call)
{
    char *parts[PARTS];
    int err = 0;

    if (budget_take((int64_t)PARTS * PINNED, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        size_t made = 0;

        while (made < PARTS && (parts[made] = malloc(PART_MAX)))
            receive(parts[made++]);
        if (made == PARTS) { /* what stays goes where such things stay, apart from what goes */
            pthread_mutex_lock(&own.lock);
            for (size_t p = 0; p < PARTS; p++)
                memcpy(recent_parts[next_fixed++ % RECENT], parts[p], PART_BYTES);
            pthread_mutex_unlock(&own.lock);
        } else {
            err = -ENOMEM;
        }
        free_all(parts, made);
    }
    budget_give((int64_t)PARTS * PINNED, 0, 0);
    return err;
}

/* The newest are remembered; the oldest make room for them. */
static void remember(char **parts, size_t n)
{
    int64_t gone = 0;

    pthread_mutex_lock(&own.lock);
    for (size_t p = 0; p < n; p++) {
        char **place = &recent[next++ % RECENT];

        gone += *place != NULL;
        free(*place);
        *place = parts[p];
    }
    own.held.objects += (int64_t)n - gone;
    own.held.bytes += ((int64_t)n - gone) * PART_BYTES;
    pthread_mutex_unlock(&own.lock);
    budget_give(gone * PINNED, 0, 0);
}

__attribute__((noinline)) static int fragment_leak(struct scene_call *call)
{
    const size_t all = (size_t)call->n * PARTS;
    char **parts = malloc(all * sizeof(*parts));
    size_t made = 0;
    int err = 0;

    if (!parts || budget_take((int64_t)all * PINNED, 0, 0) < 0) {
        free(parts);
        return parts ? -ENOSPC : -ENOMEM;
    }
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        const size_t end = made + PARTS;

        while (made < end && (parts[made] = malloc(PART_MAX)))
            receive(parts[made++]);
        if (made == end) {
            for (size_t p = end - PARTS; p < end; p++) {
                char *fit = realloc(parts[p], PART_BYTES); /* the fatal line: it saves 3900 bytes
                                                            * that nobody can use */
                parts[p] = fit ? fit : parts[p];
            }
        } else {
            err = -ENOMEM;
        }
    }
    if (err == 0) {
        remember(parts, all);
    } else {
        free_all(parts, made);
        budget_give((int64_t)all * PINNED, 0, 0);
    }
    free(parts);
    return err;
}

static void fragment_reset(struct held *drained)
{
    pthread_mutex_lock(&own.lock);
    for (size_t p = 0; p < RECENT; p++) {
        free(recent[p]);
        recent[p] = NULL;
    }
    *drained = holding_drain(&own);
    pthread_mutex_unlock(&own.lock);
    budget_give(drained->objects * PINNED, 0, 0);
}

LAB_TEXT(fragment);
const struct scene scene_fragment = {
    .id = "fragment",
    .lab = LAB(fragment),
    .title = "Small survivors pin the pages of large buffers",
    .lesson = "A buffer shrunk to fit keeps its page; keep what stays apart from what goes.",
    .resource = "unused",
    .signature =
        "RSS grows by some 60 KiB a request and inuse_space by little more than one: the unused "
        "memory of malloc grows, and malloc_trim does not give it back.",
    .guilty_function = "fragment_leak",
    .n_max = 1000,
    .leak = fragment_leak,
    .fixed = fragment_fixed,
    .reset = fragment_reset,
    .holding = &own,
};
