#include "write/jsonout.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "symbolize/clean.h"

static void put(struct lp_json *json, const char *bytes, size_t n)
{
    fwrite_unlocked(bytes, 1, n, json->out);
}

static void put_char(struct lp_json *json, char c)
{
    putc_unlocked(c, json->out);
}

static void new_line(struct lp_json *json)
{
    put_char(json, '\n');
    for (int i = 0; i < json->indent * json->depth; i++)
        put_char(json, ' ');
}

static bool is_plain(char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void put_text(struct lp_json *json, const char *text)
{
    put_char(json, '"');
    while (*text) {
        size_t n = 0;
        while (is_plain(text[n]))
            n++;
        put(json, text, n);
        text += n;
        size_t length = (size_t)lp_clean_length(text);
        if (*text == '"' || *text == '\\')
            put_char(json, '\\');
        if (length > 0)
            put(json, text, length);
        else if (*text)
            put_char(json, '?');
        text += length > 0 ? length : *text != '\0';
    }
    put_char(json, '"');
}

/* Writes what is needed before a value. false: the value must not be written. */
static bool begin(struct lp_json *json, const char *key)
{
    struct lp_json_level *level = json->depth ? &json->level[json->depth - 1] : NULL;
    if (!json->error && (key != NULL) != (level && level->end == '}'))
        json->error = -EINVAL;
    if (json->error)
        return false;
    if (level && level->filled)
        put_char(json, ',');
    if (level && (json->indent || json->line))
        new_line(json);
    if (level)
        level->filled = true;
    json->line = false;
    if (key) {
        put_text(json, key);
        put(json, ": ", json->indent ? 2 : 1);
    }
    return true;
}

static void open_level(struct lp_json *json, const char *key, char start, char end)
{
    if (!json->error && json->depth == LP_JSON_DEPTH_MAX)
        json->error = -E2BIG;
    if (!begin(json, key))
        return;
    put_char(json, start);
    json->level[json->depth++] = (struct lp_json_level){.end = end};
}

void lp_json_object(struct lp_json *json, const char *key)
{
    open_level(json, key, '{', '}');
}

void lp_json_array(struct lp_json *json, const char *key)
{
    open_level(json, key, '[', ']');
}

void lp_json_end(struct lp_json *json)
{
    if (!json->error && json->depth == 0)
        json->error = -EINVAL;
    if (json->error)
        return;
    const struct lp_json_level *level = &json->level[--json->depth];
    if (level->filled && json->indent)
        new_line(json);
    put_char(json, level->end);
}

void lp_json_int(struct lp_json *json, const char *key, int64_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (!begin(json, key))
        return;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    put(json, at, (size_t)(digits + sizeof digits - at));
}

void lp_json_real(struct lp_json *json, const char *key, double value)
{
    enum { EXACT_DIGITS = 15, ALL_DIGITS = 17 };
    char number[40];
    if (!isfinite(value)) {
        lp_json_null(json, key);
        return;
    }
    if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value) { /* most values are 0 */
        lp_json_int(json, key, (int64_t)value);
        if (!json->error)
            put(json, ".0", 2);
        return;
    }
    if (!begin(json, key))
        return;
    for (int digits = EXACT_DIGITS; digits <= ALL_DIGITS; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            break;
    }
    put(json, number, strlen(number));
    if (!number[strcspn(number, ".e")])
        put(json, ".0", 2);
}

void lp_json_bool(struct lp_json *json, const char *key, bool value)
{
    const char *word = value ? "true" : "false";
    if (begin(json, key))
        put(json, word, strlen(word));
}

void lp_json_null(struct lp_json *json, const char *key)
{
    if (begin(json, key))
        put(json, "null", 4);
}

void lp_json_text(struct lp_json *json, const char *key, const char *value)
{
    if (begin(json, key))
        put_text(json, value);
}

void lp_json_line(struct lp_json *json)
{
    json->line = true;
}

int lp_json_finish(struct lp_json *json)
{
    if (!json->error && json->depth > 0)
        json->error = -EINVAL;
    return json->error ? json->error : ferror(json->out) ? -EIO : 0;
}
