/*
 * format=svg: a flame graph in one file. The root is at the top and callees hang below their
 * callers, so that a stack reads from top to bottom and the picture begins where the page does. A
 * frame is as wide as its share; biggest first, from the left.
 *
 * Colours say whose code it is: the program's own, or a library's. In a delta they say what grew
 * and what shrank (orange and blue, which colour-blind people tell apart), paler the more of both
 * there is; there the width is growth plus shrinkage, and figures are the net.
 *
 * The picture is complete without its script (flamegraph.js), which adds zoom, search and keys.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/human.h"
#include "export/tree.h"

enum { WIDTH = 1200, MARGIN = 16, TOP = 124, ROW = 20, DRAWN = WIDTH - 2 * MARGIN };

static const double CUT_OFF = 0.0005; /* of the whole; narrower frames are left out */
static const double LETTER = 7.25;    /* width of one in the frames' font */

extern const char lp_flamegraph_css[], lp_flamegraph_js[];

struct picture {
    FILE *out;
    const struct lp_profile *profile;
    const struct lp_value_type *type;
    struct lp_tree tree;
    double whole;
    uint32_t deepest, left_out;
};

/* Text is clean UTF-8 already; only markup is left to escape. */
static void escape(FILE *out, const char *text, size_t letters)
{
    for (; *text && (letters > 0 || (*text & 0xc0) == 0x80); text++) {
        letters -= (*text & 0xc0) != 0x80;
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static size_t letters(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static double width_of(const struct lp_node *node)
{
    return (double)node->grown + (double)node->shrunk;
}

static bool is_shown(const struct picture *p, uint32_t i)
{
    return i == 0 || width_of(&p->tree.nodes[i]) >= CUT_OFF * p->whole;
}

static const char *name_of(const struct lp_node *node)
{
    return node->frame ? node->frame->shown : "all";
}

/* The rect's paint: a class, or for a delta a mixture. */
static void write_paint(const struct picture *p, const struct lp_node *node)
{
    if (p->profile->delta) {
        static const int grew[3] = {0xee, 0x8a, 0x2a}, shrank[3] = {0x5a, 0x9b, 0xd8};
        double net =
            width_of(node) > 0 ? ((double)node->grown - (double)node->shrunk) / width_of(node) : 0;
        const int *to = net < 0 ? shrank : grew;
        int rgb[3];
        for (int i = 0; i < 3; i++)
            rgb[i] = (int)lround(0xf3 + (to[i] - 0xf3) * (0.25 + 0.75 * fabs(net)));
        fprintf(p->out, "fill=\"#%02x%02x%02x\"", rgb[0], rgb[1], rgb[2]);
        return;
    }
    unsigned hash = 0;
    for (const char *s = name_of(node); *s; s++)
        hash = hash * 31 + (unsigned char)*s;
    if (!node->symbol)
        fputs("class=\"none\"", p->out);
    else
        fprintf(p->out, "class=\"%c%u\"", node->program ? 'p' : 's', (hash ^ hash >> 7) % 4);
}

static void write_tooltip(const struct picture *p, const struct lp_node *node)
{
    char amount[2 * LP_HUMAN_MAX], share[LP_HUMAN_MAX];
    const char *unit = p->type->unit;

    fputs("<title>", p->out);
    escape(p->out, name_of(node), SIZE_MAX);
    fprintf(p->out, "\n%s, %s",
            lp_human_error(amount, node->grown - node->shrunk, sqrt(node->variance), unit,
                           p->profile->delta),
            lp_human_share(share, width_of(node), p->whole));
    if (node->grown > 0 && node->shrunk > 0) {
        fprintf(p->out, " (%s", lp_human(amount, node->grown, unit, true));
        fprintf(p->out, ", %s)", lp_human(amount, -node->shrunk, unit, true));
    }
    fputc('\n', p->out);
    if (node->frame && node->frame->file[0]) {
        escape(p->out, node->frame->file, SIZE_MAX);
        fprintf(p->out, ":%d", node->frame->line);
    }
    fputs("</title>", p->out);
}

static void write_frame(const struct picture *p, const struct lp_node *node, double x, double w)
{
    char amount[LP_HUMAN_MAX];
    int y = TOP + (int)node->depth * ROW;
    const char *name = name_of(node);
    size_t room = w > 8 ? (size_t)((w - 8) / LETTER) : 0, n = letters(name);

    lp_human(amount, node->grown - node->shrunk, p->type->unit, p->profile->delta);
    fprintf(p->out, "<g class=\"f\" data-v=\"%s\">", amount);
    write_tooltip(p, node);
    fprintf(p->out, "<rect x=\"%.4f\" y=\"%d\" width=\"%.4f\" height=\"%d\" rx=\"2\" ", x, y, w,
            ROW);
    write_paint(p, node);
    fprintf(p->out, "/><text x=\"%.1f\" y=\"%d\" xml:space=\"preserve\">", x + 4, y + 14);
    if (room >= 3) {
        escape(p->out, name, n <= room ? n : room - 1);
        if (n > room)
            fputs("…", p->out);
        else if (n + 2 + letters(amount) <= room)
            fprintf(p->out, "  %s", amount);
    }
    fputs("</text></g>\n", p->out);
}

static void write_frames(struct picture *p, uint32_t i, double x)
{
    const struct lp_node *node = &p->tree.nodes[i];
    double scale = p->whole > 0 ? DRAWN / p->whole : 0;

    write_frame(p, node, x, i == 0 ? DRAWN : width_of(node) * scale);
    for (uint32_t c = node->child; c; c = p->tree.nodes[c].sibling) {
        if (!is_shown(p, c))
            continue;
        write_frames(p, c, x);
        x += width_of(&p->tree.nodes[c]) * scale;
    }
}

/* How tall the picture gets, and what it leaves out: a parent is never narrower than its child. */
static void measure(struct picture *p)
{
    p->whole = width_of(&p->tree.nodes[0]);
    for (uint32_t i = 1; i < p->tree.n; i++) {
        if (!is_shown(p, i))
            p->left_out++;
        else if (p->tree.nodes[i].depth > p->deepest)
            p->deepest = p->tree.nodes[i].depth;
    }
}

static void legend_entry(FILE *out, int *x, int y, const char *class, const char *text)
{
    fprintf(out,
            "<rect x=\"%d\" y=\"%d\" width=\"14\" height=\"14\" rx=\"2\" class=\"%s\"/>"
            "<text x=\"%d\" y=\"%d\">%s</text>\n",
            *x, y - 11, class, *x + 20, y, text);
    *x += 20 + (int)(6.7 * (double)letters(text)) + 22;
}

static void write_legend(const struct picture *p, int y)
{
    int x = MARGIN;

    if (p->profile->delta) {
        legend_entry(p->out, &x, y, "grew", "grew (+)");
        legend_entry(p->out, &x, y, "shrank", "shrank (−)");
        fprintf(p->out,
                "<text class=\"note\" x=\"%d\" y=\"%d\">the paler, the more of both. Width: growth "
                "plus "
                "shrinkage. Figures: the net.</text>\n",
                x, y);
        return;
    }
    legend_entry(p->out, &x, y, "p0", "the program’s own code");
    legend_entry(p->out, &x, y, "s0", "libraries");
    legend_entry(p->out, &x, y, "none", "no code, or not known");
}

static void write_head(const struct picture *p, const struct lp_profile_kind *kind, int height,
                       const char *title)
{
    fprintf(p->out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" preserveAspectRatio=\"xMinYMin\" role=\"img\" aria-label=\"%s: "
            "flame graph\">\n<style>%s</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
            "<text class=\"title\" x=\"%d\" y=\"34\">%s%s · %s</text>\n"
            "<text class=\"total\" x=\"%d\" y=\"58\">%s</text>\n",
            WIDTH, height, WIDTH, height, kind->name, lp_flamegraph_css, MARGIN, kind->name,
            p->profile->delta ? ", what changed" : "", p->type->type, MARGIN, title);
}

/* The script shows what the mouse or the keys are at in this line. */
static void write_status(const struct picture *p, int y)
{
    fprintf(
        p->out,
        "<text id=\"status\" x=\"%d\" y=\"%d\">Callers stand above what they call. Click a frame "
        "to zoom; / searches; arrow keys and Enter work too.</text>\n",
        MARGIN, y);
}

static void write_foot(const struct picture *p, int y)
{
    fprintf(
        p->out,
        "<line class=\"rule\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n"
        "<text class=\"note\" x=\"%d\" y=\"%d\">Frames narrower than %.2g %% of the whole are left "
        "out: %u of them here.",
        MARGIN, WIDTH - MARGIN, y, y, MARGIN, y + 22, 100 * CUT_OFF, p->left_out);
    if (p->profile->losses > 0)
        fprintf(p->out, " %llu events could not be recorded.",
                (unsigned long long)p->profile->losses);
    fputs("</text>\n", p->out);
}

int lp_write_svg(FILE *out, const struct lp_profile *profile, const struct lp_profile_kind *kind,
                 int value)
{
    struct picture p = {.out = out, .profile = profile, .type = &kind->values[value]};
    char total[2 * LP_HUMAN_MAX], time[LP_HUMAN_MAX], text[LP_HUMAN_MAX], title[512];
    double error;

    int rc = lp_tree_build(&p.tree, profile, value);
    if (rc != 0)
        goto out;
    measure(&p);
    int64_t sum = lp_profile_total(profile, value, &error);
    int n = snprintf(title, sizeof(title), "%s · %s",
                     lp_human_error(total, sum, error, p.type->unit, profile->delta),
                     lp_human_time(time, profile->time_ns));
    if (profile->duration_ns > 0)
        n += snprintf(title + n, sizeof(title) - (size_t)n, " · over %s",
                      lp_human(text, profile->duration_ns, "nanoseconds", false));
    if (error > 0)
        snprintf(title + n, sizeof(title) - (size_t)n,
                 " · sampled once in %s, ± is one standard error",
                 lp_human(text, profile->period, kind->period.unit, false));

    int foot = TOP + ((int)p.deepest + 1) * ROW + 16;
    write_head(&p, kind, foot + 36, title);
    write_legend(&p, 84);
    write_status(&p, 110);
    write_frames(&p, 0, MARGIN);
    write_foot(&p, foot);
    if (p.whole == 0)
        fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">nothing here</text>\n",
                WIDTH / 2, TOP + 14);
    fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", lp_flamegraph_js);
out:
    lp_tree_release(&p.tree);
    return rc != 0 ? rc : ferror(out) ? -EIO : 0;
}
