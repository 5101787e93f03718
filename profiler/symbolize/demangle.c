/*
 * libiberty reads the names: it knows C++'s and both kinds of Rust's, and is linked in. Its reader
 * of Rust's comes first, for the older kind is also well formed C++.
 */
#include "symbolize/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { READABLE_MAX = 64 << 10 }; /* a short name may stand for megabytes: it then stays as it is */

struct text {
    char *at;
    size_t n;
    bool failed; /* too long, or memory is out */
    jmp_buf enough;
};

/* Otherwise a short name could keep libiberty busy for years. It holds no memory between two parts,
 * but for an identifier that is not ASCII and that it has decoded: that one is left to end. */
static void stop(struct text *text, const char *part, size_t n)
{
    text->failed = true;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)part[i] >= 0x80)
            return;
    longjmp(text->enough, 1);
}

static void add(const char *part, size_t n, void *arg)
{
    struct text *text = arg;
    char *longer = NULL;
    if (n == 0) /* `part` may be NULL then */
        return;
    if (!text->failed && n <= READABLE_MAX - text->n)
        longer = realloc(text->at, text->n + n + 1);
    if (!longer) {
        stop(text, part, n);
        return;
    }
    memcpy(longer + text->n, part, n);
    text->at = longer;
    text->n += n;
    longer[text->n] = '\0';
}

static bool demangle(const char *name, struct text *text)
{
    if (setjmp(text->enough) != 0)
        return false;
    if (rust_demangle_callback(name, DMGL_NO_OPTS, add, text))
        return true;
    text->n = 0;
    return strncmp(name, "_Z", 2) == 0 && cplus_demangle_v3_callback(name, DMGL_PARAMS, add, text);
}

char *lp_demangle(const char *name)
{
    struct text text = {0};
    if (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0)
        return NULL;
    if (demangle(name, &text) && text.at && !text.failed)
        return text.at;
    free(text.at);
    return NULL;
}
