/*
 * The profiler's routes with their real handlers: snapshots, differences, suspects, profiles over
 * time, the live stream. The input has a request on each line, "METHOD /path?query body", for one
 * connection each; a line that begins with "!" is not read to the end. Claims: each request has one
 * answer whose form is what its Content-Type says, and nothing is left of the connection.
 */
#include "http.h"

#include <jansson.h>
#include <zlib.h>

#include "leakprof_server.h"
#include "profile/store.h"
#include "record/rate.h"
#include "serve/live.h"
#include "serve/pending.h"
#include "serve/periodic.h"
#include "serve/route.h"
#include "serve/work.h"
#include "wire.h"

enum { REQUESTS_MAX = 6 };

static struct leakprof_guard guard = {.loopback = true};
static const struct leakprof_evhttp_limits limits = {.guard = &guard,
                                                     .head_max = 16 << 10,
                                                     .body_max = 1 << 20,
                                                     .input_max = 8 << 20,
                                                     .output_max = 64 << 20,
                                                     .connections_max = 16};

/* "a", "b" and "c" are there for every input, and nothing else. */
static void reset_store(void)
{
    static const char *const names[] = {"a", "b", "c"};
    const struct lp_snapshot *snapshot;
    bool same = true;
    for (size_t i = 0; i < 3; i++) {
        snapshot = lp_store_at(i);
        same = same && snapshot && strcmp(snapshot->name, names[i]) == 0;
    }
    while ((snapshot = lp_store_at(same ? 3 : 0)))
        lp_store_drop(snapshot->id);
    for (size_t i = 0; !same && i < 3; i++) {
        struct lp_snapshot *taken = lp_snapshot_now(true);
        CHECK(taken && lp_store_put(taken, names[i]) == 0);
    }
    lp_periodic_set(0, LP_PERIODIC_KEEP, true);
    lp_rate_set(0);
}

static void check_json(const char *text, size_t n)
{
    json_error_t error;
    json_t *json = json_loadb(text, n, JSON_DECODE_ANY, &error);
    CHECK(json);
    json_decref(json);
}

static void check_pprof(const char *gzip, size_t n)
{
    static uint8_t raw[4 << 20];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)gzip,
                  .avail_in = (uInt)n,
                  .next_out = raw,
                  .avail_out = sizeof raw};
    CHECK(inflateInit2(&z, 15 + 16) == Z_OK);
    CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0);
    struct wire all = {raw, raw + z.total_out};
    for (struct wire_field field; wire_next(&all, &field);)
        ;
    inflateEnd(&z);
}

static void check_answer(const struct answer *a, bool head)
{
    static const int known[] = {200, 201, 202, 204, 301, 302, 304, 400, 403,
                                404, 405, 413, 500, 501, 503, 505, 507};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        found |= known[i] == a->status;
    CHECK(found);
    const char *type = http_header(a, "Content-Type");
    if (head || a->body_length == 0)
        return;
    CHECK(type);
    if (strncmp(type, "application/json", 16) == 0)
        check_json(a->body, a->body_length);
    if (strncmp(type, "application/octet-stream", 24) == 0)
        check_pprof(a->body, a->body_length);
    if (a->status >= 400)
        CHECK(strncmp(type, "text/plain", 10) == 0 || strncmp(type, "application/json", 16) == 0);
}

static void check_answers(const struct client *client, bool head)
{
    struct answer a;
    const char *end = client->text + client->n;
    if (client->n == 0)
        return; /* it is still being taken */
    const char *next = http_answer(&a, client->text, end, head);
    const char *type = a.head ? http_header(&a, "Content-Type") : NULL;
    if (!next && type && strncmp(type, "text/event-stream", 17) == 0)
        return;                                           /* it goes on */
    if (next && next != end && a.last && a.status >= 400) /* a refusal of HEAD has a body */
        next = http_answer(&a, client->text, end, false);
    CHECK(next);
    check_answer(&a, head);
    CHECK(next == end);
}

/* Characters that end a line or a request line are left out. */
static void clean(char *text, bool spaces)
{
    for (; *text; text++)
        if (*text == '\r' || (spaces && (*text <= ' ' || *text == 0x7f)))
            *text = '_';
}

/* Until the answer is made, too, which other threads may do. */
static void settle(struct client *client)
{
    http_settle(client);
    while (lp_helper_busy(LP_TAKER) || lp_helper_busy(LP_WRITER))
        http_settle(client);
    http_settle(client);
}

static void request(char *line)
{
    struct client client;
    bool leaves = *line == '!';
    line += leaves;
    char *target = strchr(line, ' '), *body = NULL;
    if (target)
        *target++ = '\0';
    if (target && (body = strchr(target, ' ')))
        *body++ = '\0';
    clean(line, true);
    if (target)
        clean(target, true);
    size_t capacity = strlen(line) + strlen(target ? target : "") + 200;
    char *head = malloc(capacity);
    CHECK(head);
    int n = snprintf(head, capacity, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n",
                     line, target && *target ? target : "/");
    if (body)
        n += snprintf(head + n, capacity - (size_t)n, "Content-Length: %zu\r\n", strlen(body));
    n += snprintf(head + n, capacity - (size_t)n, "\r\n");
    http_open(&client);
    http_send(&client, head, (size_t)n);
    if (body)
        http_send(&client, body, strlen(body));
    if (leaves) {
        http_turn(&client);
    } else {
        settle(&client);
        check_answers(&client, strcmp(line, "HEAD") == 0);
    }
    free(head);
    http_close(&client);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    http_listen(lp_route, &guard, &limits);
    evhttp_set_default_content_type(http_server, NULL);
    CHECK(lp_work_start(http_base, http_gate) == 0);
    CHECK(lp_live_start(http_base) == 0);
    CHECK(lp_periodic_start(http_base, 0, LP_PERIODIC_KEEP, true) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz in = {data, size};
    char *line;
    reset_store();
    for (int i = 0; i < REQUESTS_MAX && (line = fuzz_part(&in, '\n')); i++) {
        request(line);
        free(line);
    }
    return 0;
}
