/* Names from files: demangled, cleaned and abridged. What comes out can be printed and is short
 * enough. */
#include "fuzz.h"

#include "symbolize/clean.h"
#include "symbolize/demangle.h"

static void check_clean(const char *text)
{
    for (int n; *text; text += n)
        CHECK((n = lp_clean_length(text)) > 0);
}

static void shorten(const char *name, size_t limit)
{
    char *text = strdup(name);
    CHECK(text);
    lp_clean(text);
    CHECK(strlen(text) == strlen(name));
    check_clean(text);
    lp_abridge(text, limit);
    CHECK(strlen(text) <= limit || strlen(text) == strlen(name));
    CHECK(strlen(text) <= limit);
    check_clean(text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    size_t limit = 4 + fuzz_number(&in, 1);
    char *name = fuzz_rest(&in), *readable = lp_demangle(name);
    shorten(name, limit);
    if (readable)
        shorten(readable, limit);
    free(readable);
    free(name);
    return 0;
}
