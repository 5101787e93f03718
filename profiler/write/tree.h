/*
 * A profile's stacks as one call tree, callers above what they call: what flame graphs are drawn
 * from and folded stacks are listed from. Calls of one function from one parent are one node,
 * wherever in it they were made, or one for each line, by choice. Profiler's thread only.
 */
#ifndef LP_WRITE_TREE_H
#define LP_WRITE_TREE_H

#include "symbolize/frames.h"
#include "sys/table.h"
#include "profile/profile.h"

struct lp_node {
    const struct lp_frame
        *frame; /* NULL for the root; with the line of the biggest stack through it */
    const struct lp_symbol *symbol;
    bool program;
    uint32_t parent, child, sibling; /* 0: none. Children stand biggest first. */
    uint32_t depth;
    int64_t self;          /* what ends here; net in a delta */
    int64_t grown, shrunk; /* in and below; shrunk is positive and 0 unless it is a delta */
    double variance;       /* of the net */
    int64_t biggest;       /* private */
};

struct lp_tree {
    struct lp_node *nodes; /* nodes[0] is the root */
    uint32_t n;
    bool by_line;
    size_t capacity;       /* private */
    struct lp_table steps; /* private: (parent, function or line) to node */
};

/* 0 or -ENOMEM; release it in both cases. */
int lp_tree_build(struct lp_tree *tree, const struct lp_profile *profile, int value, bool by_line);
void lp_tree_release(struct lp_tree *tree);

/* What a node is called, for people and clean: "all", "leaf", "leaf (file.c:42)" by line. The
 * frame's own text, or written into name. */
enum { LP_NODE_NAME_MAX = 512 };
const char *lp_tree_name(const struct lp_tree *tree, uint32_t node, char name[LP_NODE_NAME_MAX]);

/* How much there is in and below it, growth or not: what it is as wide as. */
static inline double lp_node_width(const struct lp_node *node)
{
    return (double)node->grown + (double)node->shrunk;
}

#endif
