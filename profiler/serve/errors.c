/*
 * evhttp refuses some requests before it calls a handler: requests that are not valid HTTP, that
 * have a head or body that is too long, or an unknown Expect. It answers with its own HTML page,
 * and libevent 2.1 has no hook for it. So the output buffer of each connection is watched. evhttp
 * writes a head line by line, and then the body in one piece. If that piece is its error page, head
 * and page are still in the buffer, because nothing is written to the socket before the event loop
 * runs again. They are replaced there. evhttp itself closes the connection afterwards.
 */
#include "serve/errors.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>

static const struct refusal {
    int status;
    const char *phrase; /* libevent's text in its page, if it refuses by itself */
    const char *why;    /* NULL: it does not */
} refusals[] = {
    {400, "Bad Request",
     "this is not a valid HTTP request, or its request line and headers are too long"},
    {401, "Unauthorized", NULL},
    {403, "Forbidden", NULL},
    {408, "Request Timeout", NULL},
    {413, "Request Entity Too Large", "the body is too long, or its chunks are malformed"},
    {417, "Expectation Failed", "Expect: only 100-continue is supported"},
    {500, "Internal Server Error", "out of memory"},
    {501, "Not Implemented", "this method is not supported"},
    {503, "Service Unavailable", NULL},
};

enum { NREFUSALS = sizeof refusals / sizeof *refusals };

size_t lp_error_answer(char to[LP_ERROR_MAX], int status, const char *headers, const char *why)
{
    char body[256], date[64] = "";
    int i = 0, length = snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", why);
    while (i < NREFUSALS - 1 && refusals[i].status != status)
        i++;
    evutil_date_rfc1123(date, sizeof date, NULL);
    return (size_t)snprintf(to, LP_ERROR_MAX,
                            "HTTP/1.1 %d %s\r\n"
                            "Content-Type: application/json\r\n"
                            "X-Content-Type-Options: nosniff\r\n"
                            "Date: %s\r\n"
                            "%s"
                            "Connection: close\r\n"
                            "Content-Length: %d\r\n\r\n%s",
                            status, refusals[i].phrase, date, headers, length, body);
}

enum { PAGE_MIN = 80 /* most pieces are shorter; this runs for each line of each head */ };

/* Copies what has just been added. A bufferevent freezes the front of its buffer once it has
 * written to the socket. Then nothing can be copied from the buffer either. */
static bool copy_added(struct evbuffer *out, size_t from, char *to, size_t n)
{
    struct evbuffer_ptr at;
    if (evbuffer_ptr_set(out, &at, from, EVBUFFER_PTR_SET) != 0)
        return false;
    evbuffer_unfreeze(out, 1);
    ev_ssize_t copied = evbuffer_copyout_from(out, &at, to, n);
    evbuffer_freeze(out, 1);
    return copied == (ev_ssize_t)n;
}

/* The refusal whose page has just been added. NULL: something else was added. */
static const struct refusal *added(struct evbuffer *out, const struct evbuffer_cb_info *info)
{
    char page[64], wanted[64];
    if (info->n_added < PAGE_MIN || info->n_deleted ||
        !copy_added(out, info->orig_size, page, sizeof page))
        return NULL;
    if (memcmp(page, "<HTML>", 6) != 0)
        return NULL;
    for (int i = 0; i < NREFUSALS; i++) {
        if (!refusals[i].why)
            continue;
        int length = snprintf(wanted, sizeof wanted, "<HTML><HEAD>\n<TITLE>%d %s</TITLE>",
                              refusals[i].status, refusals[i].phrase);
        if (memcmp(page, wanted, (size_t)length) == 0)
            return &refusals[i];
    }
    return NULL;
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    (void)arg;
    const struct refusal *refusal = added(out, info);
    if (!refusal)
        return;
    char answer[LP_ERROR_MAX];
    size_t length = lp_error_answer(answer, refusal->status, "", refusal->why);
    evbuffer_unfreeze(out, 1);
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    evbuffer_add(out, answer, length);
}

void lp_errors_watch(struct bufferevent *connection)
{
    evbuffer_add_cb(bufferevent_get_output(connection), on_output, NULL);
}
