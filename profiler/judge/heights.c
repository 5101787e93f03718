#include "judge/heights.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static const double far_more = 1.5; /* times as many orders of magnitude */
static const double about = 0.9;    /* times as many are as certain */
static const double testable = 0.05;
static const double half = 0.5;

/* One frame of one branch. */
struct visit {
    uintptr_t node;
    uint32_t branch, height;
};

struct node {
    uintptr_t id;
    struct lp_flow flow;
    size_t branches;
    double height;    /* the sum of its branches' */
    double certainty; /* of growth, in natural orders of magnitude; 0: it cannot be certain */
};

static int by_node(const void *x, const void *y)
{
    const struct visit *a = x, *b = y;

    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->branch != b->branch)
        return a->branch < b->branch ? -1 : 1;
    return a->height < b->height ? -1 : a->height > b->height;
}

static double certainty(const struct lp_flow *flow)
{
    return -log(fmax(lp_chance_of_events(flow, 1), 1e-300));
}

bool lp_height_testable(const struct lp_flow *flow)
{
    return (flow->kept + flow->gone) * M_LN2 >= -log(testable);
}

static bool can_pass(const struct node *node)
{
    return lp_height_testable(&node->flow);
}

/* All nodes, each branch once (a recursive function is in it several times). NULL: no memory. */
static struct node *nodes_of(const struct lp_branch *branches, size_t n, size_t *count)
{
    size_t frames = 0, used = 0;

    for (size_t i = 0; i < n; i++)
        frames += branches[i].nnodes;
    struct visit *visits = calloc(frames + 1, sizeof *visits);
    struct node *nodes = calloc(frames + 1, sizeof *nodes);
    for (size_t i = 0; visits && i < n; i++)
        for (uint32_t k = 0; k < branches[i].nnodes; k++)
            visits[used++] = (struct visit){branches[i].nodes[k], (uint32_t)i, k};
    if (visits)
        qsort(visits, used, sizeof *visits, by_node);
    *count = 0;
    for (size_t i = 0; visits && nodes && i < used; i++) {
        if (i > 0 && visits[i].node == visits[i - 1].node &&
            visits[i].branch == visits[i - 1].branch)
            continue;
        if (i == 0 || visits[i].node != visits[i - 1].node)
            nodes[(*count)++] = (struct node){.id = visits[i].node};
        struct node *node = &nodes[*count - 1];
        node->flow.kept += branches[visits[i].branch].flow.kept;
        node->flow.gone += branches[visits[i].branch].flow.gone;
        node->height += visits[i].height;
        node->branches++;
    }
    for (size_t i = 0; nodes && i < *count; i++)
        if (can_pass(&nodes[i]))
            nodes[i].certainty = certainty(&nodes[i].flow);
    free(visits);
    if (visits && nodes)
        return nodes;
    free(nodes);
    return NULL;
}

static size_t tested(const struct node *nodes, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += can_pass(&nodes[i]);
    return count;
}

static double height_of(const struct node *node)
{
    return node->height / (double)node->branches;
}

static void tell(struct lp_height *found, const struct node *node, size_t tests)
{
    *found =
        (struct lp_height){.node = node->id,
                           .branches = node->branches,
                           .flow = node->flow,
                           .tests = (double)tests,
                           .chance = fmin(lp_chance_of_events(&node->flow, 1) * (double)tests, 1)};
}

/* What it gained may be what the others lost. */
static bool took_over(const struct node *node, const struct lp_flow *all)
{
    const struct lp_flow fall = {.kept = all->gone - node->flow.gone,
                                 .gone = all->kept - node->flow.kept};
    return fall.kept - fall.gone >= half * (node->flow.kept - node->flow.gone) &&
           lp_chance_of_events(&fall, 1) <= testable;
}

int lp_height_below(const struct lp_branch *branches, size_t n, struct lp_height *found)
{
    size_t count, tests;
    struct node *nodes = nodes_of(branches, n, &count);
    const struct node *lowest = NULL;
    struct lp_flow all = {0};
    double best = 0;

    if (!nodes)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        all.kept += branches[i].flow.kept;
        all.gone += branches[i].flow.gone;
    }
    tests = tested(nodes, count);
    for (size_t i = 0; i < count; i++)
        if (nodes[i].certainty > best && !took_over(&nodes[i], &all))
            best = nodes[i].certainty;
    for (size_t i = 0; i < count; i++)
        if (can_pass(&nodes[i]) && nodes[i].certainty >= about * best &&
            !took_over(&nodes[i], &all) && (!lowest || height_of(&nodes[i]) < height_of(lowest)))
            lowest = &nodes[i];
    bool is =
        lowest && best - log((double)tests) >= fmax(far_more * certainty(&all), -log(testable));
    if (is)
        tell(found, lowest, tests);
    free(nodes);
    return is;
}

int lp_height_above(const struct lp_branch *branches, size_t n, double chance,
                    struct lp_height *found)
{
    size_t count, tests;
    struct node *nodes = nodes_of(branches, n, &count);
    const struct node *smallest = NULL;

    if (!nodes)
        return -ENOMEM;
    tests = tested(nodes, count);
    for (size_t i = 0; i < count; i++) {
        const struct node *node = &nodes[i];
        if (!can_pass(node) || exp(-node->certainty) * (double)tests > chance)
            continue;
        if (!smallest || node->branches < smallest->branches ||
            (node->branches == smallest->branches && height_of(node) < height_of(smallest)))
            smallest = node;
    }
    if (smallest)
        tell(found, smallest, tests);
    free(nodes);
    return smallest != NULL;
}
