#include "judge/callers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge/follow.h"
#include "judge/heights.h"
#include "sys/array.h"

enum {
    STACKS_MAX = 5000, /* in one search: beyond it, places stay as they are */
    MOVES_MAX = 8      /* searches in one place */
};
static const double certain = 0.001; /* growth with a smaller chance needs no other height */

/* The stacks that are searched. */
struct search {
    struct lp_branch *branches;
    uint32_t *stacks;
    int64_t *growth;
    size_t n;
    uintptr_t (*nodes)[LP_FRAMES_MAX];
};

static int by_stack(const void *x, const void *y)
{
    const struct lp_suspect *a = x, *b = y;
    int order = lp_by_place(a, b);

    return order ? order : (a->stack > b->stack) - (a->stack < b->stack);
}

static uintptr_t node_of(uint32_t stack, uintptr_t address, bool function)
{
    const struct lp_symbol *symbol = lp_symbolize_in(stack, address);
    if (!lp_symbol_is_program(symbol))
        return 0;
    return function && symbol->entry ? symbol->entry : address;
}

/* The program's own frames: the calls above the one that allocates, or all functions. */
static uint32_t callers_of(uint32_t stack, bool functions, uintptr_t nodes[LP_FRAMES_MAX])
{
    struct lp_stack frames = lp_stack_get(stack);
    uint32_t n = 0;
    bool above = false;

    for (uint32_t i = 0; i < frames.nframes && !lp_mark_at(frames.frames[i]); i++) {
        uintptr_t node = node_of(stack, frames.frames[i], functions);
        if (node && (above || functions))
            nodes[n++] = node;
        above = above || node;
    }
    return n;
}

/* Bookings of one stack follow each other. */
static bool add(struct search *search, const struct lp_suspect *booking, bool functions)
{
    if (search->n == 0 || search->stacks[search->n - 1] != booking->stack) {
        if (search->n == STACKS_MAX)
            return false;
        size_t i = search->n++;
        uint32_t nnodes = callers_of(booking->stack, functions, search->nodes[i]);
        search->branches[i] = (struct lp_branch){.nodes = search->nodes[i], .nnodes = nnodes};
        search->stacks[i] = booking->stack;
        search->growth[i] = 0;
    }
    struct lp_flow *flow = &search->branches[search->n - 1].flow;
    flow->kept += booking->more.blocks;
    flow->gone += booking->less.blocks;
    search->growth[search->n - 1] += booking->growth;
    return true;
}

static bool passes(const struct lp_branch *branch, uintptr_t node)
{
    for (uint32_t i = 0; i < branch->nnodes; i++)
        if (branch->nodes[i] == node)
            return true;
    return false;
}

static const struct lp_frame *frame_of(uint32_t stack, uintptr_t node, bool functions)
{
    struct lp_stack frames = lp_stack_get(stack);
    bool above = false;

    for (uint32_t i = 0; i < frames.nframes; i++) {
        uintptr_t here = node_of(stack, frames.frames[i], functions);
        if ((above || functions) && here == node)
            return &lp_symbolize_in(stack, frames.frames[i])->frames[0];
        above = above || here;
    }
    return lp_place_of(stack);
}

/* All stacks through the node are one place from now on, named by the one that grew most. They
 * leave the search. */
static int move(struct lp_ranking *ranking, int resource, struct search *search,
                const struct lp_height *found, bool functions)
{
    const uintptr_t node = found->node;
    const struct lp_frame *place = NULL;
    int64_t biggest = INT64_MIN;
    size_t kept = 0, first = ranking->nmoved;

    for (size_t i = 0; i < search->n; i++) {
        if (!passes(&search->branches[i], node)) {
            search->stacks[kept] = search->stacks[i];
            search->growth[kept] = search->growth[i];
            search->branches[kept++] = search->branches[i];
            continue;
        }
        if (!lp_array_reserve(&ranking->moved, &ranking->moved_capacity, ranking->nmoved + 1,
                              sizeof *ranking->moved))
            return -ENOMEM;
        ranking->moved[ranking->nmoved++] = (struct lp_moved){
            .resource = resource, .stack = search->stacks[i], .node = node, .tests = found->tests};
        if (search->growth[i] > biggest) {
            biggest = search->growth[i];
            place = frame_of(search->stacks[i], node, functions);
        }
    }
    search->n = kept;
    for (size_t i = first; i < ranking->nmoved; i++)
        ranking->moved[i].place = place;
    return 0;
}

static struct lp_flow flow_of(const struct search *search)
{
    struct lp_flow flow = {0};
    for (size_t i = 0; i < search->n; i++) {
        flow.kept += search->branches[i].flow.kept;
        flow.gone += search->branches[i].flow.gone;
    }
    return flow;
}

static struct lp_flow flow_between(const struct lp_ranking *ranking, size_t begin, size_t end)
{
    struct lp_flow flow = {0};
    for (size_t i = begin; i < end; i++) {
        flow.kept += ranking->suspects[i].more.blocks;
        flow.gone += ranking->suspects[i].less.blocks;
    }
    return flow;
}

/* Bookings from `begin` to `end` are of one place. */
static int search_below(struct lp_ranking *ranking, size_t begin, size_t end, struct search *search)
{
    const struct lp_suspect *at = ranking->suspects;
    struct lp_height found;
    int rc = 0;

    struct lp_flow all = flow_between(ranking, begin, end);
    if (!lp_height_testable(&all))
        return 0;
    search->n = 0;
    for (size_t i = begin; i < end; i++)
        if (!add(search, &at[i], false))
            return 0;
    for (int moves = 0; rc == 0 && moves < MOVES_MAX && search->n > 1; moves++) {
        int got = lp_height_below(search->branches, search->n, &found);
        if (got <= 0)
            return got;
        rc = move(ranking, at[begin].resource, search, &found, false);
    }
    return rc;
}

/* In all places of a resource that do not explain themselves. */
static int search_above(struct lp_ranking *ranking, int resource, struct search *search)
{
    const struct lp_suspect *at = ranking->suspects;
    struct lp_height found;
    int rc = 0;

    search->n = 0;
    for (size_t begin = 0, end; begin < ranking->n; begin = end) {
        for (end = begin; end < ranking->n && lp_by_place(&at[begin], &at[end]) == 0;)
            end++;
        struct lp_flow flow = flow_between(ranking, begin, end);
        if (at[begin].resource != resource || lp_chance_of_events(&flow, 1) <= certain)
            continue;
        for (size_t i = begin; i < end; i++)
            if (!lp_moved_stack(ranking, resource, at[i].stack) && !add(search, &at[i], true))
                return 0;
    }
    for (int moves = 0; rc == 0 && moves < MOVES_MAX && search->n > 1; moves++) {
        struct lp_flow all = flow_of(search);
        if (all.kept <= all.gone && moves > 0)
            break;
        int got = lp_height_above(search->branches, search->n, certain, &found);
        if (got <= 0)
            return got;
        rc = found.branches > 1 ? move(ranking, resource, search, &found, true) : 0;
        if (found.branches < 2)
            break;
    }
    return rc;
}

static int by_moved(const void *x, const void *y)
{
    const struct lp_moved *a = x, *b = y;
    if (a->resource != b->resource)
        return a->resource - b->resource;
    return (a->stack > b->stack) - (a->stack < b->stack);
}

const struct lp_moved *lp_moved_stack(const struct lp_ranking *ranking, int resource,
                                      uint32_t stack)
{
    const struct lp_moved key = {.resource = resource, .stack = stack};
    return ranking->nmoved == 0
               ? NULL
               : bsearch(&key, ranking->moved, ranking->nmoved, sizeof key, by_moved);
}

static void sort_moved(struct lp_ranking *ranking)
{
    if (ranking->nmoved > 0)
        qsort(ranking->moved, ranking->nmoved, sizeof *ranking->moved, by_moved);
}

static int search_all(struct lp_ranking *ranking, struct search *search)
{
    int rc = 0;

    for (size_t begin = 0, end; rc == 0 && begin < ranking->n; begin = end) {
        for (end = begin + 1; end < ranking->n &&
                              lp_by_place(&ranking->suspects[begin], &ranking->suspects[end]) == 0;)
            end++;
        if (ranking->suspects[begin].stack != ranking->suspects[end - 1].stack)
            rc = search_below(ranking, begin, end, search);
    }
    sort_moved(ranking);
    for (int r = 0; rc == 0 && r < ranking->nresources; r++)
        if (ranking->tracked[r].profile != LP_UNUSED && !ranking->missing[r]) {
            rc = search_above(ranking, r, search);
            sort_moved(ranking);
        }
    for (size_t i = 0; i < ranking->n; i++) {
        struct lp_suspect *s = &ranking->suspects[i];
        const struct lp_moved *moved = lp_moved_stack(ranking, s->resource, s->stack);
        if (moved) {
            s->place = moved->place;
            s->node = moved->node;
            s->tests = moved->tests;
        }
    }
    return rc;
}

int lp_find_callers(struct lp_ranking *ranking)
{
    struct search search = {.branches = calloc(STACKS_MAX, sizeof *search.branches),
                            .stacks = calloc(STACKS_MAX, sizeof *search.stacks),
                            .growth = calloc(STACKS_MAX, sizeof *search.growth),
                            .nodes = calloc(STACKS_MAX, sizeof *search.nodes)};
    int rc = -ENOMEM;

    if (search.branches && search.stacks && search.growth && search.nodes) {
        if (ranking->n > 0)
            qsort(ranking->suspects, ranking->n, sizeof *ranking->suspects, by_stack);
        rc = search_all(ranking, &search);
    }
    free(search.branches);
    free(search.stacks);
    free(search.growth);
    free(search.nodes);
    return rc;
}
