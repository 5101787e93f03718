#include "serve/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const names[LP_HEAD_HEADERS] = {
    "Host", "Origin", "Sec-Fetch-Site", "Authorization", "Content-Length", "Transfer-Encoding"};

/* Compares the first letter first, because this runs for every header of every request. */
enum lp_header lp_head_find(const char *name)
{
    int i = 0;
    while (i < LP_HEAD_HEADERS &&
           ((name[0] | 0x20) != (names[i][0] | 0x20) || strcasecmp(name, names[i]) != 0))
        i++;
    return (enum lp_header)i;
}

bool lp_head_is_name(const char *name)
{
    const char *at = name;
    for (; *at; at++)
        if (((*at | 0x20) < 'a' || (*at | 0x20) > 'z') && (*at < '0' || *at > '9') &&
            !strchr("-_!#$%&'*+.^`|~", *at))
            return false;
    return at > name;
}

const char *lp_head_ambiguity(bool no_body, const char *length, const char *coding)
{
    if (length && (!*length || length[strspn(length, "0123456789")]))
        return "Content-Length must be a number";
    if (coding && strcasecmp(coding, "chunked") != 0)
        return "Transfer-Encoding: only chunked is supported";
    if (length && coding)
        return "Content-Length and Transfer-Encoding exclude each other";
    if (no_body && (coding || (length && length[strspn(length, "0")])))
        return "HEAD, TRACE and unknown methods have no body";
    return NULL;
}

void lp_head_begin(struct lp_head *head)
{
    head->length = 0;
    head->in_headers = head->ends = head->no_body = head->changes = false;
    head->bad = NULL;
    memset(head->values, 0, sizeof head->values);
    head->nkept = 0;
}

static bool starts(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* After an answer to CONNECT, evhttp never closes, even if it has found no valid request. So what
 * follows is not looked at. */
static void read_request_line(struct lp_head *head)
{
    static const char *const with_body[] = {"GET ",   "POST ",   "PUT ",
                                            "PATCH ", "DELETE ", "OPTIONS "};
    head->ends = starts(head->line, "CONNECT ");
    if (head->ends)
        head->bad = "CONNECT is not supported";
    head->no_body = true;
    for (size_t i = 0; i < sizeof with_body / sizeof *with_body; i++)
        if (starts(head->line, with_body[i]))
            head->no_body = false;
    head->changes = !starts(head->line, "GET ") && !starts(head->line, "HEAD ");
    head->in_headers = true;
}

static void read_header(struct lp_head *head)
{
    char *colon = strchr(head->line, ':');
    if (head->line[0] == ' ' || head->line[0] == '\t')
        head->bad = "a header may not be continued on a second line";
    if (!colon)
        return; /* evhttp refuses it */
    *colon = '\0';
    if (!lp_head_is_name(head->line))
        head->bad = LP_HEAD_BAD_NAME;
    enum lp_header header = lp_head_find(head->line);
    if (header == LP_HEAD_HEADERS)
        return;
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
        length--;
    if (head->values[header])
        head->bad = LP_HEAD_REPEATED;
    else if (head->length > sizeof head->line - 1 || length >= sizeof head->kept - head->nkept)
        head->bad = "a header that is needed is too long";
    if (head->bad)
        return;
    head->values[header] = memcpy(head->kept + head->nkept, value, length);
    head->values[header][length] = '\0';
    head->nkept += length + 1;
}

/* true: it ends the head. */
static bool end_line(struct lp_head *head)
{
    size_t kept = head->length < sizeof head->line - 1 ? head->length : sizeof head->line - 1;
    if (head->length == kept && kept > 0 && head->line[kept - 1] == '\r')
        kept = --head->length;
    head->line[kept] = '\0';
    bool empty = kept == 0 && head->in_headers;
    if (!head->in_headers)
        read_request_line(head);
    else if (!empty)
        read_header(head);
    head->length = 0;
    return empty || head->ends;
}

size_t lp_head_add(struct lp_head *head, const char *bytes, size_t n, bool *complete)
{
    *complete = false;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            if (!end_line(head))
                continue;
            *complete = true;
            if (!head->bad)
                head->bad = lp_head_ambiguity(head->no_body, head->values[LP_HEAD_LENGTH],
                                              head->values[LP_HEAD_CODING]);
            return i + 1;
        }
        if (bytes[i] == '\0') {
            head->bad = "a head may not contain NUL"; /* evhttp may see the end of the head here */
            *complete = true;
            return i + 1;
        }
        if (head->length < sizeof head->line - 1)
            head->line[head->length] = bytes[i];
        head->length++;
    }
    return n;
}

int64_t lp_head_body(const struct lp_head *head)
{
    if (head->values[LP_HEAD_CODING])
        return -1;
    const char *length = head->values[LP_HEAD_LENGTH];
    return length ? strtoll(length, NULL, 10) : 0; /* INT64_MAX if it is larger */
}
