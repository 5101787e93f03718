/*
 * Answers go out without a reason phrase, so evhttp adds its own for the status.
 */
#include "reply.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>
#include <event2/http.h>

int reply_status(int err)
{
    switch (-err) {
    case EAGAIN:
    case EBUSY:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ETIMEDOUT:
        return 503;
    case ENOSPC: /* the budget is full */
        return 507;
    default:
        return 500;
    }
}

void reply_bytes(struct evhttp_request *request, int status, const char *type,
                 struct evbuffer *bytes)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_add_header(headers, "Content-Type", type);
    evhttp_remove_header(headers, "X-Content-Type-Options"); /* the page may have set it */
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    /* evhttp would send a body to HEAD as well. */
    if (bytes && evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
    evhttp_send_reply(request, status, NULL, bytes);
}

void reply_json(struct evhttp_request *request, int status, json_t *body)
{
    struct evbuffer *bytes = evbuffer_new();
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

    json_decref(body);
    if (!text || !bytes) {
        reply_then_close(request);
        evhttp_send_reply(request, 503, NULL, NULL);
    } else {
        evbuffer_add_printf(bytes, "%s\n", text);
        reply_bytes(request, status, "application/json", bytes);
    }
    free(text);
    if (bytes)
        evbuffer_free(bytes);
}

void reply_error(struct evhttp_request *request, int status, json_t *body, const char *why)
{
    json_t *all = json_object();

    json_object_set_new(all, "error", json_string(why));
    json_object_update(all, body);
    json_decref(body);
    reply_json(request, status, all);
}

void reply_then_close(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_remove_header(headers, "Connection"); /* the guard may have set it */
    evhttp_add_header(headers, "Connection", "close");
}
