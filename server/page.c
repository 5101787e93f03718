/*
 * What goes out to a browser says what may be done with it: nothing inline, nothing from elsewhere,
 * no frame around it. In a frame of its own the page shows the profiler, which is another origin:
 * the two names that profilers let frame themselves, at the port that it got.
 */
#include "page.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "leakprof.h"
#include "scene.h"

#include "files.h"
#include "lab.h"
#include "reply.h"

/* allowed: more of the policy. */
static void secure(struct evhttp_request *request, const char *allowed)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char policy[512];

    snprintf(policy, sizeof(policy),
             "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
             "form-action 'none'; frame-ancestors 'none'%s",
             allowed);
    evhttp_add_header(headers, "Content-Security-Policy", policy);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
}

static const struct page_file *find(const char *name)
{
    for (const struct page_file *file = page_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static void send_file(struct evhttp_request *request, const struct page_file *file)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    const char *known =
        evhttp_find_header(evhttp_request_get_input_headers(request), "If-None-Match");
    struct evbuffer *body = NULL;
    int status = 304;
    char tag[64];

    snprintf(tag, sizeof(tag), "\"%s\"", file->sum);
    evhttp_add_header(headers, "ETag", tag);
    evhttp_add_header(headers, "Cache-Control", "no-cache");
    if (!known || !strstr(known, tag)) {
        status = 200;
        body = evbuffer_new();
        if (body)
            evbuffer_add_reference(body, file->start, (size_t)(file->end - file->start), NULL,
                                   NULL);
    }
    reply_bytes(request, status, file->type, body);
    if (body)
        evbuffer_free(body);
}

void page_root(struct evhttp_request *request)
{
    const char *port = strrchr(leakprof_url(), ':');
    char allowed[256];

    port = port ? port : "";
    snprintf(allowed, sizeof(allowed),
             "; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; "
             "frame-src http://127.0.0.1%s http://localhost%s",
             port, port);
    secure(request, allowed);
    send_file(request, find("index.html"));
}

int page_file(struct evhttp_request *request, const char *name)
{
    const struct page_file *file = find(name);

    if (!file)
        return -ENOENT;
    secure(request, "");
    send_file(request, file);
    return 0;
}

void page_lab(struct evhttp_request *request, const struct scene *scene)
{
    struct evbuffer *body = evbuffer_new();

    if (!body || lab_html(scene, body) < 0) {
        reply_error(request, 503, NULL, "out of memory");
    } else {
        secure(request, "");
        reply_bytes(request, 200, "text/html; charset=utf-8", body);
    }
    if (body)
        evbuffer_free(body);
}
