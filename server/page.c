/*
 * Each answer tells the browser what the page may do: no inline scripts or styles, nothing from
 * other sources, no frame around it. The page shows the profiler in a frame. That is another
 * origin, so the policy allows it, by the two names at which profilers can be framed.
 */
#include "page.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "leakprof.h"
#include "leakprof_evhttp.h"
#include "scene.h"

#include "lab.h"
#include "reply.h"

extern const struct leakprof_file page_files[]; /* written by profiler/ui/embed */

/* allowed: additions to the policy. */
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
    leakprof_evhttp_send_file(request, page_files, "index.html");
}

int page_file(struct evhttp_request *request, const char *name)
{
    secure(request, "");
    return leakprof_evhttp_send_file(request, page_files, name);
}

void page_lab(struct evhttp_request *request, const struct scene *scene)
{
    struct evbuffer *body = evbuffer_new();

    if (!body || lab_html(scene, body) < 0) {
        reply_no_memory(request);
    } else {
        secure(request, "");
        reply_bytes(request, 200, "text/html; charset=utf-8", body);
    }
    if (body)
        evbuffer_free(body);
}
