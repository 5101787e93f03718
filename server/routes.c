/*
 * Every request passes the same checks in the same order: the guard, its path, its method, an empty
 * body, its parameters. It takes effect only after them, so a refused request changes nothing.
 */
#include "routes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include "leakprof_server.h"
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

/* A request while it is checked. */
struct asked {
    struct evhttp_request *request;
    struct loop *loop;
    const struct scene *scene; /* NULL: the route has none */
    const char *file;          /* NULL: the route has none */
    struct params params;
    enum params_format format;
};

static void get_page(struct asked *asked)
{
    page_root(asked->request);
}

static void get_file(struct asked *asked)
{
    if (page_file(asked->request, asked->file) < 0)
        reply_error(asked->request, 404, NULL, "no such file; the page is at /");
}

static void get_icon(struct asked *asked)
{
    page_file(asked->request, "icon.svg");
}

static void get_healthz(struct asked *asked)
{
    static const char ok[] = "{\"status\":\"ok\"}\n";

    reply_constant(asked->request, "application/json", ok, sizeof(ok) - 1);
}

static void get_scenes(struct asked *asked)
{
    reply_json(asked->request, 200, stats_scenes_json());
}

/* A browser does; curl, which accepts anything, does not. */
static bool prefers_html(struct evhttp_request *request)
{
    const char *accept = evhttp_find_header(evhttp_request_get_input_headers(request), "Accept");
    const char *html = accept ? strcasestr(accept, "text/html") : NULL;
    const char *markdown = html ? strcasestr(accept, "text/markdown") : NULL;

    return html && (!markdown || html < markdown);
}

static void get_lab(struct asked *asked)
{
    const struct lab *lab = &asked->scene->lab;

    evhttp_add_header(evhttp_request_get_output_headers(asked->request), "Vary", "Accept");
    if (asked->format == PARAMS_HTML ||
        (asked->format == PARAMS_ANY && prefers_html(asked->request))) {
        page_lab(asked->request, asked->scene);
        return;
    }
    reply_constant(asked->request, "text/markdown; charset=utf-8", lab->text,
                   (size_t)(lab->end - lab->text));
}

static void get_stats(struct asked *asked)
{
    reply_json(asked->request, 200, stats_json());
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

enum takes { NOTHING, AMOUNTS, FORMAT }; /* parameters in the query */
enum names { NO_NAME, A_SCENE, A_FILE }; /* a name in the path, if the path ends in "/" */

static const struct route {
    const char *path;
    enum names names;
    const char *tail; /* the text after the name; NULL: none */
    int methods;
    enum takes takes;
    bool open; /* needs no token */
    void (*answer)(struct asked *asked);
} routes[] = {
    {"/fixed/", A_SCENE, NULL, GET | POST, AMOUNTS, false, do_fixed},
    {"/leak/", A_SCENE, NULL, GET | POST, AMOUNTS, false, do_leak},
    {"/healthz", NO_NAME, NULL, GET, NOTHING, true, get_healthz},
    {"/stats", NO_NAME, NULL, GET, NOTHING, false, get_stats},
    {"/scenes", NO_NAME, NULL, GET, NOTHING, false, get_scenes},
    {"/scenes/", A_SCENE, "/lab", GET, FORMAT, false, get_lab},
    {"/reset", NO_NAME, NULL, POST, NOTHING, false, post_reset},
    {"/reset/", A_SCENE, NULL, POST, NOTHING, false, post_reset},
    {"/", NO_NAME, NULL, GET, NOTHING, false, get_page},
    {"/ui/", A_FILE, NULL, GET, NOTHING, false, get_file},
    {"/favicon.ico", NO_NAME, NULL, GET, NOTHING, false, get_icon},
};

enum { NROUTES = sizeof(routes) / sizeof(routes[0]) };

/* The position of a name in a path. */
struct span {
    const char *start; /* NULL: the route has none */
    size_t length;
};

static bool fits(const struct route *route, const char *path, struct span *name)
{
    size_t length = strlen(route->path), all = strlen(path);
    size_t tail = route->tail ? strlen(route->tail) : 0;

    *name = (struct span){NULL, 0};
    if (route->names == NO_NAME)
        return strcmp(path, route->path) == 0;
    if (strncmp(path, route->path, length) != 0 || all < length + tail ||
        (tail && strcmp(path + all - tail, route->tail) != 0))
        return false;
    *name = (struct span){path + length, all - length - tail};
    return true;
}

static const struct route *find_route(const char *path, struct span *name)
{
    for (int i = 0; i < NROUTES; i++)
        if (fits(&routes[i], path, name))
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
    reply_error(request, 404, json_pack("{so}", "routes", list), "no such route");
}

static void refuse_scene(struct evhttp_request *request)
{
    json_t *list = json_array();

    for (int i = 0; scenes[i]; i++)
        json_array_append_new(list, json_string(scenes[i]->id));
    reply_error(request, 404, json_pack("{so}", "scenes", list), "scene not found");
}

static void refuse_method(struct evhttp_request *request, int methods)
{
    const char *allow = methods == (GET | POST) ? "GET, POST" : methods == GET ? "GET" : "POST";

    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allow);
    reply_then_close(request); /* evhttp does not read the body of a HEAD or TRACE */
    reply_error(request, 405, json_pack("{ss}", "allow", allow), "method not allowed");
}

static int read_query(const struct route *route, char *query, struct asked *asked, json_t **why)
{
    if (route->takes == FORMAT)
        return params_read_format(query, &asked->format, why);
    return params_read(query, route->takes == AMOUNTS ? asked->scene : NULL, &asked->params, why);
}

/* GET /leak/slice changes something too. */
static bool changes(struct evhttp_request *request, const struct route *route)
{
    return !(evhttp_request_get_command(request) & (GET | EVHTTP_REQ_HEAD)) ||
           (route && route->takes == AMOUNTS);
}

/* 0, or the status to refuse the request with and *why. */
static int check(struct evhttp_request *request, const struct route *route, struct loop *loop,
                 const char **why)
{
    if (front_crowded(loop)) {
        *why = "too many answers wait for clients that read slowly; try again later";
        return 503;
    }
    if (front_stopping()) {
        *why = "the server is stopping";
        return 503;
    }
    if (strlen(evhttp_request_get_uri(request)) > FRONT_URL_MAX) {
        *why = "the URL is longer than 8192 bytes";
        return 414;
    }
    if (request->headers_size > FRONT_HEADERS_MAX) {
        *why = "the request line and the headers are longer than 8192 bytes";
        return 431;
    }
    return guard_check(request, changes(request, route), route && route->open, why);
}

void routes_handle(struct evhttp_request *request, void *loop)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *query = evhttp_uri_get_query(uri), *refusal;
    const int method = evhttp_request_get_command(request);
    char path[FRONT_URL_MAX + 1], parameters[FRONT_URL_MAX + 1];
    struct asked asked = {.request = request, .loop = loop};
    const struct route *route;
    struct span name = {NULL, 0};
    json_t *why = NULL;
    bool sound;
    int status;

    stats_request();
    /* evhttp never closes a connection after CONNECT, whatever is answered. */
    if (method == EVHTTP_REQ_CONNECT)
        request->type = 0;
    /* Cut off if the URL is too long; then check() refuses it. */
    snprintf(path, sizeof(path), "%s", *evhttp_uri_get_path(uri) ? evhttp_uri_get_path(uri) : "/");
    snprintf(parameters, sizeof(parameters), "%s", query ? query : "");
    sound = leakprof_unescape(path, false) == 0 && !evhttp_uri_get_fragment(uri);
    route = sound ? find_route(path, &name) : NULL;
    if (route && route->names == A_FILE)
        asked.file = name.start;

    status = check(request, route, loop, &refusal);
    if (status != 0) {
        if (status != 401)
            reply_then_close(request);
        reply_error(request, status, NULL, refusal);
    } else if (!sound) {
        reply_error(request, 400, NULL, "malformed percent escape or a fragment in the path");
    } else if (!route) {
        refuse_path(request);
    } else if (route->names == A_SCENE && !(asked.scene = scene_find(name.start, name.length))) {
        refuse_scene(request);
    } else if (!(method & route->methods)) {
        refuse_method(request, route->methods);
    } else if (evbuffer_get_length(evhttp_request_get_input_buffer(request)) > 0) {
        reply_error(request, 400, NULL, "no body is accepted: parameters go in the query");
    } else if (read_query(route, parameters, &asked, &why) < 0) {
        const char *text = json_string_value(json_object_get(why, "error"));

        reply_error(request, 400, why, text ? text : "bad parameter");
    } else {
        route->answer(&asked);
    }
}
