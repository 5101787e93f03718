/*
 * format=svg: a flame graph in one file. The root is at the top and callees are below their
 * callers, so a stack reads from top to bottom. The width of a frame is its share. The largest
 * frame is leftmost. In a difference the width is growth plus shrinkage, and figures are net.
 * write/paint.h has the colours.
 *
 * Frames that are too narrow to be seen are left out, and the foot shows how many and how much. If
 * those of one caller are wide enough together, one grey frame stands for them.
 *
 * The picture is complete without its script (flamegraph.js), which adds zoom, search, tooltips and
 * keys. The script relies on how frames are written here: in the order of a walk down the tree,
 * each with the lines of its title, its rect, and its net value and standard error as data.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "write/write.h"
#include "write/flamegraph.h"
#include "symbolize/clean.h"
#include "inspect/process.h"
#include "write/human.h"
#include "write/notes.h"
#include "write/paint.h"
#include "write/tree.h"
#include "write/xml.h"

/* In pixels. The script uses the margin, the row and the foot too. */
enum { WIDTH = 1200, MARGIN = 20, ROW = 24, TITLES = 130, HINT = 44, LEGEND_ROW = 26, FOOT = 70 };
enum { DRAWN = WIDTH - 2 * MARGIN, FRAMES_MAX = 10000 };

static const double CUT_OFF = 0.001; /* share of the whole; narrower frames are left out */
static const double LETTER = 8.5;    /* the width of a letter in the frames' font */

struct picture {
    FILE *out;
    const struct lp_profile *profile;
    const struct lp_value_type *type;
    const char *name; /* the kind's name */
    struct lp_tree tree;
    struct lp_paint paint;
    double whole, cut_off, width_left_out;
    uint32_t deepest, left_out;
};

static bool is_shown(const struct picture *p, uint32_t i)
{
    return i == 0 || lp_node_width(&p->tree.nodes[i]) >= p->cut_off;
}

/* Combines the children of one caller that are left out into one node. Also returns their number
 * and the largest one. */
static struct lp_node rest_of(const struct picture *p, const struct lp_node *node, uint32_t *calls,
                              uint32_t *biggest)
{
    struct lp_node rest = {.depth = node->depth + 1};

    *calls = *biggest = 0;
    for (uint32_t c = node->child; c; c = p->tree.nodes[c].sibling) {
        const struct lp_node *child = &p->tree.nodes[c];
        if (is_shown(p, c))
            continue;
        if (*calls == 0)
            *biggest = c; /* children are sorted, largest first */
        rest.grown += child->grown;
        rest.shrunk += child->shrunk;
        rest.variance += child->variance;
        (*calls)++;
    }
    return rest;
}

static uint32_t shown(const struct picture *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->tree.n; i++)
        n += is_shown(p, i);
    return n;
}

/* Computes the cut-off, the height of the picture, and what is left out. A parent is never narrower
 * than its child. */
static void measure(struct picture *p)
{
    p->whole = lp_node_width(&p->tree.nodes[0]);
    p->cut_off = CUT_OFF * p->whole;
    while (shown(p) > FRAMES_MAX)
        p->cut_off *= 1.25;
    for (uint32_t i = 1; i < p->tree.n; i++) {
        const struct lp_node *node = &p->tree.nodes[i];
        bool topmost = is_shown(p, node->parent);
        if (topmost && node->depth > p->deepest)
            p->deepest = node->depth; /* includes nodes left out, because of their grey frame */
        if (is_shown(p, i))
            continue;
        p->left_out++;
        if (topmost)
            p->width_left_out += lp_node_width(node);
    }
}

/* The title's lines: name, figures, location if known, library if known. */
static void write_title(const struct picture *p, const struct lp_node *node, const char *name)
{
    char amount[2 * LP_HUMAN_MAX], share[LP_HUMAN_MAX], library[LP_PAINT_NAME_MAX];
    const char *unit = p->type->unit;

    fputs("<title>", p->out);
    lp_xml_text(p->out, name, SIZE_MAX);
    fprintf(p->out, "\n%s, %s",
            lp_human_error(amount, node->grown - node->shrunk, sqrt(node->variance), unit,
                           p->profile->delta),
            lp_human_share(share, lp_node_width(node), p->whole));
    if (node->grown > 0 && node->shrunk > 0) {
        fprintf(p->out, " (%s", lp_human(amount, node->grown, unit, true));
        fprintf(p->out, ", %s)", lp_human(amount, -node->shrunk, unit, true));
    }
    fputc('\n', p->out);
    if (node->frame && node->frame->file[0]) {
        lp_xml_text(p->out, node->frame->file, SIZE_MAX);
        fprintf(p->out, ":%d", node->frame->line);
    }
    const char *file = lp_paint_library(node, library);
    if (file[0]) {
        fputc('\n', p->out);
        lp_xml_text(p->out, file, SIZE_MAX);
    }
    fputs("</title>", p->out);
}

/* As much of the name as fits, and the amount if that fits too. */
static void write_label(const struct picture *p, const struct lp_node *node, const char *name,
                        double width)
{
    char amount[LP_HUMAN_MAX];
    size_t capacity = width > 8 ? (size_t)((width - 8) / LETTER) : 0, n = lp_letters(name);

    lp_human(amount, node->grown - node->shrunk, p->type->unit, p->profile->delta);
    if (capacity < 3)
        return;
    lp_xml_text(p->out, name, n <= capacity ? n : capacity - 1);
    if (n > capacity)
        fputs("…", p->out);
    else if (n + 2 + lp_letters(amount) <= capacity)
        fprintf(p->out, "  %s", amount);
}

static void write_frame(const struct picture *p, const struct lp_node *node, const char *name,
                        const char *class, bool hatched, double x, double width)
{
    int y = (int)node->depth * ROW;

    fprintf(p->out, "<g class=\"f\" data-n=\"%" PRId64 "\"", node->grown - node->shrunk);
    if (node->variance > 0)
        fprintf(p->out, " data-e=\"%.0f\"", ceil(sqrt(node->variance)));
    fputc('>', p->out);
    write_title(p, node, name);
    fprintf(p->out, "<rect x=\"%.4f\" y=\"%d\" width=\"%.4f\" height=\"%d\" ", x, y, width, ROW);
    fprintf(p->out, hatched ? "fill=\"url(#h-%s)\"/>" : "class=\"%s\"/>", class);
    fprintf(p->out, "<text x=\"%.1f\" y=\"%d\" xml:space=\"preserve\">", x + 4, y + 17);
    write_label(p, node, name, width);
    fputs("</text></g>\n", p->out);
}

static void write_frames(struct picture *p, uint32_t i, double x)
{
    const struct lp_node *node = &p->tree.nodes[i];
    double scale = p->whole > 0 ? DRAWN / p->whole : 0;
    char name[LP_NODE_NAME_MAX], class[LP_PAINT_MAX];
    uint32_t calls, biggest;
    bool hatched;

    lp_paint_class(&p->paint, node, &hatched, class);
    write_frame(p, node, lp_tree_name(&p->tree, i, name), class, hatched, x,
                i == 0 ? DRAWN : lp_node_width(node) * scale);
    for (uint32_t c = node->child; c; c = p->tree.nodes[c].sibling) {
        if (!is_shown(p, c))
            continue;
        write_frames(p, c, x);
        x += lp_node_width(&p->tree.nodes[c]) * scale;
    }
    struct lp_node rest = rest_of(p, node, &calls, &biggest);
    if (calls > 0 && lp_node_width(&rest) >= p->cut_off) {
        char first[LP_NODE_NAME_MAX];
        snprintf(name, sizeof(name), "[%u narrower, the biggest %.*s]", calls, LP_SHOWN_MAX,
                 lp_tree_name(&p->tree, biggest, first));
        lp_clean(name); /* snprintf() may have cut it in the middle of a character */
        write_frame(p, &rest, name, "more", false, x, lp_node_width(&rest) * scale);
    }
}

static void write_hatching(const struct picture *p)
{
    char class[LP_PAINT_MAX];

    fputs("<defs>\n", p->out);
    for (uint32_t i = 0; lp_paint_hatched(&p->paint, i, class); i++) {
        const char *name = lp_paint_hatched(&p->paint, i, class);
        fprintf(p->out,
                "<pattern id=\"h-%s\" width=\"9\" height=\"9\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><rect width=\"9\" height=\"9\" class=\"%s\"/>"
                "<rect width=\"2.5\" height=\"9\" class=\"line\"/></pattern>\n",
                name, name);
    }
    fputs("</defs>\n", p->out);
}

static void write_head(const struct picture *p, int height, const char *program)
{
    const char *changed = p->profile->delta ? ", what changed" : "";

    fprintf(p->out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" preserveAspectRatio=\"xMinYMin\" role=\"graphics-document\" "
            "data-unit=\"%s\" data-whole=\"%.0f\"%s>\n<title>%s%s · %s · ",
            WIDTH, height, WIDTH, height, p->type->unit, p->whole,
            p->profile->delta ? " data-delta=\"\"" : "", p->name, changed, p->type->type);
    lp_xml_text(p->out, program, SIZE_MAX);
    fprintf(p->out, "</title>\n<style><![CDATA[%s]]></style>\n", lp_flamegraph_css);
    write_hatching(p);
    fprintf(p->out,
            "<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n"
            "<text class=\"title\" x=\"%d\" y=\"40\">%s%s · %s</text>\n",
            MARGIN, p->name, changed, p->type->type);
}

/* Program and time, the total, and its error. */
static void write_facts(const struct picture *p, const char *program, int value)
{
    const struct lp_profile *profile = p->profile;
    char text[2 * LP_HUMAN_MAX];
    char sampling[LP_NOTE_MAX];
    double error;
    int64_t sum = lp_profile_total(profile, value, &error);

    fprintf(p->out, "<text class=\"fact\" x=\"%d\" y=\"70\">", MARGIN);
    lp_xml_text(p->out, program, SIZE_MAX);
    fprintf(p->out, " · %s", lp_human_time(text, profile->time_ns));
    if (profile->duration_ns > 0)
        fprintf(p->out, " · over %s", lp_human(text, profile->duration_ns, "nanoseconds", false));
    fprintf(p->out,
            "</text>\n<text class=\"fact\" x=\"%d\" y=\"98\"><tspan class=\"sum\">%s</tspan>",
            MARGIN, lp_human_error(text, sum, error, p->type->unit, profile->delta));
    if (error > 0)
        fprintf(p->out, " · %s, ± is one standard error",
                lp_sampling_text(sampling, profile, profile->kind));
    fputs("</text>\n", p->out);
}

/* The legend's entries are in rows that also fit into narrow windows. A note, if there is one, is
 * below them. */
enum { ENTRY = 250, ENTRIES = 3 };

static bool has_note(const struct picture *p)
{
    return p->profile->delta || p->paint.by_library;
}

static int legend_height(const struct picture *p)
{
    char class[LP_PAINT_MAX], text[2 * LP_PAINT_NAME_MAX];
    int n = 0;
    bool hatched;

    while (lp_paint_legend(&p->paint, (uint32_t)n, &hatched, text, class))
        n++;
    return LEGEND_ROW * ((n + ENTRIES - 1) / ENTRIES + has_note(p));
}

static void write_legend(const struct picture *p)
{
    char class[LP_PAINT_MAX], text[2 * LP_PAINT_NAME_MAX];
    const char *name;
    bool hatched;

    for (uint32_t i = 0; (name = lp_paint_legend(&p->paint, i, &hatched, text, class)); i++) {
        int x = MARGIN + ENTRY * (int)(i % ENTRIES);
        int y = TITLES + LEGEND_ROW * (int)(i / ENTRIES);
        fprintf(p->out, "<rect x=\"%d\" y=\"%d\" width=\"18\" height=\"18\" rx=\"3\" ", x, y - 14);
        fprintf(p->out, hatched ? "fill=\"url(#h-%s)\"/>" : "class=\"%s\"/>", name);
        fprintf(p->out, "<text class=\"key\" x=\"%d\" y=\"%d\">", x + 26, y);
        lp_xml_text(p->out, text, SIZE_MAX);
        fputs("</text>\n", p->out);
    }
    if (!has_note(p))
        return;
    fprintf(p->out, "<text class=\"note\" x=\"%d\" y=\"%d\">%s%s</text>\n", MARGIN,
            TITLES + legend_height(p) - LEGEND_ROW,
            p->profile->delta ? "Width: growth plus shrinkage. Number: net. Hatched: shrank. " : "",
            p->paint.by_library ? "Shares: stacks that end in each file." : "Pale: both.");
}

/* The place where the script puts its tools. */
static void write_hint(const struct picture *p, int y)
{
    fprintf(p->out,
            "<g id=\"hint\" data-y=\"%d\"><text class=\"note\" x=\"%d\" y=\"%d\">Callers are above "
            "what they call. The width of a frame is its share. Point at a frame to see its "
            "figures.</text></g>\n",
            y, MARGIN, y + 20);
}

static void write_foot(const struct picture *p, int y)
{
    char text[LP_HUMAN_MAX];

    fprintf(p->out,
            "<g id=\"foot\" transform=\"translate(0,%d)\"><line class=\"rule\" x1=\"%d\" x2=\"%d\" "
            "y1=\"16\" y2=\"16\"/>\n<text class=\"note\" x=\"%d\" y=\"40\">Frames narrower than "
            "%.2g %% are left out: ",
            y, MARGIN, WIDTH - MARGIN, MARGIN, p->whole > 0 ? 100 * p->cut_off / p->whole : 0.1);
    fprintf(p->out, "%s frames, ", lp_human(text, p->left_out, "count", false));
    fprintf(p->out, "%s.", lp_human(text, (int64_t)p->width_left_out, p->type->unit, false));
    if (p->profile->losses > 0)
        fprintf(p->out, " %s events could not be recorded.",
                lp_human(text, (int64_t)p->profile->losses, "count", false));
    fputs("</text></g>\n", p->out);
}

static void write_nothing(const struct picture *p)
{
    fprintf(p->out, "<text x=\"%d\" y=\"17\" text-anchor=\"middle\">nothing here", WIDTH / 2);
    if (p->profile->note) {
        fputs(": ", p->out);
        lp_xml_text(p->out, p->profile->note, SIZE_MAX);
    }
    fputs("</text>\n", p->out);
}

int lp_write_svg(FILE *out, const struct lp_profile *profile, const struct lp_view *view)
{
    struct picture p = {.out = out,
                        .profile = profile,
                        .type = &view->kind->values[view->value],
                        .name = view->kind->name};
    char program[64], file[LP_PROGRAM_FILE_MAX];
    const char *name = lp_program_name();

    if (view->redact) { /* the program may have written over its name */
        lp_program_file(file);
        name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    }
    snprintf(program, sizeof(program), "%.40s, process %d", name, (int)getpid());
    lp_clean(program);
    int rc = lp_tree_build(&p.tree, profile, view->value, view->by_line);
    if (rc == 0)
        rc = lp_paint_init(&p.paint, &p.tree, profile->delta, view->by_library);
    if (rc != 0)
        goto out;
    measure(&p);

    int hint = TITLES + legend_height(&p);
    int top = hint + HINT, foot = top + ((int)p.deepest + 1) * ROW;
    write_head(&p, foot + FOOT, program);
    write_facts(&p, program, view->value);
    write_legend(&p);
    write_hint(&p, hint);
    fprintf(out, "<g id=\"frames\" transform=\"translate(0,%d)\">\n", top);
    write_frames(&p, 0, MARGIN);
    if (p.whole == 0)
        write_nothing(&p);
    fputs("</g>\n", out);
    write_foot(&p, foot);
    fprintf(out, "<script><![CDATA[%s]]></script>\n</svg>\n", lp_flamegraph_js);
out:
    lp_paint_release(&p.paint);
    lp_tree_release(&p.tree);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
