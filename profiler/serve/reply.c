/*
 * Answers go out without a reason phrase: evhttp adds its own for the status.
 *
 * An answer that could not be written in full is not sent. Two things show that: its stream, which
 * sees its own writes, and the count of refusals (sys/pages.h), which sees all that was allocated
 * for it, also in libraries that report nothing.
 */
#include "serve/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"
#include "profile/take.h"
#include "record/self.h"
#include "symbolize/symbols.h"
#include "sys/array.h"
#include "sys/pages.h"
#include "sys/syscall.h"
#include "serve/query.h"

int lp_status(int error)
{
    switch (error) {
    case -EINVAL:
        return 400;
    case -ENOENT:
        return 404;
    case -EAGAIN:
    case -EBUSY:
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    case -ENOSPC:
        return 507;
    default:
        return 500;
    }
}

void lp_reply_header(struct evhttp_request *http, const char *name, const char *value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(http);
    evhttp_remove_header(headers, name);
    evhttp_add_header(headers, name, value);
}

static _Thread_local uint64_t refused_before;

void lp_reply_begin(bool incomplete)
{
    refused_before = lp_own_refused() - incomplete;
}

static bool refused(void)
{
    return lp_own_refused() != refused_before;
}

static size_t body_max = SIZE_MAX;

void lp_body_set_max(size_t bytes)
{
    body_max = bytes;
}

static ssize_t append(void *arg, const char *bytes, size_t n)
{
    struct lp_body *body = arg;
    body->large |= n > body_max - body->size;
    if (body->large || body->failed ||
        !lp_array_reserve(&body->data, &body->capacity, body->size + n, 1)) {
        body->failed = true;
        return 0;
    }
    memcpy(body->data + body->size, bytes, n);
    body->size += n;
    return (ssize_t)n;
}

int lp_body_open(struct lp_body *body)
{
    *body = (struct lp_body){0};
    body->stream = fopencookie(body, "w", (cookie_io_functions_t){.write = append});
    return body->stream ? 0 : -ENOMEM;
}

void lp_body_discard(struct lp_body *body)
{
    if (body->stream)
        fclose(body->stream);
    free(body->data);
    *body = (struct lp_body){0};
}

static void free_data(const void *data, size_t size, void *arg)
{
    (void)size, (void)arg;
    free((void *)data);
}

static int speaks_go(struct evhttp_request *http)
{
    static const char prefix[] = "/debug/pprof";
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    return path && strncmp(path, prefix, sizeof prefix - 1) == 0;
}

#define NO_MEMORY "memory or a descriptor for the answer was refused; try again later"

void lp_reply_no_memory(struct evhttp_request *http)
{
    static const char json[] = "{\"error\": \"" NO_MEMORY "\"}\n", text[] = NO_MEMORY "\n";
    bool go = speaks_go(http), head = evhttp_request_get_command(http) == EVHTTP_REQ_HEAD;
    struct evbuffer *out = evbuffer_new();
    evhttp_clear_headers(evhttp_request_get_output_headers(http));
    lp_reply_header(http, "Content-Type", go ? "text/plain; charset=utf-8" : "application/json");
    lp_reply_header(http, "X-Content-Type-Options", "nosniff");
    lp_reply_header(http, "Retry-After", "1");
    if (go)
        lp_reply_header(http, "X-Go-Pprof", "1");
    if (out && !head)
        evbuffer_add_reference(out, go ? text : json, go ? sizeof text - 1 : sizeof json - 1, NULL,
                               NULL);
    leakprof_evhttp_reply(http, 503, out);
    if (out)
        evbuffer_free(out);
}

static void reply_too_large(struct evhttp_request *http)
{
    lp_reply_error(http, lp_status(-ENOSPC),
                   "the answer would be larger than %zu MiB; ask for format=pprof, which is "
                   "smaller, or for a difference",
                   body_max >> 20);
}

void lp_reply_body(struct evhttp_request *http, int status, const char *content_type,
                   struct lp_body *body)
{
    bool whole = fclose(body->stream) == 0 && !body->failed;
    body->stream = NULL;
    if (body->large) {
        lp_body_discard(body);
        reply_too_large(http);
        return;
    }
    struct evbuffer *out = evbuffer_new();
    lp_reply_header(http, "X-Content-Type-Options", "nosniff");
    lp_reply_header(http, "Content-Type", content_type);
    if (!out || !whole || (status < 400 && refused())) {
        lp_body_discard(body);
        if (out)
            evbuffer_free(out);
        lp_reply_no_memory(http);
        return;
    }
    if (evhttp_request_get_command(http) == EVHTTP_REQ_HEAD) {
        /* for HEAD: evhttp would send the body too */
        char length[32];
        snprintf(length, sizeof length, "%zu", body->size);
        lp_reply_header(http, "Content-Length", length);
        lp_body_discard(body);
    } else if (evbuffer_add_reference(out, body->data, body->size, free_data, NULL) != 0) {
        lp_body_discard(body);
        evbuffer_free(out);
        lp_reply_no_memory(http);
        return;
    }
    *body = (struct lp_body){0}; /* libevent frees what it has taken */
    leakprof_evhttp_reply(http, status, out);
    evbuffer_free(out);
}

void lp_reply_unwritten(struct evhttp_request *http, struct lp_body *body, const char *what,
                        int error)
{
    bool memory = refused() || body->failed || error == -ENOMEM, large = body->large;
    lp_body_discard(body);
    if (large)
        reply_too_large(http);
    else if (memory)
        lp_reply_no_memory(http);
    else
        lp_reply_error(http, lp_status(error), "%s could not be written: %s", what,
                       strerror(-error));
}

void lp_reply_empty(struct evhttp_request *http, int status)
{
    leakprof_evhttp_reply(http, status, NULL);
}

void lp_reply_redirect(struct evhttp_request *http, int status, const char *to)
{
    lp_reply_header(http, "Location", to);
    lp_reply_empty(http, status);
}

void lp_reply_json(struct evhttp_request *http, int status,
                   void (*write)(struct lp_json *json, const void *arg), const void *arg)
{
    struct lp_body body;
    if (lp_body_open(&body) != 0) {
        lp_reply_no_memory(http);
        return;
    }
    struct lp_json json = {.out = body.stream, .indent = 2};
    write(&json, arg);
    fputc('\n', body.stream);
    int error = lp_json_finish(&json);
    if (error)
        lp_reply_unwritten(http, &body, "the answer", error);
    else
        lp_reply_body(http, status, "application/json", &body);
}

void lp_reply_untaken(struct evhttp_request *http, int error)
{
    lp_reply_error(http, lp_status(-error), "the profile or snapshot could not be taken: %s",
                   lp_untaken_reason(error));
}

static void write_error(struct lp_json *json, const void *text)
{
    lp_json_object(json, NULL);
    lp_json_text(json, "error", text);
    lp_json_end(json);
}

void lp_reply_error(struct evhttp_request *http, int status, const char *format, ...)
{
    char text[2 * LP_WHY_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    evhttp_remove_header(evhttp_request_get_output_headers(http), "Content-Disposition");
    if (!speaks_go(http)) {
        lp_reply_json(http, status, write_error, text);
        return;
    }
    struct lp_body body;
    if (lp_body_open(&body) != 0) {
        lp_reply_no_memory(http);
        return;
    }
    fprintf(body.stream, "%s\n", text);
    lp_reply_header(http, "X-Go-Pprof", "1");
    lp_reply_body(http, status, "text/plain; charset=utf-8", &body);
}
