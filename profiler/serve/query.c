/*
 * The query is split before it is decoded, so an escaped '&' or '=' is part of its value.
 */
#include "serve/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "leakprof_server.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int leakprof_unescape(char *text, bool plus_is_space)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        char c = *from;
        if (c == '%') {
            int high = hex(from[1]);
            int low = high < 0 ? -1 : hex(from[2]);
            if (low < 0 || (high == 0 && low == 0))
                return -EINVAL;
            c = (char)(high << 4 | low);
            from += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *to++ = c;
    }
    *to = '\0';
    return 0;
}

const char *lp_printable(char out[LP_PRINTABLE_MAX], const char *text)
{
    size_t i = 0;
    for (const size_t length = strnlen(text, LP_PRINTABLE_MAX - 1); i < length; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[i] = '\0';
    if (text[i])
        memcpy(out + LP_PRINTABLE_MAX - 4, "...", 4);
    return out;
}

static const char *find_allowed(const char *const *allowed, const char *name)
{
    for (; *allowed; allowed++)
        if (strcmp(*allowed, name) == 0)
            return *allowed;
    return NULL;
}

static void explain_unknown(char why[LP_WHY_MAX], const char *name, const char *const *allowed)
{
    char shown[LP_PRINTABLE_MAX];
    int n = snprintf(why, LP_WHY_MAX, "unknown parameter \"%s\": this route has %s",
                     lp_printable(shown, name), *allowed ? "" : "none");
    for (; *allowed && n < LP_WHY_MAX; allowed++)
        n += snprintf(why + n, LP_WHY_MAX - n, "%s%s", *allowed, allowed[1] ? ", " : "");
}

static int take_pair(struct lp_query *query, char *name, const char *const *allowed,
                     char why[LP_WHY_MAX])
{
    char *value = strchr(name, '=');
    if (value)
        *value++ = '\0';
    if (leakprof_unescape(name, true) || (value && leakprof_unescape(value, true))) {
        snprintf(why, LP_WHY_MAX, "malformed percent escape in the query");
        return -EINVAL;
    }
    const char *known = find_allowed(allowed, name);
    if (!known) {
        explain_unknown(why, name, allowed);
        return -EINVAL;
    }
    for (size_t i = 0; i < query->n; i++)
        if (query->pair[i].name == known) {
            snprintf(why, LP_WHY_MAX, "parameter \"%s\" is repeated", known);
            return -EINVAL;
        }
    query->pair[query->n].name = known;
    query->pair[query->n].value = value ? value : "";
    query->n++;
    return 0;
}

int lp_query_parse(struct lp_query *query, const char *text, const char *const *allowed,
                   char why[LP_WHY_MAX])
{
    *query = (struct lp_query){0};
    query->text = strdup(text ? text : "");
    if (!query->text) {
        snprintf(why, LP_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    char *rest = query->text, *pair;
    while ((pair = strsep(&rest, "&"))) {
        int error = *pair ? take_pair(query, pair, allowed, why) : 0;
        if (error)
            return error;
    }
    return 0;
}

void lp_query_release(struct lp_query *query)
{
    free(query->text);
    *query = (struct lp_query){0};
}

const char *lp_query_get(const struct lp_query *query, const char *name)
{
    for (size_t i = 0; i < query->n; i++)
        if (strcmp(query->pair[i].name, name) == 0 && *query->pair[i].value)
            return query->pair[i].value;
    return NULL;
}

int lp_query_number(const struct lp_query *query, const char *name, int64_t min, int64_t max,
                    int64_t *out, char why[LP_WHY_MAX])
{
    const char *text = lp_query_get(query, name);
    if (!text)
        return 0;
    int64_t number = lp_parse_number(text, false);
    if (number < min || number > max) {
        char shown[LP_PRINTABLE_MAX];
        snprintf(why, LP_WHY_MAX,
                 "invalid value \"%s\" for \"%s\": it must be a number from %lld to %lld",
                 lp_printable(shown, text), name, (long long)min, (long long)max);
        return -EINVAL;
    }
    *out = number;
    return 1;
}
