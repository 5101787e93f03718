/*
 * The page is written from the catalogue. Its script and style have routes of their own, so that
 * the page can forbid everything inline.
 */
#include "page.h"

#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "leakprof.h"
#include "scene.h"

#include "reply.h"

static const char style[] =
    ":root{color-scheme:light dark;--line:#8884;--leak:#c2410c;--fixed:#15803d}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{margin-bottom:0}section{border:1px solid var(--line);border-radius:.6rem;padding:.2rem "
    "1.2rem "
    "1rem;margin:1rem 0}\n"
    "h2{margin:.6rem 0 0}p{margin:.4rem 0}small,dt{opacity:.75}\n"
    "button{font:inherit;padding:.2rem .9rem;border-radius:.4rem;border:1px solid;background:none;"
    "cursor:pointer}\n"
    "button.leak{color:var(--leak)}button.fixed{color:var(--fixed)}button:disabled{opacity:.4}\n"
    "output{font-family:ui-monospace,monospace;font-size:.85rem;margin-left:.6rem}\n"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem}\n"
    "dt{font-size:.85rem}dd{margin:0;font-family:ui-monospace,monospace}\n";

static const char script[] =
    "'use strict';\n"
    "const figures = ['heap_inuse_bytes', 'rss_bytes', 'threads', 'fds', 'requests'];\n"
    "const list = document.getElementById('figures');\n"
    "const shown = (name, n) => name.endsWith('_bytes') ? (n / 1048576).toFixed(1) + ' MiB' : n;\n"
    "async function refresh() {\n"
    "  const stats = await (await fetch('/stats')).json();\n"
    "  list.replaceChildren(...figures.flatMap(name => {\n"
    "    const dt = document.createElement('dt'), dd = document.createElement('dd');\n"
    "    const box = document.createElement('div');\n"
    "    dt.textContent = name.replace(/_/g, ' ').replace(' bytes', '');\n"
    "    dd.textContent = shown(name, stats[name]);\n"
    "    box.append(dt, dd);\n"
    "    return [box];\n"
    "  }));\n"
    "}\n"
    "async function press(button) {\n"
    "  const out = button.parentElement.querySelector('output');\n"
    "  button.disabled = true;\n"
    "  try {\n"
    "    const body = await (await fetch(button.dataset.path, {method: 'POST'})).json();\n"
    "    const held = body.held;\n"
    "    out.textContent = body.error || (held ? body.status + ', held: ' + held.bytes + ' bytes, "
    "' +\n"
    "      held.threads + ' threads, ' + held.fds + ' descriptors' : body.status);\n"
    "    await refresh();\n"
    "  } catch (e) { out.textContent = 'no answer'; }\n"
    "  button.disabled = false;\n"
    "}\n"
    "document.addEventListener('click', e => { if (e.target.dataset.path) press(e.target); });\n"
    "refresh().catch(() => {});\n"
    "setInterval(() => refresh().catch(() => {}), 2000);\n";

static void secure(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_add_header(
        headers, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Referrer-Policy", "no-referrer");
}

static void send_static(struct evhttp_request *request, const char *type, const char *text)
{
    struct evbuffer *body = evbuffer_new();

    secure(request);
    if (body)
        evbuffer_add_reference(body, text, strlen(text), NULL, NULL);
    reply_bytes(request, reply_status(0), type, body);
    if (body)
        evbuffer_free(body);
}

void page_css(struct evhttp_request *request)
{
    send_static(request, "text/css; charset=utf-8", style);
}

void page_js(struct evhttp_request *request)
{
    send_static(request, "text/javascript; charset=utf-8", script);
}

static void add_scene(struct evbuffer *body, const struct scene *scene)
{
    evbuffer_add_printf(
        body,
        "<section><h2>%s</h2><p>%s</p><p><small>What the profiles show: "
        "%s</small></p>\n<p><button class=\"leak\" data-path=\"/leak/%s\">leak</button> "
        "<button class=\"fixed\" data-path=\"/fixed/%s\">fixed</button> "
        "<button data-path=\"/reset/%s\">reset</button><output></output></p></section>\n",
        scene->title, scene->lesson, scene->signature, scene->id, scene->id, scene->id);
}

void page_html(struct evhttp_request *request)
{
    struct evbuffer *body = evbuffer_new();

    if (body) {
        evbuffer_add_printf(
            body,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Leakyard</title>\n"
            "<meta name=\"viewport\" content=\"width=device-width\">\n"
            "<link rel=\"stylesheet\" href=\"/page.css\">\n"
            "<script src=\"/page.js\" defer></script>\n"
            "<h1>Leakyard</h1><p>A service that leaks on purpose. Press a button, or drive a route "
            "with wrk, and watch <a href=\"%s/debug/pprof/\">the profiler</a>.</p>\n"
            "<dl id=\"figures\"></dl>\n",
            leakprof_url());
        for (int i = 0; scenes[i]; i++)
            add_scene(body, scenes[i]);
        evbuffer_add_printf(body, "<p><button data-path=\"/reset\">reset everything</button>"
                                  "<output></output></p></html>\n");
    }
    secure(request);
    reply_bytes(request, reply_status(0), "text/html; charset=utf-8", body);
    if (body)
        evbuffer_free(body);
}
