/*
 * The query, read strictly: what is unknown, repeated or out of range is refused by name, so that
 * nobody measures something else than he asked for.
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

/* Reads a query (NULL: there is none) for a scene; NULL: a route that takes no parameters. The
 * query is changed. 0, or -EINVAL with *why: a JSON object that says what is allowed. */
int params_read(char *query, const struct scene *scene, struct params *params, json_t **why);

/* The same for a route that takes ?format=html or ?format=markdown, and nothing else. */
int params_read_format(char *query, enum params_format *format, json_t **why);

#endif
