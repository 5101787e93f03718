/*
 * A profile's stacks as one call tree, callers above callees. Flame graphs and folded stacks are
 * made from it. All calls of one function from one parent are one node, or one node per line, if
 * wanted. Profiler's thread only.
 */
#ifndef LP_WRITE_TREE_H
#define LP_WRITE_TREE_H

#include "symbolize/frames.h"
#include "sys/table.h"
#include "profile/profile.h"

struct lp_node {
    const struct lp_frame
        *frame; /* NULL for the root; has the line of the largest stack through it */
    const struct lp_symbol *symbol;
    bool program;
    uint32_t parent, child, sibling; /* 0: none. Children are sorted, largest first. */
    uint32_t depth;
    int64_t self;          /* the value of the stacks that end here; net in a delta */
    int64_t grown, shrunk; /* in it and below; shrunk is positive, and 0 except in a delta */
    double variance;       /* of the net value */
    int64_t biggest;       /* private */
};

struct lp_tree {
    struct lp_node *nodes; /* nodes[0] is the root */
    uint32_t n;
    bool by_line;
    size_t capacity;       /* private */
    struct lp_table steps; /* private: (parent, function or line) to node */
};

/* Returns 0 or -ENOMEM. Release it in both cases. */
int lp_tree_build(struct lp_tree *tree, const struct lp_profile *profile, int value, bool by_line);
void lp_tree_release(struct lp_tree *tree);

/* The name of a node for people, clean: "all", "leaf", or by line "leaf (file.c:42)". Returns the
 * frame's own text, or writes into name. */
enum { LP_NODE_NAME_MAX = 512 };
const char *lp_tree_name(const struct lp_tree *tree, uint32_t node, char name[LP_NODE_NAME_MAX]);

/* The sum of growth and shrinkage in it and below: its width. */
static inline double lp_node_width(const struct lp_node *node)
{
    return (double)node->grown + (double)node->shrunk;
}

#endif
