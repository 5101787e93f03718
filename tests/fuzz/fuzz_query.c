/* Queries, and the options of a profile in them. What is accepted is in bounds. What is refused has
 * a reason in printable ASCII. */
#include "fuzz.h"

#include <errno.h>

#include "leakprof_server.h"
#include "profile/take.h"
#include "serve/options.h"
#include "serve/query.h"

static const char *const allowed[] = {"debug",       "seconds", "hz",   "format", "value", "gc",
                                      "granularity", "color",   "from", "to",     "name",  NULL};

static void check_refused(const char *why)
{
    CHECK(memchr(why, 0, LP_WHY_MAX));
    CHECK(*why && is_printable(why));
}

static void read_options(const struct lp_query *query)
{
    char why[LP_WHY_MAX];
    for (int i = 0; lp_kinds[i]; i++) {
        struct lp_request_options options;
        if (lp_request_options_parse(&options, query, lp_kinds[i], why) != 0) {
            check_refused(why);
            continue;
        }
        CHECK(options.writer && options.view.kind == lp_kinds[i]);
        CHECK(options.debug >= 0 && options.debug <= 2);
        CHECK(options.view.value >= 0 && options.view.value < lp_kinds[i]->nvalues);
    }
}

static void read_number(const struct lp_query *query, const char *name)
{
    char why[LP_WHY_MAX];
    int64_t number = -1;
    int result = lp_query_number(query, name, 1, 600, &number, why);
    if (result < 0)
        check_refused(why);
    else
        CHECK(result ? number >= 1 && number <= 600 : number == -1);
}

/* Decoding what was encoded gives the same again. */
static void escape_again(const char *text)
{
    char *decoded = strdup(text), *encoded = malloc(3 * strlen(text) + 1);
    CHECK(decoded && encoded);
    if (leakprof_unescape(decoded, true) == 0) {
        CHECK(strlen(decoded) <= strlen(text));
        *encoded = '\0';
        for (size_t i = 0; decoded[i]; i++)
            snprintf(encoded + 3 * i, 4, "%%%02x", (unsigned char)decoded[i]);
        CHECK(leakprof_unescape(encoded, false) == 0 && strcmp(encoded, decoded) == 0);
    }
    free(decoded);
    free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_rest(&(struct fuzz){data, size});
    char why[LP_WHY_MAX], shown[LP_PRINTABLE_MAX];
    struct lp_query query;
    escape_again(text);
    CHECK(is_printable(lp_printable(shown, text)));
    if (lp_query_parse(&query, text, allowed, why) == 0) {
        CHECK(query.n <= sizeof allowed / sizeof *allowed - 1);
        read_options(&query);
        read_number(&query, "seconds");
        read_number(&query, "hz");
    } else {
        check_refused(why);
    }
    lp_query_release(&query);
    free(text);
    return 0;
}
