/* Profiles written in every format except pprof: no crash, JSON that jansson reads, text without
 * control characters, and SVG whose elements are closed in order. */
#include "fuzz.h"

#include <jansson.h>

#include "profile.h"

/* Elements only: comments and declarations are passed over. */
static void check_xml(const char *text)
{
    enum { DEPTH_MAX = 4096 };
    static const char *open[DEPTH_MAX];
    size_t depth = 0;
    for (const char *at = text; (at = strchr(at, '<')); at++) {
        if (strncmp(at, "<![CDATA[", 9) == 0) {
            at = strstr(at, "]]>");
            CHECK(at);
            continue;
        }
        if (at[1] == '?' || at[1] == '!')
            continue;
        const char *end = at;
        for (char quote = 0; *end && (quote || *end != '>'); end++) {
            if (quote ? *end == quote : *end == '"' || *end == '\'')
                quote = quote ? 0 : *end;
            CHECK(end == at || *end != '<');
        }
        CHECK(*end == '>');
        if (at[1] == '/') {
            CHECK(depth > 0);
            const char *name = open[--depth];
            size_t n = strcspn(name, " />\n");
            CHECK(strncmp(at + 2, name, n) == 0 && strchr(">\n ", at[2 + n]));
        } else if (end[-1] != '/') {
            CHECK(depth < DEPTH_MAX);
            open[depth++] = at + 1;
        }
    }
    CHECK(depth == 0);
}

static void check_json(const char *text, size_t n)
{
    json_error_t error;
    json_t *json = json_loadb(text, n, 0, &error);
    if (!json)
        fprintf(stderr, "%s: %.200s\n", error.text,
                text + (error.position > 100 ? error.position - 100 : 0));
    CHECK(json);
    json_decref(json);
}

static void check_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK((unsigned char)text[i] >= ' ' || text[i] == '\n' || text[i] == '\t');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    unsigned bits = (unsigned)fuzz_number(&in, 1);
    struct lp_profile *profile = profile_make(&in);
    struct lp_view view = {.kind = profile->kind,
                           .value = (int)(bits >> 4) % profile->kind->nvalues,
                           .by_line = bits & 1,
                           .by_library = bits & 2};
    for (int w = -2; w < 0 || lp_writers[w].name; w++) {
        const char *name = w < 0 ? "debug" : lp_writers[w].name;
        char *text = NULL;
        size_t n = 0;
        if (strcmp(name, "pprof") == 0)
            continue;
        FILE *out = open_memstream(&text, &n);
        CHECK(out);
        CHECK((w < 0 ? lp_write_debug(out, profile, &view, -w)
                     : lp_writers[w].write(out, profile, &view)) == 0);
        CHECK(fclose(out) == 0 && strlen(text) == n);
        if (strcmp(name, "json") == 0)
            check_json(text, n);
        else if (strcmp(name, "svg") == 0)
            check_xml(text);
        check_text(text, n);
        free(text);
    }
    lp_profile_free(profile);
    return 0;
}
