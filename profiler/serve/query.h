/*
 * A request's query, parsed strictly: every parameter is known to the route and stands there once,
 * every percent escape is right. What a client misspells he is told, instead of getting an answer
 * to another question. An empty value counts as not given, as in Go.
 *
 * Functions that can refuse return -EINVAL and write a sentence for the client into why.
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
    char *text; /* what the pairs point into */
};

/* text: what follows the '?', still escaped; NULL is an empty one. allowed ends with NULL and has
 * at most LP_QUERY_MAX names. 0, -EINVAL, -ENOMEM; release in any case. */
int lp_query_parse(struct lp_query *query, const char *text, const char *const *allowed,
                   char why[LP_WHY_MAX]);
void lp_query_release(struct lp_query *query);

/* NULL: not given. */
const char *lp_query_get(const struct lp_query *query, const char *name);

/* Decimal digits only. 1: *out is set; 0: not given, *out is left as it was; -EINVAL. */
int lp_query_number(const struct lp_query *query, const char *name, int64_t min, int64_t max,
                    int64_t *out, char why[LP_WHY_MAX]);

/* Text from outside, made fit for a message: short, printable ASCII. Returns out. */
enum { LP_PRINTABLE_MAX = 64 };
const char *lp_printable(char out[LP_PRINTABLE_MAX], const char *text);

#endif
