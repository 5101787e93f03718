/*
 * libcmark renders block by block and leaves raw HTML out. The only HTML in labs is the hint,
 * <details><summary>NAME</summary>TEXT</details>. It is parsed here, and its name and text are
 * rendered like all other text. So no HTML of a lab reaches the page unchanged.
 */
#include "lab.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmark.h>
#include <event2/buffer.h>
#include "leakprof.h"
#include "scene.h"

#include "front.h"
#include "guard.h"
#include "labmemory.h"

/* The usual address in the labs, and this server's, because people copy the commands. */
struct place {
    const char *said, *is;
};

static const char *port_of(const char *address)
{
    const char *colon = strrchr(address, ':');

    return colon ? colon + 1 : "";
}

static const char *authority_of(const char *url)
{
    const char *slashes = strstr(url, "://");

    return slashes ? slashes + 3 : url;
}

/* Whole numbers only: "61358080 bytes" contains no port. */
static const struct place *place_at(const struct place *places, const char *at, const char *end,
                                    bool after_alnum)
{
    for (; !after_alnum && places->said; places++) {
        size_t length = strlen(places->said), room = (size_t)(end - at);

        if (room >= length && memcmp(at, places->said, length) == 0 &&
            (room == length || !isalnum((unsigned char)at[length])))
            return places;
    }
    return NULL;
}

static void feed(cmark_parser *parser, const char *text, const char *end)
{
    const char *profiler = authority_of(leakprof_url());
    const struct place places[] = {{"127.0.0.1:8080", front_address()},
                                   {"127.0.0.1:6060", profiler},
                                   {"8080", port_of(front_address())},
                                   {"6060", port_of(profiler)},
                                   {NULL, NULL}};
    const char *from = text, *start = text;

    while (text < end) {
        const struct place *place =
            place_at(places, text, end, text > start && isalnum((unsigned char)text[-1]));

        if (!place) {
            text++;
            continue;
        }
        cmark_parser_feed(parser, from, (size_t)(text - from));
        cmark_parser_feed(parser, place->is, strlen(place->is));
        from = text += strlen(place->said);
    }
    cmark_parser_feed(parser, from, (size_t)(end - from));
}

static void add_bytes(struct evbuffer *out, const char *bytes, size_t length)
{
    if (evbuffer_add(out, bytes, length) < 0)
        labmemory_fail();
}

static void add(struct evbuffer *out, const char *text)
{
    add_bytes(out, text, strlen(text));
}

static void add_escaped(struct evbuffer *out, const char *text, size_t length)
{
    for (const char *end = text + length; text < end; text++) {
        if (*text == '<')
            add(out, "&lt;");
        else if (*text == '>')
            add(out, "&gt;");
        else if (*text == '&')
            add(out, "&amp;");
        else
            add_bytes(out, text, 1);
    }
}

static void add_block(struct evbuffer *out, cmark_node *block)
{
    char *html = cmark_render_html(block, CMARK_OPT_SMART);

    add(out, html);
    labmemory.free(html);
}

/* Finds the text between `open` and `close`. Returns its end and sets *from to its start; NULL: not
 * found. */
static const char *between(const char *text, const char *open, const char *close, const char **from)
{
    *from = strstr(text, open);
    if (!*from)
        return NULL;
    *from += strlen(open);
    return strstr(*from, close);
}

/* One or more. They have the same name, so a browser closes one when another is opened. */
static void add_hints(struct evbuffer *out, const char *html)
{
    const char *name, *name_end, *text, *text_end;

    while ((name_end = between(html, "<details><summary>", "</summary>", &name)) &&
           (text_end = between(name_end, "</summary>", "</details>", &text))) {
        cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_SMART, &labmemory);
        cmark_node *body;

        cmark_parser_feed(parser, text, (size_t)(text_end - text));
        body = cmark_parser_finish(parser);
        cmark_parser_free(parser);
        add(out, "<details name=\"hints\"><summary>");
        add_escaped(out, name, (size_t)(name_end - name));
        add(out, "</summary>\n");
        add_block(out, body);
        add(out, "</details>\n");
        cmark_node_free(body);
        html = text_end;
    }
}

static bool is_called(cmark_node *heading, const char *name)
{
    cmark_node *text = cmark_node_first_child(heading);
    const char *literal = text ? cmark_node_get_literal(text) : NULL;

    return literal && strcmp(literal, name) == 0;
}

/* A part goes from its heading to the next one. */
static void add_parts(struct evbuffer *out, cmark_node *document)
{
    const char *close = "";
    bool after_hints = false;

    for (cmark_node *at = cmark_node_first_child(document); at; at = cmark_node_next(at)) {
        cmark_node_type type = cmark_node_get_type(at);

        if (type == CMARK_NODE_HEADING && cmark_node_get_heading_level(at) == 2) {
            add(out, close);
            add(out, after_hints ? "<details class=\"part\">\n<summary>" : "<section>\n");
            add_block(out, at);
            add(out, after_hints ? "</summary>\n" : "");
            close = after_hints ? "</details>\n" : "</section>\n";
            after_hints |= is_called(at, "Hints");
        } else if (type == CMARK_NODE_HTML_BLOCK) {
            add_hints(out, cmark_node_get_literal(at));
        } else {
            add_block(out, at);
        }
    }
    add(out, close);
}

struct page {
    const struct scene *scene;
    struct evbuffer *out;
};

static void write_page(void *arg)
{
    const struct page *page = arg;
    const struct scene *scene = page->scene;
    struct evbuffer *out = page->out;
    cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_SMART, &labmemory);
    cmark_node *document;

    feed(parser, scene->lab.text, scene->lab.end);
    document = cmark_parser_finish(parser);
    cmark_parser_free(parser);

    add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    add_escaped(out, scene->title, strlen(scene->title));
    add(out,
        " · Leakyard</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"icon\" href=\"/ui/icon.svg\" type=\"image/svg+xml\">\n"
        "<link rel=\"stylesheet\" href=\"/ui/theme.css\">\n"
        "<link rel=\"stylesheet\" href=\"/ui/lab.css\">\n</head>\n<body class=\"sheet\">\n<p>");
    add(out, "<a href=\"/#scene=");
    add(out, scene->id);
    add(out, "\">Try it in the playground</a></p>\n<article class=\"lab\">\n");
    if (guard_has_token())
        add(out,
            "<p class=\"note\">The server requires its token: use <code>curl -u :TOKEN</code> or "
            "<code>wrk -H 'Authorization: Bearer TOKEN'</code>.</p>\n");
    add_parts(out, document);
    add(out, "</article>\n</body>\n</html>\n");
    cmark_node_free(document);
}

int lab_html(const struct scene *scene, struct evbuffer *out)
{
    return labmemory_run(write_page, &(struct page){scene, out});
}
