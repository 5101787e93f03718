/*
 * A request's query, parsed strictly. These are errors: a parameter that the route does not know, a
 * repeated parameter, and a malformed percent escape. An empty value counts as not given, as in Go.
 *
 * If a function fails because of the query, it returns -EINVAL and writes a sentence for the client
 * into why.
 */
#ifndef LP_SERVE_QUERY_H
#define LP_SERVE_QUERY_H

#include <stddef.h>
#include <stdint.h>

enum { LP_QUERY_MAX = 12, LP_WHY_MAX = 512 };

struct lp_query {
    size_t n;
    struct {
        const char *name, *value;
    } pair[LP_QUERY_MAX];
    char *text; /* the pairs point into it */
};

/* text: what follows the '?', not decoded; NULL: empty. allowed ends with NULL and has at most
 * LP_QUERY_MAX names. Returns 0, -EINVAL or -ENOMEM. Release the query in all cases. */
int lp_query_parse(struct lp_query *query, const char *text, const char *const *allowed,
                   char why[LP_WHY_MAX]);
void lp_query_release(struct lp_query *query);

/* NULL: not given. */
const char *lp_query_get(const struct lp_query *query, const char *name);

/* Decimal digits only. 1: *out is set. 0: not given, *out is unchanged. -EINVAL. */
int lp_query_number(const struct lp_query *query, const char *name, int64_t min, int64_t max,
                    int64_t *out, char why[LP_WHY_MAX]);

/* Copies a client's text for a message: short, printable ASCII. Returns out. */
enum { LP_PRINTABLE_MAX = 64 };
const char *lp_printable(char out[LP_PRINTABLE_MAX], const char *text);

#endif
