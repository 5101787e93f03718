/*
 * evhttp refuses some requests before it calls anybody: those that are not HTTP, whose head or body
 * is too long, or with an Expect that it does not know. It answers with an HTML page of its own,
 * and libevent 2.1 has no hook for it. So the output buffer of each connection is watched. evhttp
 * writes a head line by line and then the body in one piece. When that piece is its error page,
 * head and page are still in the buffer, because nothing is written to the socket before the event
 * loop runs again, and are replaced there. evhttp itself closes the connection afterwards.
 */
#include "leakprof_evhttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/util.h>

static const char page_start[] = "<HTML><HEAD>\n<TITLE>";

enum {
    START = sizeof page_start - 1,
    PAGE_MIN = 70, /* most pieces are shorter: this runs for each line of each head */
    STATUS_AT = sizeof "HTTP/1.1 " - 1,
    STATUS_LENGTH = 3
};

/* The status in the head, if the piece that has just been added is the page that goes with it. */
static int page_status(struct evbuffer *out, const struct evbuffer_cb_info *info)
{
    char head[STATUS_AT + STATUS_LENGTH + 1] = "", page[START + STATUS_LENGTH];
    size_t before = info->orig_size - info->n_deleted;
    struct evbuffer_ptr at;
    if (info->n_added < PAGE_MIN || before < sizeof head)
        return 0;
    if (evbuffer_ptr_set(out, &at, before, EVBUFFER_PTR_SET) != 0 ||
        evbuffer_copyout_from(out, &at, page, sizeof page) != (ev_ssize_t)sizeof page ||
        memcmp(page, page_start, START) != 0)
        return 0;
    evbuffer_copyout(out, head, sizeof head - 1);
    return memcmp(head + STATUS_AT, page + START, STATUS_LENGTH) == 0
               ? (int)strtol(head + STATUS_AT, NULL, 10)
               : 0;
}

static const char *reason(int status)
{
    switch (status) {
    case 400:
        return "this is not a valid HTTP request, or its request line and headers are too long";
    case HTTP_ENTITYTOOLARGE:
        return "the body is too long, or its chunks are malformed";
    case HTTP_EXPECTATIONFAILED:
        return "Expect: only 100-continue is supported";
    case HTTP_NOTIMPLEMENTED:
        return "this method is not supported";
    case HTTP_SERVUNAVAIL:
        return "the server is not available";
    default:
        return "the server failed, probably because it is out of memory";
    }
}

static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    (void)arg;
    int status = page_status(out, info);
    if (!status)
        return;
    char body[160], date[64] = "";
    int length = snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", reason(status));
    evutil_date_rfc1123(date, sizeof date, NULL);
    evbuffer_unfreeze(out, 1); /* a bufferevent lets no one else take from the front */
    evbuffer_drain(out, evbuffer_get_length(out));
    evbuffer_freeze(out, 1);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d Error\r\n"
                        "Content-Type: application/json\r\n"
                        "X-Content-Type-Options: nosniff\r\n"
                        "Date: %s\r\n"
                        "Connection: close\r\n"
                        "Content-Length: %d\r\n\r\n%s",
                        status, date, length, body);
}

static struct bufferevent *new_connection(struct event_base *base, void *arg)
{
    (void)arg;
    struct bufferevent *connection = bufferevent_socket_new(base, -1, 0);
    if (connection)
        evbuffer_add_cb(bufferevent_get_output(connection), on_output, NULL);
    return connection;
}

void leakprof_evhttp_json_errors(struct evhttp *http)
{
    evhttp_set_bevcb(http, new_connection, NULL);
}
