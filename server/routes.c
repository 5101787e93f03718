/*
 * Every request passes the same gates in the same order (one meaning, from here, with the token),
 * then finds its route, its method, an empty body, and its parameters. Only then anything happens:
 * what is refused has changed nothing.
 */
#include "routes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include "scene.h"

#include "drain.h"
#include "front.h"
#include "guard.h"
#include "page.h"
#include "params.h"
#include "reply.h"
#include "stats.h"
#include "visit.h"

enum { GET = EVHTTP_REQ_GET, POST = EVHTTP_REQ_POST };

/* A request on its way through the gates. */
struct asked {
    struct evhttp_request *request;
    struct loop *loop;
    const struct scene *scene; /* NULL: the route has none */
    struct params params;
};

static void get_page(struct asked *asked)
{
    page_html(asked->request);
}

static void get_js(struct asked *asked)
{
    page_js(asked->request);
}

static void get_css(struct asked *asked)
{
    page_css(asked->request);
}

static void get_healthz(struct asked *asked)
{
    static const char ok[] = "{\"status\":\"ok\"}\n";
    struct evbuffer *body = evbuffer_new();

    if (body)
        evbuffer_add_reference(body, ok, sizeof(ok) - 1, NULL, NULL);
    reply_bytes(asked->request, reply_status(0), "application/json", body);
    if (body)
        evbuffer_free(body);
}

static void get_scenes(struct asked *asked)
{
    reply_json(asked->request, reply_status(0), stats_scenes_json());
}

static void get_lab(struct asked *asked)
{
    const struct lab *lab = &asked->scene->lab;
    struct evbuffer *body = evbuffer_new();

    if (body)
        evbuffer_add_reference(body, lab->text, (size_t)(lab->end - lab->text), NULL, NULL);
    reply_bytes(asked->request, reply_status(0), "text/markdown; charset=utf-8", body);
    if (body)
        evbuffer_free(body);
}

static void get_stats(struct asked *asked)
{
    reply_json(asked->request, reply_status(0), stats_json());
}

static void post_reset(struct asked *asked)
{
    drain_run(asked->request, asked->loop, asked->scene);
}

static void do_leak(struct asked *asked)
{
    visit_run(asked->request, asked->loop, asked->scene, true, &asked->params);
}

static void do_fixed(struct asked *asked)
{
    visit_run(asked->request, asked->loop, asked->scene, false, &asked->params);
}

static const struct route {
    const char *path; /* ends in "/" (and is not "/"): a scene follows */
    int methods;
    bool takes_params, open; /* open: no token is asked for */
    void (*answer)(struct asked *asked);
    const char *tail; /* what follows the scene; NULL: nothing */
} routes[] = {
    {"/fixed/", GET | POST, true, false, do_fixed, NULL},
    {"/leak/", GET | POST, true, false, do_leak, NULL},
    {"/healthz", GET, false, true, get_healthz, NULL},
    {"/stats", GET, false, false, get_stats, NULL},
    {"/scenes", GET, false, false, get_scenes, NULL},
    {"/scenes/", GET, false, false, get_lab, "/lab"},
    {"/reset", POST, false, false, post_reset, NULL},
    {"/reset/", POST, false, false, post_reset, NULL},
    {"/", GET, false, false, get_page, NULL},
    {"/page.js", GET, false, false, get_js, NULL},
    {"/page.css", GET, false, false, get_css, NULL},
};

enum { NROUTES = sizeof(routes) / sizeof(routes[0]) };

/* Where a scene's name stands in a path. */
struct span {
    const char *start; /* NULL: the route has no scene */
    size_t length;
};

static bool fits(const struct route *route, const char *path, struct span *scene)
{
    size_t length = strlen(route->path), all = strlen(path);
    size_t tail = route->tail ? strlen(route->tail) : 0;

    *scene = (struct span){NULL, 0};
    if (length == 1 || route->path[length - 1] != '/')
        return strcmp(path, route->path) == 0;
    if (strncmp(path, route->path, length) != 0 || all < length + tail ||
        (tail && strcmp(path + all - tail, route->tail) != 0))
        return false;
    *scene = (struct span){path + length, all - length - tail};
    return true;
}

static const struct route *find_route(const char *path, struct span *scene)
{
    for (int i = 0; i < NROUTES; i++)
        if (fits(&routes[i], path, scene))
            return &routes[i];
    return NULL;
}

static void refuse_path(struct evhttp_request *request)
{
    json_t *list = json_array();

    for (int i = 0; i < NROUTES; i++)
        json_array_append_new(
            list, routes[i].tail ? json_sprintf("%s<scene>%s", routes[i].path, routes[i].tail)
                                 : json_string(routes[i].path));
    reply_error(request, -ENOENT, json_pack("{so}", "routes", list), "no such route");
}

static void refuse_scene(struct evhttp_request *request)
{
    json_t *list = json_array();

    for (int i = 0; scenes[i]; i++)
        json_array_append_new(list, json_string(scenes[i]->id));
    reply_error(request, -ENOENT, json_pack("{so}", "scenes", list), "scene not found");
}

static void refuse_method(struct evhttp_request *request, int methods)
{
    const char *allow = methods == (GET | POST) ? "GET, POST" : methods == GET ? "GET" : "POST";

    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allow);
    reply_then_close(request); /* a HEAD or TRACE with a body: libevent has not read it */
    reply_error(request, -EOPNOTSUPP, json_pack("{ss}", "allow", allow), "method not allowed");
}

static void refuse_token(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);

    evhttp_add_header(headers, "WWW-Authenticate", "Bearer realm=\"leakyard\"");
    evhttp_add_header(headers, "WWW-Authenticate", "Basic realm=\"leakyard\"");
    reply_error(request, -EACCES, NULL,
                "a token is needed: Bearer, or Basic with it as the password");
}

/* What can be said before the route is known. true: it was refused and answered. */
static bool refused_at_the_door(struct evhttp_request *request)
{
    const char *why = "the server is stopping";
    int err = front_stopping() ? -ESHUTDOWN : 0;

    if (err == 0)
        err = guard_framing(request, &why);
    if (err == 0)
        err = guard_origin(request, &why);
    if (err == 0)
        return false;
    reply_then_close(request);
    reply_error(request, err, NULL, why);
    return true;
}

void routes_handle(struct evhttp_request *request, void *loop)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *query = evhttp_uri_get_query(uri);
    const int method = evhttp_request_get_command(request);
    char path[FRONT_HEADERS_MAX + 1], asked_for[FRONT_HEADERS_MAX + 1];
    struct asked asked = {.request = request, .loop = loop};
    const struct route *route;
    struct span scene = {NULL, 0};
    json_t *why = NULL;
    bool sound;

    stats_request();
    if (refused_at_the_door(request))
        return;

    /* Both are shorter than the request line, which libevent has measured. */
    snprintf(path, sizeof(path), "%s", *evhttp_uri_get_path(uri) ? evhttp_uri_get_path(uri) : "/");
    snprintf(asked_for, sizeof(asked_for), "%s", query ? query : "");
    sound = params_decode(path) && !evhttp_uri_get_fragment(uri);
    route = sound ? find_route(path, &scene) : NULL;

    if ((!route || !route->open) && guard_token(request) < 0) {
        refuse_token(request);
    } else if (!sound) {
        reply_error(request, -EINVAL, NULL, "broken percent escape or fragment in the path");
    } else if (!route) {
        refuse_path(request);
    } else if (scene.start && !(asked.scene = scene_find(scene.start, scene.length))) {
        refuse_scene(request);
    } else if (!(method & route->methods)) {
        refuse_method(request, route->methods);
    } else if (evbuffer_get_length(evhttp_request_get_input_buffer(request)) > 0) {
        reply_error(request, -EINVAL, NULL, "a body is not taken: parameters go in the query");
    } else if (params_read(asked_for, route->takes_params ? asked.scene : NULL, &asked.params,
                           &why) < 0) {
        const char *text = json_string_value(json_object_get(why, "error"));

        reply_error(request, -EINVAL, why, text ? text : "bad parameter");
    } else {
        route->answer(&asked);
    }
}
