/*
 * At most nine libraries have a colour of their own: more colours could not be distinguished. The
 * other libraries share one colour. Tooltips show their names.
 */
#include "write/paint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/array.h"
#include "symbolize/clean.h"
#include "write/human.h"

static const struct lp_module *module_of(const struct lp_node *node)
{
    return node->symbol ? node->symbol->module : NULL;
}

static struct lp_painted *find(struct lp_paint *paint, const struct lp_module *module)
{
    for (uint32_t i = 0; i < paint->n; i++)
        if (paint->libraries[i].module == module)
            return &paint->libraries[i];
    if (!lp_array_reserve(&paint->libraries, &paint->capacity, paint->n + 1,
                          sizeof *paint->libraries))
        return NULL;
    paint->libraries[paint->n] = (struct lp_painted){.module = module};
    return &paint->libraries[paint->n++];
}

/* The program first, code in no file last. */
static int rank(const struct lp_painted *painted)
{
    return !painted->module ? 2 : painted->module->main ? 0 : 1;
}

static int by_rank(const void *x, const void *y)
{
    const struct lp_painted *a = x, *b = y;

    if (rank(a) != rank(b))
        return rank(a) - rank(b);
    if (a->own != b->own)
        return a->own > b->own ? -1 : 1;
    return a->module && b->module ? strcmp(a->module->path, b->module->path) : 0;
}

int lp_paint_init(struct lp_paint *paint, const struct lp_tree *tree, bool delta, bool by_library)
{
    *paint = (struct lp_paint){.tree = tree, .delta = delta, .by_library = by_library};
    for (uint32_t i = 1; by_library && i < tree->n; i++) {
        struct lp_painted *painted = find(paint, module_of(&tree->nodes[i]));
        if (!painted)
            return -ENOMEM;
        painted->own += lp_node_width(&tree->nodes[i]);
        for (uint32_t c = tree->nodes[i].child; c; c = tree->nodes[c].sibling)
            painted->own -= lp_node_width(&tree->nodes[c]);
    }
    if (paint->n > 1)
        qsort(paint->libraries, paint->n, sizeof(*paint->libraries), by_rank);
    return 0;
}

void lp_paint_release(struct lp_paint *paint)
{
    free(paint->libraries);
    *paint = (struct lp_paint){0};
}

/* The number of libraries with a colour of their own. */
static uint32_t colours(const struct lp_paint *paint)
{
    uint32_t n = paint->n;

    if (n > 0 && !paint->libraries[n - 1].module)
        n--;
    return n < LP_PAINTED_LIBRARIES ? n : LP_PAINTED_LIBRARIES;
}

static void paint_library(const struct lp_paint *paint, const struct lp_node *node, char *class)
{
    const struct lp_module *module = module_of(node);
    uint32_t i = 0;

    while (i < colours(paint) && paint->libraries[i].module != module)
        i++;
    if (!module)
        snprintf(class, LP_PAINT_MAX, "none");
    else if (i < colours(paint))
        snprintf(class, LP_PAINT_MAX, "l%u", i);
    else
        snprintf(class, LP_PAINT_MAX, "rest");
}

/* Strong if there is only growth or only shrinkage, pale if both nearly cancel out. */
static void paint_change(double net, char *class)
{
    int strength = fabs(net) >= 0.95 ? 4 : fabs(net) >= 0.6 ? 3 : fabs(net) >= 0.3 ? 2 : 1;

    if (fabs(net) < 0.05)
        snprintf(class, LP_PAINT_MAX, "even");
    else
        snprintf(class, LP_PAINT_MAX, "%c%d", net > 0 ? 'g' : 'b', strength);
}

/* Shades separate neighbours of one owner. */
static void paint_owner(const struct lp_node *node, char *class)
{
    unsigned hash = 0;

    for (const char *s = node->frame->function; *s; s++)
        hash = hash * 31 + (unsigned char)*s;
    if (!node->symbol)
        snprintf(class, LP_PAINT_MAX, "none");
    else
        snprintf(class, LP_PAINT_MAX, "%c%u", node->program ? 'p' : 's', (hash ^ hash >> 7) % 4);
}

const char *lp_paint_class(const struct lp_paint *paint, const struct lp_node *node, bool *hatched,
                           char class[LP_PAINT_MAX])
{
    double width = lp_node_width(node);
    double net = width > 0 ? ((double)node->grown - (double)node->shrunk) / width : 0;

    *hatched = net <= -0.05;
    if (paint->delta && !paint->by_library)
        paint_change(net, class);
    else if (!node->frame)
        snprintf(class, LP_PAINT_MAX, "all");
    else if (paint->by_library)
        paint_library(paint, node, class);
    else
        paint_owner(node, class);
    return class;
}

const char *lp_paint_hatched(const struct lp_paint *paint, uint32_t i, char class[LP_PAINT_MAX])
{
    static const char *const always[] = {"b1", "b2", "b3", "b4", "all", "none", "rest"};
    enum { ALWAYS = sizeof(always) / sizeof(always[0]) };

    if (!paint->delta || i >= ALWAYS + colours(paint))
        return NULL;
    if (i < ALWAYS)
        return always[i];
    snprintf(class, LP_PAINT_MAX, "l%u", i - ALWAYS);
    return class;
}

static const char *file_name(const struct lp_module *module, char name[LP_PAINT_NAME_MAX])
{
    const char *slash = strrchr(module->path, '/');
    const char *file = slash ? slash + 1 : module->path;

    if (snprintf(name, LP_PAINT_NAME_MAX, "%s", file) >= LP_PAINT_NAME_MAX)
        memcpy(name + LP_PAINT_NAME_MAX - 4, "...", 4);
    lp_clean(name);
    return name;
}

const char *lp_paint_library(const struct lp_node *node, char name[LP_PAINT_NAME_MAX])
{
    const struct lp_module *module = module_of(node);

    return module ? file_name(module, name) : "";
}

static const char *legend_library(const struct lp_paint *paint, uint32_t i, char *text, char *class)
{
    double whole = lp_node_width(&paint->tree->nodes[0]), own = 0;
    uint32_t rest = paint->n - colours(paint);
    char name[LP_PAINT_NAME_MAX], share[LP_HUMAN_MAX];
    bool nowhere = rest > 0 && !paint->libraries[paint->n - 1].module;

    rest -= nowhere;
    if (i < colours(paint)) {
        snprintf(class, LP_PAINT_MAX, "l%u", i);
        file_name(paint->libraries[i].module, name);
        own = paint->libraries[i].own;
    } else if (i == colours(paint) && rest > 0) {
        snprintf(class, LP_PAINT_MAX, "rest");
        snprintf(name, sizeof(name), "%u others", rest);
        for (uint32_t k = i; k < i + rest; k++)
            own += paint->libraries[k].own;
    } else if (i == colours(paint) + (rest > 0) && nowhere) {
        snprintf(class, LP_PAINT_MAX, "none");
        snprintf(name, sizeof(name), "in no file");
        own = paint->libraries[paint->n - 1].own;
    } else {
        return NULL;
    }
    snprintf(text, 2 * LP_PAINT_NAME_MAX, "%s %.16s", name, lp_human_share(share, own, whole));
    return class;
}

const char *lp_paint_legend(const struct lp_paint *paint, uint32_t i, bool *hatched,
                            char text[2 * LP_PAINT_NAME_MAX], char class[LP_PAINT_MAX])
{
    static const char *const owners[][2] = {
        {"p0", "the program’s own code"}, {"s0", "libraries"}, {"none", "no code, or not known"}};
    static const char *const changes[][2] = {
        {"g4", "grew (+)"}, {"b4", "shrank (−)"}, {"even", "both, and they cancel out"}};
    const char *const *entry = paint->delta ? changes[i < 3 ? i : 0] : owners[i < 3 ? i : 0];

    *hatched = false;
    if (paint->by_library)
        return legend_library(paint, i, text, class);
    if (i >= 3)
        return NULL;
    *hatched = paint->delta && i == 1;
    snprintf(text, 2 * LP_PAINT_NAME_MAX, "%s", entry[1]);
    return entry[0];
}
