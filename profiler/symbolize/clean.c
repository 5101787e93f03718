#include "symbolize/clean.h"

#include <stdint.h>
#include <string.h>

/* Characters that change how a terminal or browser shows the text around them, or that are none. */
static const struct {
    uint32_t first, last;
} unfit[] = {
    {0x0061c, 0x0061c}, {0x0200e, 0x0200f}, {0x0202a, 0x0202e}, {0x02066, 0x02069}, /* directions */
    {0x02028, 0x02029},                                                             /* line ends */
    {0x0fdd0, 0x0fdef},                     /* not characters, like the last two of each plane */
    {0x0feff, 0x0feff}, {0x0fff9, 0x0fffb}, /* byte order, annotations */
    {0xe0000, 0xe007f},                     /* tags, which are invisible */
};

static int is_unfit(uint32_t character)
{
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
        if (character >= unfit[i].first && character <= unfit[i].last)
            return 1;
    return (character & 0xfffe) == 0xfffe; /* XML refuses U+FFFE and U+FFFF */
}

int lp_clean_length(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80)
        return s[0] >= 0x20 && s[0] != 0x7f;

    int n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xc2 && s[1] < 0xa0) || (s[0] == 0xe0 && s[1] < 0xa0) ||
        (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    uint32_t character = s[0] & (0xffu >> (n + 1));
    for (int i = 1; i < n; i++)
        character = character << 6 | (s[i] & 0x3f);
    return is_unfit(character) ? 0 : n;
}

void lp_clean(char *text)
{
    while (*text) {
        int n = lp_clean_length(text);
        if (n == 0)
            *text = '?';
        text += n > 0 ? n : 1;
    }
}

static const char dots[] = "…";
enum { DOTS = sizeof dots - 1, DEPTH_MAX = 32 };

/* How the byte at this place changes the depth of brackets. */
static int bracket(const char *text, size_t at)
{
    switch (text[at]) {
    case '(':
    case '<':
    case '[':
    case '{':
        return 1;
    case '>':
        return at > 0 && text[at - 1] == '-' ? 0 : -1;
    case ')':
    case ']':
    case '}':
        return -1;
    default:
        return 0;
    }
}

/* The greatest depth at which it is enough to cut everything that is that deep. 0: there is none,
 * or the brackets do not match. (An operator< is not a bracket.) */
static int cut_depth(const char *text, size_t limit)
{
    size_t bytes[DEPTH_MAX + 1] = {0}, groups[DEPTH_MAX + 1] = {0}, kept = 0;
    int depth = 0, best = 0;

    for (size_t i = 0; text[i]; i++) {
        int step = bracket(text, i);
        depth -= step < 0;
        if (depth < 0)
            return 0;
        bytes[depth < DEPTH_MAX ? depth : DEPTH_MAX]++;
        depth += step > 0;
        groups[depth < DEPTH_MAX ? depth : DEPTH_MAX] += step > 0;
    }
    for (int d = 1; depth == 0 && d < DEPTH_MAX; d++) {
        kept += bytes[d - 1];
        if (kept + DOTS * groups[d] <= limit)
            best = d;
    }
    return best;
}

/* The number of bytes up to the bracket that closes the one before. */
static size_t inside(const char *text, size_t from)
{
    size_t at = from;

    for (int depth = 1; text[at]; at++)
        if ((depth += bracket(text, at)) == 0)
            break;
    return at - from;
}

static void cut_inside(char *text, int deep)
{
    char *to = text;
    int depth = 0;

    for (size_t i = 0; text[i]; i++) {
        int step = bracket(text, i);
        *to++ = text[i];
        depth += step;
        if (step <= 0 || depth != deep)
            continue;
        size_t n = inside(text, i + 1), shown = n > DOTS ? DOTS : n;
        memmove(to, n > DOTS ? dots : text + i + 1, shown);
        to += shown;
        i += n;
    }
    *to = '\0';
}

void lp_abridge(char *text, size_t limit)
{
    if (strlen(text) <= limit)
        return;

    int depth = cut_depth(text, limit);
    if (depth > 0) {
        cut_inside(text, depth);
        return;
    }
    size_t end = limit - DOTS;
    while (end > 0 && (text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, dots, sizeof dots);
}
