/*
 * The frames of all stacks lie in one slab. Another slab has one entry per stack, which is found
 * through an index (sys/index.h). An entry is complete before it is added to the index. If two
 * threads add the same stack at the same time, one of them finds the other's entry, and its own
 * stays unused.
 */
#include "record/stacks.h"

#include <stdatomic.h>
#include <string.h>

#include "record/capacity.h"
#include "sys/index.h"
#include "record/loaded.h"
#include "sys/losses.h"
#include "sys/slab.h"

struct entry {
    struct lp_index_links links;
    uint32_t tag;   /* the number of frames, and some bits of the hash above it */
    uint32_t words; /* where its frames begin in the slab of words */
};

#define TAG_FRAMES 0xffu
_Static_assert(LP_FRAMES_MAX <= (int)TAG_FRAMES, "a tag has eight bits for the number of frames");

LP_SLAB(entries, sizeof(struct entry), 11, LP_OWN_STACKS);
LP_SLAB(words, sizeof(uintptr_t), 14, LP_OWN_STACKS);
LP_INDEX(table, &entries);

static uint64_t hash_of(const uintptr_t *frames, uint32_t n)
{
    uint64_t h = n, i = 0;
    for (; i + 1 < n; i += 2)
        h = lp_index_mix(frames[i] ^ 0x9e3779b97f4a7c15u ^ h, frames[i + 1] ^ 0xbf58476d1ce4e5b9u);
    if (i < n)
        h = lp_index_mix(frames[i] ^ 0x9e3779b97f4a7c15u ^ h, 0x94d049bb133111ebu);
    return h * 0xff51afd7ed558ccdu;
}

/* The bits of the hash that the index uses last. */
static uint32_t tag_of(uint64_t hash, uint32_t n)
{
    return (uint32_t)hash << 8 | n;
}

static struct entry *entry_of(uint32_t id)
{
    return lp_slab_at(&entries, id - LP_STACK_FIRST);
}

/* Follows the path to this stack. LP_STACK_NONE: there is none. */
static uint32_t find(struct lp_index_path *path, uint32_t tag, const uintptr_t *frames, uint32_t n)
{
    for (uint32_t i; (i = lp_index_next(&table, path)) != LP_INDEX_END;) {
        const struct entry *e = lp_slab_at(&entries, i);
        if (e->tag == tag && memcmp(lp_slab_at(&words, e->words), frames, n * sizeof *frames) == 0)
            return LP_STACK_FIRST + i;
    }
    return LP_STACK_NONE;
}

/* Makes an entry that is not yet in the index. LP_SLAB_FULL: there is no place. */
static uint32_t new_entry(uint32_t tag, const uintptr_t *frames, uint32_t n)
{
    uint32_t place = LP_SLAB_FULL, at = LP_SLAB_FULL;
    if (lp_slab_count(&entries) < LP_STACKS_MAX && (at = lp_slab_add(&words, n)) != LP_SLAB_FULL)
        place = lp_slab_add(&entries, 1);
    if (place == LP_SLAB_FULL)
        return LP_SLAB_FULL;
    memcpy(lp_slab_at(&words, at), frames, n * sizeof *frames);
    struct entry *e = lp_slab_at(&entries, place);
    e->tag = tag;
    e->words = at;
    lp_loaded_note(frames, n, LP_STACK_FIRST + place);
    return place;
}

uint32_t lp_stack_intern(const uintptr_t *frames, uint32_t n)
{
    if (n == 0)
        return LP_STACK_NONE;
    if (n > LP_FRAMES_MAX)
        n = LP_FRAMES_MAX;

    uint64_t hash = hash_of(frames, n);
    struct lp_index_path path = lp_index_path(&table, hash);
    uint32_t tag = tag_of(hash, n), fresh = LP_SLAB_FULL;
    for (;;) {
        uint32_t id = find(&path, tag, frames, n);
        if (id != LP_STACK_NONE)
            return id;
        if (fresh == LP_SLAB_FULL && (fresh = new_entry(tag, frames, n)) == LP_SLAB_FULL) {
            lp_loss(LP_LOSS_STACKS_FULL);
            return LP_STACK_NONE;
        }
        if (lp_index_put(&path, fresh))
            return LP_STACK_FIRST + fresh;
    }
}

uint32_t lp_stack_steps(uint32_t id)
{
    struct lp_stack stack = lp_stack_get(id);
    if (stack.nframes == 0 || !stack.frames)
        return 0;
    struct lp_index_path path = lp_index_path(&table, hash_of(stack.frames, stack.nframes));
    uint32_t steps = 0, i;
    do {
        i = lp_index_next(&table, &path);
        steps++;
    } while (i != LP_INDEX_END && i != id - LP_STACK_FIRST);
    return steps;
}

struct lp_stack lp_stack_get(uint32_t id)
{
    if (id < LP_STACK_FIRST || id - LP_STACK_FIRST >= lp_slab_count(&entries))
        return (struct lp_stack){0, NULL};
    const struct entry *e = entry_of(id);
    return (struct lp_stack){e->tag & TAG_FRAMES, lp_slab_at(&words, e->words)};
}

const char *lp_stack_special(uint32_t id)
{
    switch (id) {
    case LP_STACK_NONE:
        return "[no stack]";
    case LP_STACK_EARLIER:
        return "[made before the profiler looked]";
    case LP_STACK_SILENT:
        return "[thread did not answer]";
    default:
        return NULL;
    }
}

uint32_t lp_stack_count(void)
{
    return lp_slab_count(&entries);
}
