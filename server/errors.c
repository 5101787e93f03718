/*
 * libevent answers some requests by itself, with an HTML page: what is not HTTP, headers or a body
 * that are too long, a method that it does not know. It offers no hook for that, but it calls its
 * own exported evhttp_send_error() through the linkage table, so the definition in a program comes
 * first. This is that definition: our clients get JSON like everyone else.
 *
 * It serves every evhttp of the process. The profiler's answers are recognised by not being on one
 * of our loops; they get plain text with the header that makes pprof print it.
 */
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>

#include "front.h"
#include "reply.h"
#include "routes.h"

/* libevent says 400 for all but a body that is too long; what it had read tells the rest apart. */
static int cause_of(const struct evhttp_request *request, int status)
{
    struct bufferevent *stream = evhttp_connection_get_bufferevent(request->evcon);
    size_t waiting = evbuffer_get_length(bufferevent_get_input(stream));

    if (status == HTTP_ENTITYTOOLARGE)
        return 413;
    if (request->major == 0 && request->headers_size == 0 && waiting > FRONT_HEADERS_MAX / 2)
        return 414; /* the size of a line is noted when it was not too long */
    if (request->headers_size + waiting > FRONT_HEADERS_MAX)
        return 431;
    return 400;
}

static const char *say(int status)
{
    switch (status) {
    case 413:
        return "the body is too large, or its chunks are broken";
    case 414:
        return "the request line is too long";
    case 431:
        return "the headers are too long";
    default:
        return "this is not an HTTP request";
    }
}

/* Where the first line was not understood, nothing says which version to answer in. */
static void speak_some_version(struct evhttp_request *request)
{
    if (request->major == 0) {
        request->major = 1;
        request->minor = 1;
    }
}

static void send_text(struct evhttp_request *request, int status, const char *reason)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();

    speak_some_version(request);
    evhttp_add_header(headers, "Content-Type", "text/plain; charset=utf-8");
    evhttp_add_header(headers, "X-Go-Pprof", "1");
    reply_then_close(request);
    if (body)
        evbuffer_add_printf(body, "%d %s\n", status, reason);
    evhttp_send_reply(request, status, reason, body);
    if (body)
        evbuffer_free(body);
}

void evhttp_send_error(struct evhttp_request *request, int status, const char *reason)
{
    int cause;

    if (status == 0) /* a method that libevent does not know */
        status = HTTP_NOTIMPLEMENTED;
    if (!front_here()) {
        send_text(request, status, reason ? reason : "request not understood");
        return;
    }
    if (request->uri && status == HTTP_NOTIMPLEMENTED) {
        request->type = 0; /* libevent never closes after a CONNECT, whatever the answer says */
        routes_handle(request, front_here());
        return;
    }

    cause = cause_of(request, status);
    speak_some_version(request);
    evhttp_clear_headers(evhttp_request_get_output_headers(request));
    reply_then_close(request);
    if (status == HTTP_EXPECTATIONFAILED)
        reply_json(request, status,
                   json_pack("{ss}", "error", "Expect: only 100-continue is known"));
    else
        reply_error(request, cause, NULL, say(cause));
}
