/*
 * The colours of a flame graph's frames, as classes of its style, and the legend that explains
 * them: whose code it is (the program's or a library's), which library's, or in a difference what
 * grew and what shrank. Frames that shrank are also hatched, so that colour is not needed to see
 * it.
 */
#ifndef LP_WRITE_PAINT_H
#define LP_WRITE_PAINT_H

#include "write/tree.h"

enum { LP_PAINTED_LIBRARIES = 9, LP_PAINT_MAX = 8, LP_PAINT_NAME_MAX = 40 };

struct lp_paint {
    const struct lp_tree *tree;
    bool delta, by_library;
    struct lp_painted {                 /* by_library: the program first, then the largest first */
        const struct lp_module *module; /* NULL: in no object file */
        double own;                     /* the total width of the stacks that end in it */
    } * libraries;
    size_t n, capacity;
};

/* Returns 0 or -ENOMEM. Release it in both cases. The tree must live as long. */
int lp_paint_init(struct lp_paint *paint, const struct lp_tree *tree, bool delta, bool by_library);
void lp_paint_release(struct lp_paint *paint);

/* Writes the class of a node's frame into class and returns it. *hatched: the frame shrank. */
const char *lp_paint_class(const struct lp_paint *paint, const struct lp_node *node, bool *hatched,
                           char class[LP_PAINT_MAX]);

/* The i-th class that can be hatched. NULL after the last. */
const char *lp_paint_hatched(const struct lp_paint *paint, uint32_t i, char class[LP_PAINT_MAX]);

/* The legend's i-th entry: returns its class, and sets *text to its text, clean. NULL after the
 * last. */
const char *lp_paint_legend(const struct lp_paint *paint, uint32_t i, bool *hatched,
                            char text[2 * LP_PAINT_NAME_MAX], char class[LP_PAINT_MAX]);

/* The name of the object file that has the node's code, clean. "" if there is none. */
const char *lp_paint_library(const struct lp_node *node, char name[LP_PAINT_NAME_MAX]);

#endif
