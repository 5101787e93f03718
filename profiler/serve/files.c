#include "serve/files.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <event2/http.h>
#include <zlib.h>

#include "serve/reply.h"
#include "serve/route.h"

/* Who may show the page in a frame: itself, and other ports of this machine, where a program has
 * pages of its own. (A policy has no way to name [::1].) */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
    "frame-ancestors 'self' http://127.0.0.1:* http://localhost:*";

static const struct lp_file *find(const char *name)
{
    for (const struct lp_file *file = lp_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

/* "gzip, deflate, br"; "gzip;q=0" is a no. */
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

/* As W/ and lists have it, too: any of ours among them will do. */
static bool has_it(const char *known, const char *tag)
{
    return known && (strcmp(known, "*") == 0 || strstr(known, tag));
}

static void write_plain(FILE *out, const struct lp_file *file)
{
    unsigned char bytes[16 << 10] = {0};
    z_stream stream = {.next_in = (unsigned char *)file->gzip,
                       .avail_in = (unsigned)(file->end - file->gzip)};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return;
    int result;
    do {
        stream.next_out = bytes;
        stream.avail_out = sizeof bytes;
        result = inflate(&stream, Z_NO_FLUSH);
        fwrite(bytes, 1, sizeof bytes - stream.avail_out, out);
    } while (result == Z_OK);
    inflateEnd(&stream);
}

static void send_file(struct evhttp_request *http, const struct lp_file *file)
{
    const struct evkeyvalq *in = evhttp_request_get_input_headers(http);
    bool gzip = takes_gzip(evhttp_find_header(in, "Accept-Encoding"));
    char tag[64];
    snprintf(tag, sizeof tag, "\"%s%s\"", file->sum, gzip ? "-gzip" : "");
    lp_reply_header(http, "ETag", tag);
    lp_reply_header(http, "Cache-Control", "no-cache");
    lp_reply_header(http, "Vary", "Accept-Encoding");
    lp_reply_header(http, "Content-Security-Policy", policy);
    lp_reply_header(http, "Referrer-Policy", "no-referrer");
    if (has_it(evhttp_find_header(in, "If-None-Match"), tag)) {
        lp_reply_empty(http, 304);
        return;
    }
    struct lp_body body;
    if (lp_body_open(&body) != 0) {
        lp_reply_error(http, 500, "out of memory");
        return;
    }
    if (gzip) {
        lp_reply_header(http, "Content-Encoding", "gzip");
        fwrite(file->gzip, 1, (size_t)(file->end - file->gzip), body.stream);
    } else {
        write_plain(body.stream, file);
    }
    lp_reply_body(http, 200, file->type, &body);
}

void lp_http_root(struct lp_request *request)
{
    send_file(request->http, find("index.html"));
}

void lp_http_icon(struct lp_request *request)
{
    send_file(request->http, find("icon.svg"));
}

void lp_http_file(struct lp_request *request)
{
    const struct lp_file *file = find(request->part[0]);
    if (file)
        send_file(request->http, file);
    else
        lp_reply_error(request->http, 404, "the dashboard has no such file; it is at /");
}
