/*
 * While an answer is being sent, evhttp continues to read from its connection, to notice when the
 * client disconnects. Its read buffer is unlimited, and it gives up if nothing arrives for a while.
 * So a stream's connection gets its own limits, and is never used for another request.
 */
#include "serve/live.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sys/clock.h"
#include "record/autorate.h"
#include "record/findobject.h"
#include "write/live.h"
#include "serve/reply.h"
#include "serve/route.h"
#include "serve/work.h"

enum { SEND_BUFFER = 4 << 10, READ_AHEAD = 4 << 10 };

struct stream {
    LIST_ENTRY(stream) link;
    struct evhttp_request *http;
    int behind; /* number of points in a row that were added while older ones still waited */
};

static LIST_HEAD(, stream) streams = LIST_HEAD_INITIALIZER(streams);
static int nstreams;

static struct event *timer; /* NULL: none */
static struct lp_history *history;

static void stream_free(struct stream *stream)
{
    LIST_REMOVE(stream, link);
    nstreams--;
    free(stream);
}

/* The connection is being closed. If the client closed it, the request has been detached from it
 * and must be freed here. Otherwise the request is freed with it. */
static void on_close(struct evhttp_connection *connection, void *arg)
{
    (void)connection;
    struct stream *stream = arg;
    struct evhttp_request *http = stream->http;
    stream_free(stream);
    if (!evhttp_request_get_connection(http))
        evhttp_request_free(http);
}

/* Unsent bytes in the kernel are dropped too. */
static void drop(struct stream *stream)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    evhttp_connection_free(connection); /* on_close() does the rest */
}

/* false: it was too far behind, and has been freed. */
static bool keeps_up(struct stream *stream)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
    struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(connection);
    bool waiting = evbuffer_get_length(bufferevent_get_output(bufferevent)) > 0;
    stream->behind = waiting ? stream->behind + 1 : 0;
    if (stream->behind <= LP_LIVE_BEHIND_MAX)
        return true;
    drop(stream);
    return false;
}

/* Sending a chunk empties its buffer, so each stream gets its own. */
static int push(struct stream *stream, const void *text, size_t size)
{
    struct evbuffer *chunk = evbuffer_new();
    if (!chunk || evbuffer_add(chunk, text, size) != 0) {
        if (chunk)
            evbuffer_free(chunk);
        return -ENOMEM;
    }
    evhttp_send_reply_chunk(stream->http, chunk);
    evbuffer_free(chunk);
    return 0;
}

static void send_all(const struct lp_vitals *vitals)
{
    struct lp_body body;
    if (LIST_EMPTY(&streams) || lp_body_open(&body) != 0)
        return;
    lp_write_live_point(body.stream, vitals);
    if (fflush(body.stream) == 0)
        for (struct stream *stream = LIST_FIRST(&streams), *next; stream; stream = next) {
            next = LIST_NEXT(stream, link);
            if (keeps_up(stream))
                push(stream, body.data, body.size);
        }
    lp_body_discard(&body);
}

static void on_period(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)arg;
    struct lp_vitals vitals;
    int64_t began = lp_now_ns();
    if (what) /* not at the start, when the options do not apply yet */
        lp_autorate_look();
    lp_find_object_refresh();
    lp_vitals_read(&vitals);
    int64_t ms = lp_history_wait_ms(lp_now_ns() - began);
    lp_history_add(history, &vitals);
    send_all(&vitals);
    lp_work_idle();
    event_add(timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

int lp_live_start(struct event_base *base)
{
    if (!history)
        history = calloc(1, sizeof *history);
    timer = evtimer_new(base, on_period, NULL);
    if (!history || !timer)
        return -ENOMEM;
    on_period(-1, 0, NULL);
    return 0;
}

void lp_live_stop(void)
{
    for (struct stream *stream; (stream = LIST_FIRST(&streams)); stream_free(stream)) {
        struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
        evhttp_connection_set_closecb(connection, NULL, NULL);
    }
    if (timer)
        event_free(timer);
    timer = NULL;
    free(history);
    history = NULL;
}

void lp_live_forked(void)
{
    LIST_INIT(&streams);
    nstreams = 0;
    timer = NULL;
    if (history) /* the parent's */
        history->next = history->n = 0;
}

static void limit(struct evhttp_connection *connection)
{
    struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(connection);
    int size = SEND_BUFFER, fd = bufferevent_getfd(bufferevent);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    bufferevent_set_timeouts(bufferevent, NULL, NULL);
    bufferevent_setwatermark(bufferevent, EV_READ, 0, READ_AHEAD);
}

static void start_stream(struct stream *stream, const struct lp_body *first)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(stream->http);
    LIST_INSERT_HEAD(&streams, stream, link);
    nstreams++;
    limit(connection);
    evhttp_connection_set_closecb(connection, on_close, stream);
    lp_reply_header(stream->http, "Content-Type", "text/event-stream");
    lp_reply_header(stream->http, "Cache-Control", "no-store");
    lp_reply_header(stream->http, "X-Content-Type-Options", "nosniff");
    lp_reply_header(stream->http, "Connection", "close");
    evhttp_send_reply_start(stream->http, 200, "OK");
    if (push(stream, first->data, first->size) != 0)
        drop(stream);
}

void lp_http_live(struct lp_request *request)
{
    struct evhttp_request *http = request->http;
    if (evhttp_request_get_command(http) == EVHTTP_REQ_HEAD) {
        lp_reply_header(http, "Content-Type", "text/event-stream");
        lp_reply_empty(http, 200);
        return;
    }
    if (nstreams == LP_LIVE_MAX) {
        lp_reply_header(http, "Retry-After", "10");
        lp_reply_error(http, lp_status(-EBUSY),
                       "all %d streams are in use: close one and try again", LP_LIVE_MAX);
        return;
    }
    struct stream *stream = calloc(1, sizeof *stream);
    struct lp_body body;
    if (!stream || lp_body_open(&body) != 0) {
        free(stream);
        lp_reply_no_memory(http);
        return;
    }
    *stream = (struct stream){.http = http};
    int error = lp_write_live_history(body.stream, history);
    if (error || fflush(body.stream) != 0) {
        free(stream);
        lp_reply_no_memory(http);
    } else {
        start_stream(stream, &body);
    }
    lp_body_discard(&body);
}
