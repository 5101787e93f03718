/*
 * Writing answers through evhttp.
 */
#include "reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

int reply_status(int err)
{
    switch (-err) {
    case 0:
        return 200;
    case EINVAL:  /* a bad parameter */
    case EBADMSG: /* not HTTP */
        return 400;
    case EACCES: /* no token, or a wrong one */
        return 401;
    case EPERM: /* somebody else's page asks */
        return 403;
    case ENOENT:
        return 404;
    case EOPNOTSUPP: /* not this method */
        return 405;
    case EMSGSIZE: /* the body */
        return 413;
    case ENAMETOOLONG: /* the URL */
        return 414;
    case EOVERFLOW: /* the headers */
        return 431;
    case EAGAIN:
    case EBUSY:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ESHUTDOWN:
    case ETIMEDOUT:
        return 503;
    case ENOSPC: /* the budget */
        return 507;
    default:
        return 500;
    }
}

static const char *phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 507:
        return "Insufficient Storage";
    default:
        return "Internal Server Error";
    }
}

void reply_bytes(struct evhttp_request *request, int status, const char *type,
                 struct evbuffer *bytes)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    /* evhttp would send a body to HEAD as well. */
    if (bytes && evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
    evhttp_send_reply(request, status, phrase(status), bytes);
}

void reply_json(struct evhttp_request *request, int status, json_t *body)
{
    struct evbuffer *bytes = evbuffer_new();
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    json_decref(body);
    if (!text || !bytes) {
        reply_then_close(request);
        evhttp_send_reply(request, 503, phrase(503), NULL);
    } else {
        evbuffer_add_printf(bytes, "%s\n", text);
        reply_bytes(request, status, "application/json", bytes);
    }
    free(text);
    if (bytes)
        evbuffer_free(bytes);
}

void reply_error(struct evhttp_request *request, int err, json_t *body, const char *why)
{
    json_t *all = json_object();

    json_object_set_new(all, "error", json_string(why));
    json_object_update(all, body);
    json_decref(body);
    reply_json(request, reply_status(err), all);
}

void reply_then_close(struct evhttp_request *request)
{
    evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
}
