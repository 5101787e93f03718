/*
 * The head of an HTTP request as it arrives, byte by byte: the few lines that decide whether its
 * body may follow, and where that body ends. evhttp reads the head for itself.
 *
 * Format: RFC 9112, sections 2 to 7. One thread at a time.
 */
#ifndef LP_SERVE_HEAD_H
#define LP_SERVE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LP_HEAD_LINE_MAX = 1536 /* bytes that are kept of a line: a token of 1 KiB in base64 fits */
};

/* The headers that are kept. Each may be given once. */
enum lp_header {
    LP_HEAD_HOST,
    LP_HEAD_ORIGIN,
    LP_HEAD_SITE,
    LP_HEAD_AUTHORIZATION,
    LP_HEAD_LENGTH,
    LP_HEAD_CODING,
    LP_HEAD_HEADERS
};

struct lp_head {
    char line[LP_HEAD_LINE_MAX];
    size_t length;                   /* of the line, which may be longer than what is kept */
    bool in_headers;                 /* the request line is complete */
    bool ends;                       /* CONNECT: the request line ends it, and it is not valid */
    bool no_body;                    /* HEAD, TRACE or unknown: evhttp does not read a body */
    bool changes;                    /* neither GET nor HEAD */
    const char *bad;                 /* why it is not valid; NULL: it is */
    char *values[LP_HEAD_HEADERS];   /* NULL: not given */
    char kept[2 * LP_HEAD_LINE_MAX]; /* the values, one after the other */
    size_t nkept;
};

/* Why a head with one of them twice is refused. */
#define LP_HEAD_REPEATED                                                                           \
    "Host, Origin, Sec-Fetch-Site, Authorization, Content-Length and Transfer-Encoding may be "    \
    "given once"

/* The values of WWW-Authenticate with which a token is asked for. */
#define LP_HEAD_BASIC "Basic realm=\"token\", charset=\"UTF-8\""
#define LP_HEAD_BEARER "Bearer realm=\"token\""

/* LP_HEAD_HEADERS: none of them. */
enum lp_header lp_head_find(const char *name);

/* Is it the name of a header: letters, digits and a few others? evhttp accepts any, such as "Host "
 * with a space, which other servers may read as "Host". */
bool lp_head_is_name(const char *name);
#define LP_HEAD_BAD_NAME "the name of a header may not be empty or contain spaces or brackets"

/* NULL: it is clear where the body ends, and evhttp reads it. Otherwise a static sentence.
 * length and coding: the values of Content-Length and Transfer-Encoding, or NULL. */
const char *lp_head_ambiguity(bool no_body, const char *length, const char *coding);

void lp_head_begin(struct lp_head *head);
/* Returns how many of the bytes belong to the head. *complete: they end it. */
size_t lp_head_add(struct lp_head *head, const char *bytes, size_t n, bool *complete);

/* Of a complete and valid head. -1: chunked, so nobody knows yet. */
int64_t lp_head_body(const struct lp_head *head);

#endif
