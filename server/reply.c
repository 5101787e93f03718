/*
 * Answers go out without a reason phrase, so evhttp adds its own for the status.
 *
 * jansson reports a failed allocation from each of its functions, and a member that could not be
 * made is left out. Here its allocator notes the failure, so nobody else has to look.
 */
#include "reply.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "leakprof_evhttp.h"

static _Thread_local bool incomplete; /* jansson got no memory since the last answer */

static void *allocate(size_t size)
{
    void *block = malloc(size);

    incomplete |= !block;
    return block;
}

void reply_start(void)
{
    json_set_alloc_funcs(allocate, free);
}

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

    if (!bytes) {
        reply_no_memory(request);
        return;
    }
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_remove_header(headers, "X-Content-Type-Options"); /* the page may have set it */
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    /* evhttp would send a body to HEAD as well. */
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
    leakprof_evhttp_reply(request, status, bytes);
}

void reply_no_memory(struct evhttp_request *request)
{
    static const char text[] =
        "{\"error\":\"there is not enough memory for the answer; try again later\"}\n";
    struct evbuffer *bytes = evbuffer_new();

    if (bytes)
        evbuffer_add_reference(bytes, text, sizeof(text) - 1, NULL, NULL);
    reply_then_close(request);
    if (bytes)
        reply_bytes(request, 503, "application/json", bytes);
    else
        leakprof_evhttp_reply(request, 503, NULL);
    if (bytes)
        evbuffer_free(bytes);
}

void reply_constant(struct evhttp_request *request, const char *type, const char *text,
                    size_t length)
{
    struct evbuffer *bytes = evbuffer_new();

    if (!bytes || evbuffer_add_reference(bytes, text, length, NULL, NULL) < 0)
        reply_no_memory(request);
    else
        reply_bytes(request, 200, type, bytes);
    if (bytes)
        evbuffer_free(bytes);
}

static void free_text(const void *text, size_t length, void *arg)
{
    (void)length, (void)arg;
    free((void *)text);
}

void reply_json(struct evhttp_request *request, int status, json_t *body)
{
    struct evbuffer *bytes = evbuffer_new();
    char *text = json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(15));

    json_decref(body);
    if (!text || !bytes || incomplete) {
        reply_no_memory(request);
        free(text);
    } else if (evbuffer_add_reference(bytes, text, strlen(text), free_text, NULL) < 0) {
        reply_no_memory(request);
        free(text);
    } else if (evbuffer_add_reference(bytes, "\n", 1, NULL, NULL) < 0) {
        reply_no_memory(request);
    } else {
        reply_bytes(request, status, "application/json", bytes);
    }
    incomplete = false;
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
