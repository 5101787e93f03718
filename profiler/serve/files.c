/*
 * The dashboard: the page at / and the files that it loads below /ui/. The build puts them into the
 * program (ui/embed). The Content-Security-Policy allows no other sources.
 */
#include "leakprof_evhttp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <event2/http.h>
#include <zlib.h>

#include "serve/reply.h"
#include "serve/route.h"

extern const struct leakprof_file lp_files[];

/* Only the dashboard itself and other ports of this machine, where a program has its own pages, may
 * show it in a frame. (A policy cannot name [::1].) */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
    "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*";

/* True for "gzip, deflate, br", false for "gzip;q=0". */
static bool takes_gzip(const char *accepted)
{
    const char *at = accepted ? strcasestr(accepted, "gzip") : NULL;
    if (!at)
        return false;
    at += strlen("gzip");
    at += strspn(at, " \t");
    if (*at != ';')
        return true;
    size_t length = strcspn(at, ",");
    const char *q = memchr(at, '=', length);
    return !q || strcspn(q, "123456789") < length - (size_t)(q - at);
}

/* The client may send several tags, and weak ones (W/). */
static bool has_it(const char *known, const char *tag)
{
    return known && (strcmp(known, "*") == 0 || strstr(known, tag));
}

/* 0 or a negative errno. */
static int write_plain(FILE *out, const struct leakprof_file *file)
{
    unsigned char bytes[16 << 10] = {0};
    z_stream stream = {.next_in = (unsigned char *)file->gzip,
                       .avail_in = (unsigned)(file->end - file->gzip)};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return -ENOMEM;
    int result;
    do {
        stream.next_out = bytes;
        stream.avail_out = sizeof bytes;
        result = inflate(&stream, Z_NO_FLUSH);
        fwrite(bytes, 1, sizeof bytes - stream.avail_out, out);
    } while (result == Z_OK);
    inflateEnd(&stream);
    return result == Z_STREAM_END ? 0 : -ENOMEM;
}

int leakprof_evhttp_send_file(struct evhttp_request *http, const struct leakprof_file *file,
                              const char *name)
{
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    if (!file->name)
        return -ENOENT;
    const struct evkeyvalq *in = evhttp_request_get_input_headers(http);
    bool gzip = takes_gzip(evhttp_find_header(in, "Accept-Encoding"));
    char tag[64];
    int error;
    lp_reply_begin(false);
    snprintf(tag, sizeof tag, "\"%s%s\"", file->sum, gzip ? "-gzip" : "");
    lp_reply_header(http, "ETag", tag);
    lp_reply_header(http, "Cache-Control", "no-cache");
    lp_reply_header(http, "Vary", "Accept-Encoding");
    lp_reply_header(http, "Referrer-Policy", "no-referrer");
    struct lp_body body;
    if (has_it(evhttp_find_header(in, "If-None-Match"), tag)) {
        lp_reply_empty(http, 304);
    } else if (lp_body_open(&body) != 0) {
        lp_reply_no_memory(http);
    } else if (gzip) {
        lp_reply_header(http, "Content-Encoding", "gzip");
        fwrite(file->gzip, 1, (size_t)(file->end - file->gzip), body.stream);
        lp_reply_body(http, 200, file->type, &body);
    } else if ((error = write_plain(body.stream, file)) != 0) {
        lp_reply_unwritten(http, &body, "the file", error);
    } else {
        lp_reply_body(http, 200, file->type, &body);
    }
    return 0;
}

static void send_file(struct lp_request *request, const char *name)
{
    lp_reply_header(request->http, "Content-Security-Policy", policy);
    if (leakprof_evhttp_send_file(request->http, lp_files, name) != 0)
        lp_reply_error(request->http, 404, "no such file; the dashboard is at /");
}

void lp_http_root(struct lp_request *request)
{
    send_file(request, "index.html");
}

void lp_http_icon(struct lp_request *request)
{
    send_file(request, "icon.svg");
}

void lp_http_file(struct lp_request *request)
{
    send_file(request, request->part[0]);
}
