/*
 * What a flame graph's frames are painted with, as classes of its style, and the legend that says
 * what they mean: whose code it is (the program's own or a library's), which library's, or in a
 * difference what grew and what shrank. Shrinking has a hatching, too, whatever the colour.
 */
#ifndef LP_WRITE_PAINT_H
#define LP_WRITE_PAINT_H

#include "write/tree.h"

enum { LP_PAINTED_LIBRARIES = 9, LP_PAINT_MAX = 8, LP_PAINT_NAME_MAX = 40 };

struct lp_paint {
    const struct lp_tree *tree;
    bool delta, by_library;
    struct lp_painted {                 /* by_library: the program, then the biggest first */
        const struct lp_module *module; /* NULL: in no object file */
        double own;                     /* the width of what ends in it */
    } * libraries;
    size_t n, capacity;
};

/* 0 or -ENOMEM; release it in both cases. The tree must live as long. */
int lp_paint_init(struct lp_paint *paint, const struct lp_tree *tree, bool delta, bool by_library);
void lp_paint_release(struct lp_paint *paint);

/* The class of a node's frame; *hatched: shrank. Written into class. */
const char *lp_paint_class(const struct lp_paint *paint, const struct lp_node *node, bool *hatched,
                           char class[LP_PAINT_MAX]);

/* All classes that can be hatched, one after the other; NULL after the last. */
const char *lp_paint_hatched(const struct lp_paint *paint, uint32_t i, char class[LP_PAINT_MAX]);

/* The legend's i-th entry: its class, and its text in *text, clean; NULL after the last. */
const char *lp_paint_legend(const struct lp_paint *paint, uint32_t i, bool *hatched,
                            char text[2 * LP_PAINT_NAME_MAX], char class[LP_PAINT_MAX]);

/* The name of the object file that the node's code is in, clean; "" when it is in none. */
const char *lp_paint_library(const struct lp_node *node, char name[LP_PAINT_NAME_MAX]);

#endif
