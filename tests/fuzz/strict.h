/* A reader of requests that accepts only what RFC 9112 says must be accepted. So every server has
 * to read these the same way. */
#ifndef TESTS_FUZZ_STRICT_H
#define TESTS_FUZZ_STRICT_H

#include "fuzz.h"

#include <strings.h>

struct strict {
    const uint8_t *at;
    size_t n;
};

struct strict_request {
    const char *target;
    size_t target_length, body_length;
    char body[4096];
};

enum strict_result { STRICT_REQUEST, STRICT_INCOMPLETE, STRICT_INVALID };

/* A line without its CRLF. */
static inline enum strict_result strict_line(struct strict *in, const char **line, size_t *n)
{
    for (size_t i = 0; i < in->n; i++) {
        if (in->at[i] == '\n' || in->at[i] == 0)
            return STRICT_INVALID;
        if (in->at[i] != '\r')
            continue;
        if (i + 1 == in->n)
            return STRICT_INCOMPLETE;
        if (in->at[i + 1] != '\n')
            return STRICT_INVALID;
        *line = (const char *)in->at;
        *n = i;
        in->at += i + 2;
        in->n -= i + 2;
        return STRICT_REQUEST;
    }
    return STRICT_INCOMPLETE;
}

static inline bool strict_token(const char *text, size_t n)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr(others, c)))
            return false;
    }
    return n > 0;
}

/* -1: it is none, or too large. */
static inline long strict_number(const char *text, size_t n, int base)
{
    char digits[8] = "", *end;
    if (n == 0 || n >= sizeof digits || text[0] == '+' || text[0] == '-' || text[0] == ' ')
        return -1;
    memcpy(digits, text, n);
    long number = strtol(digits, &end, base);
    return *end || (base == 16 && n > 1 && (text[1] | 32) == 'x') ? -1 : number;
}

static inline enum strict_result strict_request_line(struct strict *in, struct strict_request *to)
{
    const char *line;
    size_t n;
    enum strict_result result = strict_line(in, &line, &n);
    if (result != STRICT_REQUEST)
        return result;
    const char *space = memchr(line, ' ', n);
    const char *second = space ? memchr(space + 1, ' ', n - (size_t)(space + 1 - line)) : NULL;
    if (!second || n - (size_t)(second - line) != 9 || memcmp(second, " HTTP/1.1", 9) != 0 ||
        !strict_token(line, (size_t)(space - line)) || space[1] != '/')
        return STRICT_INVALID;
    to->target = space + 1;
    to->target_length = (size_t)(second - space - 1);
    for (size_t i = 0; i < to->target_length; i++)
        if (to->target[i] <= ' ' || to->target[i] > '~')
            return STRICT_INVALID;
    return STRICT_REQUEST;
}

/* length: -1 if there is none. */
static inline enum strict_result strict_headers(struct strict *in, long *length, bool *chunked)
{
    *length = -1;
    *chunked = false;
    for (;;) {
        const char *line;
        size_t n;
        enum strict_result result = strict_line(in, &line, &n);
        if (result != STRICT_REQUEST || n == 0)
            return result;
        const char *colon = memchr(line, ':', n);
        if (!colon || !strict_token(line, (size_t)(colon - line)))
            return STRICT_INVALID;
        const char *value = colon + 1, *end = line + n;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        for (const char *c = value; c < end; c++)
            if ((unsigned char)*c < ' ' && *c != '\t')
                return STRICT_INVALID;
        size_t name = (size_t)(colon - line), size = (size_t)(end - value);
        if (name == 14 && strncasecmp(line, "Content-Length", 14) == 0) {
            if (*length >= 0 || (*length = strict_number(value, size, 10)) < 0)
                return STRICT_INVALID;
        } else if (name == 17 && strncasecmp(line, "Transfer-Encoding", 17) == 0) {
            if (*chunked || size != 7 || strncasecmp(value, "chunked", 7) != 0)
                return STRICT_INVALID;
            *chunked = true;
        }
    }
}

static inline enum strict_result strict_take(struct strict *in, struct strict_request *to, size_t n)
{
    if (n > sizeof to->body - to->body_length)
        return STRICT_INVALID;
    if (n > in->n)
        return STRICT_INCOMPLETE;
    memcpy(to->body + to->body_length, in->at, n);
    to->body_length += n;
    in->at += n;
    in->n -= n;
    return STRICT_REQUEST;
}

static inline enum strict_result strict_chunks(struct strict *in, struct strict_request *to)
{
    for (;;) {
        const char *line;
        size_t n, none;
        enum strict_result result = strict_line(in, &line, &n);
        if (result != STRICT_REQUEST)
            return result;
        long size = strict_number(line, n, 16);
        if (size < 0)
            return STRICT_INVALID;
        if (size > 0 && (result = strict_take(in, to, (size_t)size)) != STRICT_REQUEST)
            return result;
        result = strict_line(in, &line, &none);
        if (result != STRICT_REQUEST)
            return result;
        if (none != 0) /* trailers, or no end of the chunk */
            return STRICT_INVALID;
        if (size == 0)
            return STRICT_REQUEST;
    }
}

static inline enum strict_result strict_read(struct strict *in, struct strict_request *to)
{
    long length;
    bool chunked;
    to->body_length = 0;
    enum strict_result result = strict_request_line(in, to);
    if (result == STRICT_REQUEST)
        result = strict_headers(in, &length, &chunked);
    if (result != STRICT_REQUEST)
        return result;
    if (chunked && length >= 0)
        return STRICT_INVALID;
    return chunked      ? strict_chunks(in, to)
           : length > 0 ? strict_take(in, to, (size_t)length)
                        : result;
}

#endif
