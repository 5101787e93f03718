/*
 * The pages below /debug/pprof/ that are not profiles: the index for people, the command line, and
 * names for addresses, which pprof requests if a profile has none.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/http.h>

#include "inspect/openfile.h"
#include "inspect/process.h"
#include "symbolize/cancel.h"
#include "symbolize/clean.h"
#include "symbolize/modules.h"
#include "symbolize/symbols.h"
#include "serve/reply.h"
#include "serve/route.h"
#include "serve/work.h"
#include "profile/take.h"

void lp_http_index_redirect(struct lp_request *request)
{
    lp_reply_redirect(request->http, 301, "/debug/pprof/");
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<title>/debug/pprof/</title>\n<style>\n"
    "body { font: 15px/1.5 sans-serif; margin: 2em; max-width: 60em; }\n"
    "td { padding: 0 1em 0 0; vertical-align: top; }\n"
    "td:first-child { text-align: right; font-variant-numeric: tabular-nums; }\n"
    "thead { font-weight: bold; }\n</style>\n</head>\n<body>\n"
    "<h1>/debug/pprof/</h1>\n<p>Types of profiles available:</p>\n<table>\n"
    "<thead><tr><td>Count</td><td>Profile</td><td>Also as</td><td></td></tr></thead>\n";

static const char tail[] =
    "</table>\n"
    "<p><a href='threads?debug=2'>full thread stack dump</a></p>\n"
    "<p><a href='/'>The dashboard</a></p>\n"
    "<p>Beyond Go's contract: <a href='/debug/snapshots'>/debug/snapshots</a>,"
    " /debug/diff?from=ID&amp;to=now, /debug/suspects?from=ID&amp;to=now,"
    " <a href='/debug/live'>/debug/live</a>,"
    " <a href='/debug/processes'>/debug/processes</a>,"
    " <a href='/debug/rate'>/debug/rate</a>.</p>\n"
    "<p>In a terminal: <code>go tool pprof http://HOST:PORT/debug/pprof/heap</code></p>\n"
    "</body>\n</html>\n";

/* If a link keeps the browser waiting, its text says for how long. */
static void write_kind(FILE *out, const struct lp_profile_kind *kind)
{
    const char *name = kind->name, *more = kind->timespan ? "&amp;seconds=5" : "";
    const char *alone = kind->timespan ? "?seconds=5" : "",
               *wait = kind->timespan ? " (5&nbsp;s)" : "";
    fprintf(
        out,
        "<tr><td>%lld</td><td><a href='%s?debug=1%s'>%s</a>%s</td>"
        "<td><a href='%s?format=svg%s'>flame&nbsp;graph</a> <a href='%s?format=text%s'>text</a> "
        "<a href='%s%s'>pprof</a>%s</td><td>%s</td></tr>\n",
        (long long)kind->count(), name, more, name, wait, name, more, name, more, name, alone, wait,
        kind->about);
}

void lp_http_index(struct lp_request *request)
{
    struct lp_body body;
    if (lp_body_open(&body) != 0) {
        lp_reply_no_memory(request->http);
        return;
    }
    fputs(head, body.stream);
    for (int i = 0; lp_kinds[i]; i++)
        write_kind(body.stream, lp_kinds[i]);
    fputs("<tr><td>0</td><td><a href='cmdline?debug=1'>cmdline</a></td><td></td>"
          "<td>The command line of the program.</td></tr>\n",
          body.stream);
    fputs(tail, body.stream);
    lp_reply_header(request->http, "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action "
                    "'none'; frame-ancestors 'self'");
    lp_reply_body(request->http, 200, "text/html; charset=utf-8", &body);
}

/* Writes an argument without what a terminal could take for a command. */
static void write_argument(FILE *out, const char *argument)
{
    while (*argument) {
        int n = *argument == '\n' || *argument == '\t' ? 1 : lp_clean_length(argument);
        if (n > 0)
            fwrite(argument, 1, (size_t)n, out);
        else
            putc('?', out);
        argument += n > 0 ? n : 1;
    }
}

/* In the file, each argument ends with a NUL. Go's format has a NUL only between two arguments.
 * false: the file could not be read. */
static bool write_arguments(FILE *out, FILE *from)
{
    char *argument = NULL;
    size_t capacity = 0;
    for (int n = 0; getdelim(&argument, &capacity, '\0', from) >= 0; n++) {
        if (n > 0)
            putc('\0', out);
        write_argument(out, argument);
    }
    free(argument);
    return feof(from);
}

static bool write_program_file(FILE *out)
{
    char file[LP_PROGRAM_FILE_MAX];
    write_argument(out, lp_program_file(file));
    return *file;
}

void lp_http_cmdline(struct lp_request *request)
{
    char why[LP_WHY_MAX];
    int64_t redact = 0;
    if (lp_query_number(&request->query, "redact", 0, 1, &redact, why) < 0) {
        lp_reply_error(request->http, 400, "%s", why);
        return;
    }
    struct lp_body body = {0};
    FILE *from = lp_open_stream("/proc/thread-self/cmdline");
    bool good = from && lp_body_open(&body) == 0 &&
                (redact ? write_program_file(body.stream) : write_arguments(body.stream, from));
    if (from)
        fclose(from);
    if (good) {
        lp_reply_body(request->http, 200, "text/plain; charset=utf-8", &body);
        return;
    }
    int error = from && !body.stream ? ENOMEM : from ? EAGAIN : errno;
    lp_body_discard(&body);
    lp_reply_error(request->http, lp_status(-error), "the command line cannot be read: %s",
                   strerror(error));
}

static void write_symbol(FILE *out, const char *word)
{
    char *end;
    if (*word < '0' || *word > '9')
        return;
    unsigned long long pc = strtoull(word, &end, 0);
    if (pc == 0 || *end)
        return;
    const struct lp_symbol *symbol = lp_symbolize((uintptr_t)pc);
    if (symbol->module)
        fprintf(out, "%#llx %s\n", pc, symbol->frames[0].function);
}

/* The addresses: the body of a POST, else the query. Free the result. NULL: no memory. */
static char *symbol_words(struct evhttp_request *http)
{
    if (evhttp_request_get_command(http) != EVHTTP_REQ_POST) {
        const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(http));
        return strdup(query ? query : "");
    }
    struct evbuffer *in = evhttp_request_get_input_buffer(http);
    size_t length = evbuffer_get_length(in);
    char *words = malloc(length + 1);
    if (words) {
        evbuffer_copyout(in, words, length);
        words[length] = '\0';
    }
    return words;
}

struct names {
    struct lp_work work;
    char *words;
    struct lp_body body;
};

static void write_names(struct lp_work *work)
{
    struct names *names = (struct names *)work;
    if (lp_body_open(&names->body) != 0)
        return;
    lp_modules_refresh();
    fputs("num_symbols: 1\n", names->body.stream);
    char *rest = names->words, *word;
    while ((word = strsep(&rest, "+")) && !lp_symbols_cancelled())
        write_symbol(names->body.stream, word);
}

static void names_done(struct lp_work *work, struct evhttp_request *http)
{
    struct names *names = (struct names *)work;
    if (http && names->body.stream)
        lp_reply_body(http, 200, "text/plain; charset=utf-8", &names->body);
    else if (http)
        lp_reply_no_memory(http);
    else
        lp_body_discard(&names->body);
    free(names->words);
    free(names);
}

void lp_http_symbol(struct lp_request *request)
{
    static const struct lp_work_steps steps = {NULL, NULL, write_names, names_done};
    struct names *names = calloc(1, sizeof *names);
    if (!names || !(names->words = symbol_words(request->http))) {
        lp_reply_no_memory(request->http);
        free(names);
        return;
    }
    names->work.steps = &steps;
    lp_work_add(&names->work, request->http);
}
