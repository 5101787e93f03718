/*
 * Builds the call tree: every stack is walked from its root. Each step is found by a hash of
 * (parent node, function, and the line if wanted), so a node with a thousand children costs no more
 * than one with two. Nodes are numbers, not pointers, because their array moves as it grows.
 */
#include "write/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/clean.h"
#include "sys/array.h"

struct step {
    const struct lp_tree *tree;
    uint32_t parent;
    const struct lp_frame *frame;
};

static uint64_t hash_of(const struct step *step)
{
    uint64_t line = step->tree->by_line ? (uint32_t)step->frame->line : 0;
    return lp_table_hash_text(step->frame->function, lp_table_mix(line << 32 | step->parent));
}

static bool leads_to(uint64_t node, const void *key)
{
    const struct step *step = key;
    const struct lp_node *to = &step->tree->nodes[node];
    return to->parent == step->parent && lp_same_function(to->frame, step->frame) &&
           (!step->tree->by_line || to->frame->line == step->frame->line);
}

/* A new last node, not filled in; 0: memory is out. (The root is no one's new node.) */
static uint32_t new_node(struct lp_tree *tree)
{
    if (!lp_array_reserve(&tree->nodes, &tree->capacity, (size_t)tree->n + 1, sizeof *tree->nodes))
        return 0;
    return tree->n++;
}

/* The child of this node for this function. Makes it if there is none. 0: no memory. */
static uint32_t step(struct lp_tree *tree, uint32_t parent, const struct lp_line *line)
{
    const struct step key = {tree, parent, line->frame};
    struct lp_table_slot *slot = lp_table_slot(&tree->steps, hash_of(&key), leads_to, &key);
    if (!slot || slot->value)
        return slot ? (uint32_t)slot->value : 0;

    uint32_t i = new_node(tree);
    if (i == 0)
        return 0;
    lp_table_fill(&tree->steps, slot, i);
    tree->nodes[i] = (struct lp_node){.frame = line->frame,
                                      .symbol = line->symbol,
                                      .program = line->program,
                                      .parent = parent,
                                      .sibling = tree->nodes[parent].child,
                                      .depth = tree->nodes[parent].depth + 1};
    tree->nodes[parent].child = i;
    return i;
}

static void add(struct lp_node *node, const struct lp_row *row, int value,
                const struct lp_frame *frame)
{
    int64_t amount = row->value[value], size = amount < 0 ? -amount : amount;

    if (amount < 0)
        node->shrunk += size;
    else
        node->grown += size;
    node->variance += row->variance[value];
    if (size > node->biggest) {
        node->biggest = size;
        node->frame = frame;
    }
}

/* Sorting needs an array. Most nodes have few children, but the root may have many. */
struct child {
    int64_t width;
    const char *name;
    uint32_t node;
};

static int by_width(const void *x, const void *y)
{
    const struct child *a = x, *b = y;

    if (a->width != b->width)
        return a->width > b->width ? -1 : 1;
    int order = strcmp(a->name, b->name);
    return order ? order : a->node < b->node ? -1 : 1;
}

static void sort_children(struct lp_tree *tree, uint32_t parent, struct child *scratch)
{
    size_t n = 0;

    for (uint32_t i = tree->nodes[parent].child; i; i = tree->nodes[i].sibling)
        scratch[n++] = (struct child){tree->nodes[i].grown + tree->nodes[i].shrunk,
                                      tree->nodes[i].frame->function, i};
    if (n < 2)
        return;
    qsort(scratch, n, sizeof(*scratch), by_width);
    tree->nodes[parent].child = scratch[0].node;
    for (size_t i = 0; i < n; i++)
        tree->nodes[scratch[i].node].sibling = i + 1 < n ? scratch[i + 1].node : 0;
}

int lp_tree_build(struct lp_tree *tree, const struct lp_profile *profile, int value, bool by_line)
{
    *tree = (struct lp_tree){.by_line = by_line, .steps.kind = LP_OWN_REPORTS};
    lp_modules_refresh();
    struct lp_lines *lines = malloc(sizeof(*lines));
    struct child *scratch = NULL;
    int rc = -ENOMEM;
    if (!lines || !lp_array_reserve(&tree->nodes, &tree->capacity, 1, sizeof *tree->nodes))
        goto out;

    tree->nodes[0] = (struct lp_node){0};
    tree->n = 1;
    for (size_t r = 0; r < profile->nrows; r++) {
        const struct lp_row *row = &profile->rows[r];
        if (row->value[value] == 0)
            continue;
        lp_lines_of(row->stack, lines);
        uint32_t at = 0;
        add(&tree->nodes[0], row, value, NULL);
        for (uint32_t i = lines->n; i-- > 0;) {
            at = step(tree, at, &lines->at[i]);
            if (at == 0)
                goto out;
            add(&tree->nodes[at], row, value, lines->at[i].frame);
        }
        tree->nodes[at].self += row->value[value];
    }

    scratch = malloc(tree->n * sizeof(*scratch));
    if (!scratch)
        goto out;
    for (uint32_t i = 0; i < tree->n; i++)
        sort_children(tree, i, scratch);
    rc = 0;
out:
    free(scratch);
    free(lines);
    return rc;
}

const char *lp_tree_name(const struct lp_tree *tree, uint32_t node, char name[LP_NODE_NAME_MAX])
{
    const struct lp_frame *frame = tree->nodes[node].frame;

    if (!frame)
        return "all";
    if (!tree->by_line || !frame->file[0])
        return frame->shown;
    const char *slash = strrchr(frame->file, '/');
    snprintf(name, LP_NODE_NAME_MAX, "%s (%s:%d)", frame->shown, slash ? slash + 1 : frame->file,
             frame->line);
    lp_clean(name); /* snprintf() may have cut it in the middle of a character */
    return name;
}

void lp_tree_release(struct lp_tree *tree)
{
    free(tree->nodes);
    lp_table_release(&tree->steps);
    memset(tree, 0, sizeof(*tree));
}
