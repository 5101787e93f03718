/*
 * Folded stacks: one line per stack, `outer;inner;leaf value`, the format that flame graph scripts
 * and viewers read. Function names have file and line with granularity=line. The three characters
 * that have a meaning in the format are replaced. In a delta the values have signs.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "write/write.h"
#include "write/tree.h"

static void write_name(FILE *out, const char *name)
{
    for (; *name; name++)
        fputc(*name == ';' ? ':' : *name == ' ' || *name == '\n' ? '_' : *name, out);
}

int lp_write_folded(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    struct lp_tree tree;
    uint32_t path[LP_LINES_MAX + 1];
    char name[LP_NODE_NAME_MAX];

    int rc = lp_tree_build(&tree, profile, view->value, view->by_line);
    for (uint32_t i = 1; rc == 0 && i < tree.n; i++) {
        if (tree.nodes[i].self == 0)
            continue;
        uint32_t n = 0;
        for (uint32_t at = i; at; at = tree.nodes[at].parent)
            path[n++] = at;
        while (n-- > 0) {
            write_name(out, lp_tree_name(&tree, path[n], name));
            fputc(n > 0 ? ';' : ' ', out);
        }
        fprintf(out, "%" PRId64 "\n", tree.nodes[i].self);
    }
    lp_tree_release(&tree);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
