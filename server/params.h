/*
 * The query, parsed strictly. A parameter that is unknown, repeated or out of range is refused, and
 * the message names it. Otherwise people would measure something else than they intended.
 */
#ifndef SERVER_PARAMS_H
#define SERVER_PARAMS_H

#include <stddef.h>

#include <jansson.h>

struct scene;

struct params {
    unsigned n;
    size_t size;
};

enum params_format { PARAMS_ANY, PARAMS_HTML, PARAMS_MARKDOWN };

/* Parses a query (NULL: none) for a scene (NULL: a route without parameters). Changes the query. 0,
 * or -EINVAL and a JSON object in *why that shows what is allowed. */
int params_read(char *query, const struct scene *scene, struct params *params, json_t **why);

/* The same for a route whose only parameter is format, html or markdown. */
int params_read_format(char *query, enum params_format *format, json_t **why);

#endif
