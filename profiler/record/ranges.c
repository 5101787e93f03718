/*
 * Links are numbers in the slab. 0 means none, so node 0 is never used. A node's priority is a hash
 * of its number: as good as random, and not stored. The tree is walked in loops, not by recursion,
 * because a hook may run on a small stack.
 */
#include "record/ranges.h"

#include <stddef.h>

#include "record/self.h"
#include "sys/hold.h"

struct node {
    uint64_t start, length;
    uint32_t stack, birth, call;
    uint32_t mark;
    uint32_t left, right;
    bool own;
};

_Static_assert(sizeof(struct node) == LP_RANGE_NODE, "LP_RANGE_NODE is the size of a node");

static struct node *at(struct lp_ranges *set, uint32_t i)
{
    return lp_slab_at(&set->nodes, i);
}

static uint64_t end_of(const struct node *node)
{
    return node->start + node->length;
}

static uint32_t priority(uint32_t i)
{
    i = (i ^ i >> 16) * 0x7feb352d;
    i = (i ^ i >> 15) * 0x846ca68b;
    return i ^ i >> 16;
}

/* Copies this node to a new place. Returns 0 if there is none (a loss). */
static uint32_t new_node(struct lp_ranges *set, const struct node *from)
{
    uint32_t i = set->spare;
    if (i) {
        set->spare = at(set, i)->left;
    } else {
        if (!set->begun && lp_slab_add(&set->nodes, 1) == 0)
            set->begun = true; /* the first node has number 0, which means none */
        i = set->begun && lp_slab_count(&set->nodes) <= set->max ? lp_slab_add(&set->nodes, 1)
                                                                 : LP_SLAB_FULL;
        if (i == LP_SLAB_FULL) {
            lp_loss(set->full);
            return 0;
        }
    }
    *at(set, i) = *from;
    at(set, i)->left = at(set, i)->right = 0;
    atomic_fetch_add_explicit(&set->live, !from->own, memory_order_relaxed);
    return i;
}

static void free_node(struct lp_ranges *set, uint32_t i)
{
    struct node *node = at(set, i);
    atomic_fetch_sub_explicit(&set->live, !node->own, memory_order_relaxed);
    node->left = set->spare;
    set->spare = i;
}

/* Splits a tree into the nodes that start before key, and the others. */
static void split(struct lp_ranges *set, uint32_t tree, uint64_t key, uint32_t *before,
                  uint32_t *others)
{
    while (tree) {
        struct node *node = at(set, tree);
        if (node->start < key) {
            *before = tree;
            before = &node->right;
            tree = node->right;
        } else {
            *others = tree;
            others = &node->left;
            tree = node->left;
        }
    }
    *before = *others = 0;
}

/* Merges two trees into one. All of a must be before all of b. */
static uint32_t merge(struct lp_ranges *set, uint32_t a, uint32_t b)
{
    uint32_t root = 0, *place = &root;
    while (a && b) {
        if (priority(a) > priority(b)) {
            *place = a;
            place = &at(set, a)->right;
            a = *place;
        } else {
            *place = b;
            place = &at(set, b)->left;
            b = *place;
        }
    }
    *place = a ? a : b;
    return root;
}

/* The first range that ends after this number. 0: there is none. */
static uint32_t find(struct lp_ranges *set, uint64_t number)
{
    uint32_t best = 0;
    for (uint32_t i = set->root; i;) {
        struct node *node = at(set, i);
        if (end_of(node) > number) {
            best = i;
            i = node->left;
        } else {
            i = node->right;
        }
    }
    return best;
}

static void insert(struct lp_ranges *set, uint32_t i)
{
    uint32_t before, others;
    split(set, set->root, at(set, i)->start, &before, &others);
    set->root = merge(set, merge(set, before, i), others);
}

/* Removes all ranges that start in this range. */
static void drop(struct lp_ranges *set, uint64_t start, uint64_t end)
{
    uint32_t before, middle, others;
    split(set, set->root, start, &before, &others);
    split(set, others, end, &middle, &others);
    set->root = merge(set, before, others);
    while (middle) {
        uint32_t rest = merge(set, at(set, middle)->left, at(set, middle)->right);
        free_node(set, middle);
        middle = rest;
    }
}

/* If a range has this number inside, splits it in two there. */
static void part(struct lp_ranges *set, uint64_t number)
{
    uint32_t i = find(set, number);
    if (!i || at(set, i)->start >= number)
        return;
    struct node *low = at(set, i), high = *low;
    high.start = number;
    high.length = end_of(low) - number;
    low->length = number - low->start;
    uint32_t other = new_node(set, &high); /* if there is no place, that piece is lost */
    if (other)
        insert(set, other);
}

/* Joins two ranges that part() split here. */
static void join(struct lp_ranges *set, uint64_t number)
{
    uint32_t l = number > 0 ? find(set, number - 1) : 0, h = find(set, number);
    if (!l || !h || l == h)
        return;
    struct node *low = at(set, l), *high = at(set, h);
    if (end_of(low) != number || high->start != number || low->call != high->call || low->mark ||
        high->mark)
        return;
    uint64_t length = high->length;
    drop(set, number, number + 1);
    low->length += length;
}

static void cut(struct lp_ranges *set, uint64_t start, uint64_t end)
{
    uint32_t i = find(set, start);
    if (i && at(set, i)->start < start) {
        if (end_of(at(set, i)) > end)
            part(set, end);
        at(set, i)->length = start - at(set, i)->start;
    }
    i = end > start ? find(set, end) : 0;
    if (i && at(set, i)->start >= start && at(set, i)->start < end) {
        struct node *last = at(set, i); /* its order among the others does not change */
        last->length = end_of(last) - end;
        last->start = end;
    }
    drop(set, start, end);
}

static bool hold(struct lp_ranges *set, bool try, struct lp_held *held)
{
    int patience = try ? LP_HOLD_TRY : lp_self.own ? LP_HOLD_PROFILER : LP_HOLD_PROGRAM;
    if (lp_hold(&set->lock, patience, held))
        return true;
    lp_hold_lost(patience);
    return false;
}

void lp_ranges_put(struct lp_ranges *set, const struct lp_range *range, bool try)
{
    struct lp_held held;
    if (range->length == 0 || !hold(set, try, &held))
        return;
    cut(set, range->start, range->start + range->length);
    uint32_t i = new_node(set, &(struct node){.start = range->start,
                                              .length = range->length,
                                              .stack = range->stack,
                                              .birth = range->birth,
                                              .call = ++set->calls,
                                              .own = range->own});
    if (i)
        insert(set, i);
    lp_release(&held);
}

void lp_ranges_cut(struct lp_ranges *set, uint64_t start, uint64_t length, bool try)
{
    struct lp_held held;
    if (length == 0 || !hold(set, try, &held))
        return;
    cut(set, start, start + length);
    lp_release(&held);
}

uint32_t lp_ranges_mark(struct lp_ranges *set, uint64_t start, uint64_t length, bool try)
{
    struct lp_held held;
    uint64_t end = start + length;
    uint32_t mark = 0;
    if (length == 0 || !hold(set, try, &held))
        return 0;
    uint32_t i = find(set, start);
    if (i && at(set, i)->start < end) {
        part(set, start);
        part(set, end);
        if (!(mark = ++set->calls))
            mark = ++set->calls;
    }
    while (mark && (i = find(set, start)) && at(set, i)->start < end) {
        at(set, i)->mark = mark;
        start = end_of(at(set, i));
    }
    lp_release(&held);
    return mark;
}

void lp_ranges_gone(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark, bool try)
{
    struct lp_held held;
    uint64_t end = start + length;
    if (!mark || !hold(set, try, &held))
        return;
    for (uint32_t i; start < end && (i = find(set, start)) && at(set, i)->start < end;) {
        struct node *node = at(set, i);
        start = end_of(node);
        if (node->mark == mark)
            drop(set, node->start, node->start + 1);
    }
    lp_release(&held);
}

void lp_ranges_stays(struct lp_ranges *set, uint64_t start, uint64_t length, uint32_t mark,
                     bool try)
{
    struct lp_held held;
    uint64_t from = start, end = start + length;
    if (!mark || !hold(set, try, &held))
        return;
    for (uint32_t i; from < end && (i = find(set, from)) && at(set, i)->start < end;) {
        struct node *node = at(set, i);
        from = end_of(node);
        if (node->mark == mark)
            node->mark = 0;
    }
    join(set, start);
    join(set, end);
    lp_release(&held);
}

/* Goes from one range to the next without a search from the root, because other threads wait for
 * the lock. Keeps the nodes on the way down that are still to be visited. No tree gets DEPTH_MAX
 * deep. */
uint32_t lp_ranges_copy(struct lp_ranges *set, uint64_t from, struct lp_range *out, uint32_t n,
                        bool try)
{
    enum { DEPTH_MAX = 256 };
    struct lp_held held;
    uint32_t ahead[DEPTH_MAX], depth = 0, copied = 0;
    if (!hold(set, try, &held))
        return 0;
    for (uint32_t i = set->root; i && depth < DEPTH_MAX;) {
        const struct node *node = at(set, i);
        bool counts = end_of(node) > from;
        if (counts)
            ahead[depth++] = i;
        i = counts ? node->left : node->right;
    }
    while (depth > 0 && copied < n) {
        const struct node *node = at(set, ahead[--depth]);
        out[copied++] = (struct lp_range){node->start, node->length, node->stack,
                                          node->birth, node->call,   node->own};
        for (uint32_t i = node->right; i && depth < DEPTH_MAX; i = at(set, i)->left)
            ahead[depth++] = i;
    }
    lp_release(&held);
    return copied;
}

/* In a new child, which has no other thread. The old nodes are not touched, because each of their
 * pages would have to be copied first; they are used again. */
static void clear(struct lp_ranges *set)
{
    set->root = set->spare = 0;
    set->begun = false;
    atomic_store(&set->live, 0);
    atomic_store(&set->nodes.count, 0);
}

enum lp_fork_lock lp_ranges_before_fork(struct lp_ranges *set)
{
    return lp_hold_for_fork(&set->lock);
}

void lp_ranges_after_fork(struct lp_ranges *set, enum lp_fork_lock got, bool child, bool empty)
{
    if (got == LP_FORK_HELD && empty)
        clear(set);
    if (got == LP_FORK_ABANDONED && child) { /* the tree may be half changed */
        clear(set);
        lp_loss(LP_LOSS_WAITED);
    }
    lp_hold_forked(&set->lock, got, child);
}
