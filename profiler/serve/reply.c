/*
 * Answers go out without a reason phrase: evhttp adds its own for the status. If there is not
 * enough memory for a message, evhttp's error page is sent, which serve/errors.c turns into JSON.
 */
#include "serve/reply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/http.h>

#include "profile/take.h"
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

int lp_body_open(struct lp_body *body)
{
    *body = (struct lp_body){0};
    body->stream = open_memstream(&body->data, &body->size);
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

void lp_reply_body(struct evhttp_request *http, int status, const char *content_type,
                   struct lp_body *body)
{
    int bad = ferror(body->stream);
    bad |= fclose(body->stream);
    body->stream = NULL;
    struct evbuffer *out = bad ? NULL : evbuffer_new();
    if (!out) {
        lp_body_discard(body);
        evhttp_send_error(http, 500, NULL);
        return;
    }
    lp_reply_header(http, "X-Content-Type-Options", "nosniff");
    lp_reply_header(http, "Content-Type", content_type);
    if (evhttp_request_get_command(http) == EVHTTP_REQ_HEAD) {
        /* for HEAD: evhttp would send the body too */
        char length[32];
        snprintf(length, sizeof length, "%zu", body->size);
        lp_reply_header(http, "Content-Length", length);
        lp_body_discard(body);
    } else if (evbuffer_add_reference(out, body->data, body->size, free_data, NULL) != 0) {
        lp_body_discard(body);
        status = 500;
    }
    evhttp_send_reply(http, status, NULL, out);
    evbuffer_free(out);
}

void lp_reply_empty(struct evhttp_request *http, int status)
{
    evhttp_send_reply(http, status, NULL, NULL);
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
        evhttp_send_error(http, 500, NULL);
        return;
    }
    struct lp_json json = {.out = body.stream, .indent = 2};
    write(&json, arg);
    fputc('\n', body.stream);
    lp_reply_body(http, lp_json_finish(&json) ? 500 : status, "application/json", &body);
}

void lp_reply_untaken(struct evhttp_request *http, int error)
{
    lp_reply_error(http, lp_status(-error), "the profile or snapshot could not be taken: %s",
                   lp_untaken_reason(error));
}

static int speaks_go(struct evhttp_request *http)
{
    static const char prefix[] = "/debug/pprof";
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    return path && strncmp(path, prefix, sizeof prefix - 1) == 0;
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
        evhttp_send_error(http, 500, NULL);
        return;
    }
    fprintf(body.stream, "%s\n", text);
    lp_reply_header(http, "X-Go-Pprof", "1");
    lp_reply_body(http, status, "text/plain; charset=utf-8", &body);
}
