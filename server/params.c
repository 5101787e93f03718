#include "params.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "leakprof_server.h"
#include "scene.h"

enum { SHOWN_MAX = 48 };

/* Limit in bytes for one request, because all other requests of the loop wait until it is done. */
#define WORK_MAX (1u << 30)

/* A short, printable copy of the client's text, for messages. */
static json_t *shown(const char *text)
{
    char safe[SHOWN_MAX + 4];
    size_t n = 0;

    for (const size_t length = strnlen(text, SHOWN_MAX); n < length; n++)
        safe[n] = isprint((unsigned char)text[n]) ? text[n] : '?';
    snprintf(safe + n, sizeof(safe) - n, "%s", text[n] ? "..." : "");
    return json_string(safe);
}

__attribute__((format(printf, 4, 5))) static int refuse(json_t **why, const char *name,
                                                        const char *given, const char *format, ...)
{
    char text[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *why = json_pack("{ss so so}", "error", text, "parameter", shown(name), "given", shown(given));
    return -EINVAL;
}

static int unknown(json_t **why, const char *name, const char *given, const struct scene *scene)
{
    if (!scene)
        return refuse(why, name, given, "unknown parameter: this route has none");
    if (scene->size_default == 0)
        return refuse(why, name, given, "unknown parameter: %s has n", scene->id);
    return refuse(why, name, given, "unknown parameter: %s has n and size", scene->id);
}

int params_read(char *query, const struct scene *scene, struct params *params, json_t **why)
{
    bool n_seen = false, size_seen = false;
    char *piece;

    if (scene)
        *params = (struct params){.n = 1, .size = scene->size_default};
    if (!query || !*query)
        return 0;

    while ((piece = strsep(&query, "&"))) {
        char *value = strchr(piece, '=');
        bool is_n, is_size, *seen;
        uint64_t min, max;
        int64_t number;

        if (value)
            *value++ = '\0';
        if (leakprof_unescape(piece, false) != 0 || (value && leakprof_unescape(value, false) != 0))
            return refuse(why, piece, value ? value : "", "malformed percent escape in the query");
        is_n = scene && strcmp(piece, "n") == 0;
        is_size = scene && scene->size_default && strcmp(piece, "size") == 0;
        if (!is_n && !is_size)
            return unknown(why, piece, value ? value : "", scene);

        seen = is_n ? &n_seen : &size_seen;
        min = is_n ? 1 : scene->size_min;
        max = is_n ? scene->n_max : scene->size_max;
        if (*seen)
            return refuse(why, piece, value ? value : "", "%s is given more than once", piece);
        number = value ? leakprof_number_parse(value, false) : -EINVAL;
        if (number < 0 || (uint64_t)number < min || (uint64_t)number > max)
            return refuse(why, piece, value ? value : "",
                          "%s must be a whole number from %" PRIu64 " to %" PRIu64, piece, min,
                          max);
        *seen = true;
        if (is_n)
            params->n = (unsigned)number;
        else
            params->size = (size_t)number;
    }
    if (scene && scene->size_default && params->size > WORK_MAX / params->n)
        return refuse(why, "size", "", "n times size may be at most %u bytes", WORK_MAX);
    return 0;
}

int params_read_format(char *query, enum params_format *format, json_t **why)
{
    char *value = strchr(query, '=');

    *format = PARAMS_ANY;
    if (!*query)
        return 0;
    if (value)
        *value++ = '\0';
    if (strcmp(query, "format") != 0)
        return refuse(why, query, value ? value : "", "unknown parameter: a lab has format, once");
    if (value && strcmp(value, "html") == 0)
        *format = PARAMS_HTML;
    else if (value && strcmp(value, "markdown") == 0)
        *format = PARAMS_MARKDOWN;
    else
        return refuse(why, query, value ? value : "", "format must be html or markdown");
    return 0;
}
