#include "serve/options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "serve/reply.h"

static int parse_format(struct lp_request_options *options, const struct lp_query *query,
                        char why[LP_WHY_MAX])
{
    const char *format = lp_query_get(query, "format");
    options->writer = lp_writer_find(format ? format : "pprof");
    if (format && options->debug) {
        snprintf(why, LP_WHY_MAX, "format and debug params are incompatible");
        return -EINVAL;
    }
    if (options->writer)
        return 0;
    char shown[LP_PRINTABLE_MAX];
    int n = snprintf(why, LP_WHY_MAX,
                     "unknown format \"%s\"; there are: ", lp_printable(shown, format));
    for (const struct lp_writer *writer = lp_writers; writer->name && n < LP_WHY_MAX; writer++)
        n += snprintf(why + n, LP_WHY_MAX - n, "%s%s", writer->name, writer[1].name ? ", " : "");
    return -EINVAL;
}

static int parse_value(struct lp_request_options *options, const struct lp_query *query,
                       char why[LP_WHY_MAX])
{
    const struct lp_profile_kind *kind = options->view.kind;
    const char *value = lp_query_get(query, "value");
    options->view.value = kind->shown_value;
    if (!value)
        return 0;
    for (int i = 0; i < kind->nvalues; i++) {
        if (strcmp(kind->values[i].type, value) == 0) {
            options->view.value = i;
            return 0;
        }
    }
    char shown[LP_PRINTABLE_MAX];
    int n = snprintf(why, LP_WHY_MAX, "unknown value \"%s\"; %s has: ", lp_printable(shown, value),
                     kind->name);
    for (int i = 0; i < kind->nvalues && n < LP_WHY_MAX; i++)
        n += snprintf(why + n, LP_WHY_MAX - n, "%s%s", kind->values[i].type,
                      i + 1 < kind->nvalues ? ", " : "");
    return -EINVAL;
}

/* A parameter with two values. Some formats use it. */
struct choice {
    const char *name, *usual, *other;
    unsigned bit; /* LP_HEEDS_… */
};

static const struct choice granularity = {"granularity", "function", "line", LP_HEEDS_GRANULARITY};
static const struct choice color = {"color", "standard", "library", LP_HEEDS_COLOR};

/* 0, and in *other whether it is the other word. */
static int parse_choice(const struct lp_request_options *options, const struct lp_query *query,
                        const struct choice *choice, bool *other, char why[LP_WHY_MAX])
{
    const char *word = lp_query_get(query, choice->name);
    if (!word)
        return 0;
    if (options->debug || !(options->writer->heeds & choice->bit)) {
        int n = snprintf(why, LP_WHY_MAX,
                         "%s does not apply to %s; formats that use it: ", choice->name,
                         options->debug ? "debug texts" : options->writer->name);
        const char *between = "";
        for (const struct lp_writer *writer = lp_writers; writer->name && n < LP_WHY_MAX; writer++)
            if (writer->heeds & choice->bit) {
                n += snprintf(why + n, LP_WHY_MAX - n, "%s%s", between, writer->name);
                between = ", ";
            }
        return -EINVAL;
    }
    *other = strcmp(word, choice->other) == 0;
    if (!*other && strcmp(word, choice->usual) != 0) {
        char shown[LP_PRINTABLE_MAX];
        snprintf(why, LP_WHY_MAX, "unknown %s \"%s\"; there are: %s, %s", choice->name,
                 lp_printable(shown, word), choice->usual, choice->other);
        return -EINVAL;
    }
    return 0;
}

int lp_request_options_parse(struct lp_request_options *options, const struct lp_query *query,
                             const struct lp_profile_kind *kind, char why[LP_WHY_MAX])
{
    int64_t debug = 0, redact = 0;
    *options = (struct lp_request_options){.view.kind = kind};
    if (lp_query_number(query, "debug", 0, 2, &debug, why) < 0 ||
        lp_query_number(query, "redact", 0, 1, &redact, why) < 0)
        return -EINVAL;
    options->debug = (int)debug;
    options->view.redact = redact;
    int error = parse_format(options, query, why);
    if (!error)
        error = parse_value(options, query, why);
    if (!error)
        error = parse_choice(options, query, &granularity, &options->view.by_line, why);
    return error ? error : parse_choice(options, query, &color, &options->view.by_library, why);
}
