/*
 * Writes JSON to a stream as it is produced. Nothing is collected in memory, so there is no limit
 * on the size.
 *
 *   struct lp_json json = {.out = stream, .indent = 2};
 *   lp_json_object(&json, NULL);
 *   lp_json_int(&json, "rows", 3);
 *   lp_json_array(&json, "frames");
 *   lp_json_text(&json, NULL, "main");
 *   lp_json_end(&json);
 *   lp_json_end(&json);
 *   int error = lp_json_finish(&json);
 *
 * `key` names a member of an object. It is NULL for an element of an array and for the outermost
 * value. After the first mistake nothing more is written, and lp_json_finish() returns the error.
 * Profiler's thread only: its locale is "C", so numbers have a point.
 */
#ifndef LP_WRITE_JSONOUT_H
#define LP_WRITE_JSONOUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { LP_JSON_DEPTH_MAX = 16 };

struct lp_json {
    FILE *out;
    int indent; /* spaces per level; 0: all on one line */
    int depth, error;
    bool line; /* the next element begins on a line of its own */
    struct lp_json_level {
        char end; /* '}' or ']' */
        bool filled;
    } level[LP_JSON_DEPTH_MAX];
};

void lp_json_object(struct lp_json *json, const char *key); /* until lp_json_end() */
void lp_json_array(struct lp_json *json, const char *key);  /* until lp_json_end() */
void lp_json_end(struct lp_json *json);

void lp_json_int(struct lp_json *json, const char *key, int64_t value);
/* Writes the shortest text that reads back as the same number, always with a point or an exponent.
 * JSON has no infinity and no NaN: they become null. */
void lp_json_real(struct lp_json *json, const char *key, double value);
void lp_json_bool(struct lp_json *json, const char *key, bool value);
void lp_json_null(struct lp_json *json, const char *key);
/* Replaces what is not printable UTF-8 by '?', like lp_clean(). */
void lp_json_text(struct lp_json *json, const char *key, const char *value);

/* Starts the next element on a new line, even if `indent` is 0. */
void lp_json_line(struct lp_json *json);

/* 0; -EINVAL: a value in the wrong place, or too few or too many calls of lp_json_end(); -E2BIG:
 * more than LP_JSON_DEPTH_MAX levels; -EIO: the stream failed. */
int lp_json_finish(struct lp_json *json);

#endif
