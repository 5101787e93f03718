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
} routes[] = {
    {"/fixed/", GET | POST, true, false, do_fixed}, {"/leak/", GET | POST, true, false, do_leak},
    {"/healthz", GET, false, true, get_healthz},    {"/stats", GET, false, false, get_stats},
    {"/scenes", GET, false, false, get_scenes},     {"/reset", POST, false, false, post_reset},
    {"/reset/", POST, false, false, post_reset},    {"/", GET, false, false, get_page},
    {"/page.js", GET, false, false, get_js},        {"/page.css", GET, false, false, get_css},
};

enum { NROUTES = sizeof(routes) / sizeof(routes[0]) };

/* *rest: what follows the route's path, the scene's name; NULL when the route has no scene. */
static const struct route *find_route(const char *path, const char **rest)
{
    for (int i = 0; i < NROUTES; i++) {
        size_t length = strlen(routes[i].path);
        bool with_scene = length > 1 && routes[i].path[length - 1] == '/';

        *rest = with_scene ? path + length : NULL;
        if (with_scene ? strncmp(path, routes[i].path, length) == 0
                       : strcmp(path, routes[i].path) == 0)
            return &routes[i];
    }
    return NULL;
}

static void refuse_path(struct evhttp_request *request)
{
    json_t *list = json_array();

    for (int i = 0; i < NROUTES; i++)
        json_array_append_new(list, json_string(routes[i].path));
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
    const char *query = evhttp_uri_get_query(uri), *rest = NULL;
    const int method = evhttp_request_get_command(request);
    char path[FRONT_HEADERS_MAX + 1], asked_for[FRONT_HEADERS_MAX + 1];
    struct asked asked = {.request = request, .loop = loop};
    const struct route *route;
    json_t *why = NULL;
    bool sound;

    stats_request();
    if (refused_at_the_door(request))
        return;

    /* Both are shorter than the request line, which libevent has measured. */
    snprintf(path, sizeof(path), "%s", *evhttp_uri_get_path(uri) ? evhttp_uri_get_path(uri) : "/");
    snprintf(asked_for, sizeof(asked_for), "%s", query ? query : "");
    sound = params_decode(path) && !evhttp_uri_get_fragment(uri);
    route = sound ? find_route(path, &rest) : NULL;

    if ((!route || !route->open) && guard_token(request) < 0) {
        refuse_token(request);
    } else if (!sound) {
        reply_error(request, -EINVAL, NULL, "broken percent escape or fragment in the path");
    } else if (!route) {
        refuse_path(request);
    } else if (rest && !(asked.scene = scene_find(rest, strlen(rest)))) {
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
