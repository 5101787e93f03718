/*
 * The framing of HTTP: bytes of a client, in pieces, through evhttp with leakprof_evhttp_limit(),
 * leakprof_evhttp_check() and a handler that answers at once or later, with a token or without, and
 * beside too many other connections or none. Claims:
 * - A request has one answer, in order. A refusal by evhttp itself is JSON and the last answer.
 * - Nothing follows an answer with "Connection: close".
 * - The bodies are within the limit, and so is what is read ahead.
 * - No body reaches the handler without the token.
 * - If a strict reader of HTTP finds requests in the bytes, evhttp finds the same.
 * - When all is answered and the client has ended, the server closes. No descriptor is left.
 */
#include "http.h"

#include <strings.h>
#include <time.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "leakprof_evhttp.h"
#include "serve/guesses.h"
#include "strict.h"

enum {
    HEAD_MAX = 512,
    BODY_MAX = 256,
    AHEAD_MAX = HEAD_MAX + BODY_MAX + (4 << 10), /* BEYOND in serve/connection.c */
    CONNECTIONS_MAX = 4,
    REQUESTS_MAX = 64,
    BODY_KEPT = BODY_MAX
};

static struct leakprof_guard guard = {.loopback = true};
static const struct leakprof_evhttp_limits limits = {.guard = &guard,
                                                     .head_max = HEAD_MAX,
                                                     .body_max = BODY_MAX,
                                                     .input_max = 64 << 10,
                                                     .output_max = 64 << 10,
                                                     .connections_max = CONNECTIONS_MAX};

struct handled {
    char uri[HEAD_MAX + 1], body[BODY_KEPT];
    enum evhttp_cmd_type method;
    size_t length;
    bool refused;
};
static struct handled handled[REQUESTS_MAX];
static int nhandled, nanswered;
static bool later; /* the handler answers when the client has sent everything */
static struct evhttp_request *waiting;

static void answer(struct evhttp_request *http, int status)
{
    char text[32];
    struct evbuffer *body = evbuffer_new();
    CHECK(body);
    snprintf(text, sizeof text, "%d", nanswered++);
    evhttp_add_header(evhttp_request_get_output_headers(http), "X-Number", text);
    evbuffer_add_printf(body, "%s", "body\n");
    evhttp_send_reply(http, status, NULL, body);
    evbuffer_free(body);
}

static void handle(struct evhttp_request *http, void *arg)
{
    (void)arg;
    const char *why = NULL;
    CHECK(!waiting && nhandled == nanswered);
    enum evhttp_cmd_type method = evhttp_request_get_command(http);
    bool changes = method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD;
    int status = leakprof_evhttp_check(&guard, http, changes, &why);
    CHECK(status == 0 || why);
    CHECK(!leakprof_evhttp_crowded(http_gate));
    struct evbuffer *in = evhttp_request_get_input_buffer(http);
    if (nhandled == REQUESTS_MAX)
        nhandled = nanswered = REQUESTS_MAX - 1; /* only the first ones are compared */
    struct handled *h = &handled[nhandled++];
    *h = (struct handled){.method = evhttp_request_get_command(http), .refused = status != 0};
    h->length = evbuffer_get_length(in);
    CHECK(h->length <= BODY_MAX);
    CHECK(h->length == 0 || (status != 401 && status != 400)); /* the gate has let it pass */
    evbuffer_copyout(in, h->body, h->length);
    snprintf(h->uri, sizeof h->uri, "%s", evhttp_request_get_uri(http));
    if (later)
        waiting = http;
    else
        answer(http, status ? status : 200);
}

/* What is read ahead while a request waits. */
static void check_read_ahead(void)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(waiting);
    struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(connection);
    CHECK(evbuffer_get_length(bufferevent_get_input(bufferevent)) <= AHEAD_MAX);
}

static void answer_waiting(struct client *client)
{
    for (struct evhttp_request *http; (http = waiting);) {
        check_read_ahead();
        waiting = NULL;
        answer(http, 200);
        http_settle(client);
    }
}

/* Every answer that has a number is of the handler. */
static void check_answers(const struct client *client)
{
    const char *at = client->text, *end = client->text + client->n;
    struct answer a;
    int n = 0;
    bool last = false;
    while (at < end) {
        bool head = n < REQUESTS_MAX && handled[n].method == EVHTTP_REQ_HEAD;
        CHECK(!last);
        CHECK(strlen(at) == (size_t)(end - at));
        const char *next = http_answer(&a, at, end, false);
        const char *number = a.head ? http_header(&a, "X-Number") : NULL;
        if (number && head && !next)
            next = a.body;
        CHECK(next);
        at = next;
        if (a.status < 200)
            continue;
        if (number)
            CHECK(atoi(number) == (n < REQUESTS_MAX ? n++ : REQUESTS_MAX - 1));
        else
            CHECK(a.last && a.status >= 400 && strncmp(a.body, "{\"error\":\"", 10) == 0);
        last = a.last;
        if (last)
            CHECK(client->ended);
    }
}

/* The strict reader stops where the bytes are not plain HTTP. */
static void check_requests(const uint8_t *bytes, size_t n)
{
    struct strict strict = {bytes, n};
    struct strict_request request;
    for (int i = 0; i < nhandled; i++) {
        enum strict_result result = strict_read(&strict, &request);
        const struct handled *h = &handled[i];
        if (result == STRICT_INVALID || (result == STRICT_INCOMPLETE && h->refused))
            return;
        CHECK(result == STRICT_REQUEST);
        CHECK(strlen(h->uri) == request.target_length);
        CHECK(memcmp(h->uri, request.target, request.target_length) == 0);
        if (h->refused && h->length != request.body_length)
            return; /* a body that it does not read: the connection closes */
        CHECK(h->length == request.body_length);
        CHECK(memcmp(h->body, request.body, h->length) == 0);
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    http_listen(handle, NULL, &limits);
    return 0;
}

/* After too many connections, accepting pauses. */
static void wait_until_accepting(void)
{
    event_base_loopexit(http_base, &(struct timeval){.tv_usec = 150000});
    event_base_loop(http_base, EVLOOP_NO_EXIT_ON_EMPTY);
}

/* Connections that send nothing, or half a request. */
static void open_others(struct client *others, int n)
{
    for (int i = 0; i < n; i++) {
        http_open(&others[i]);
        http_turn(&others[i]);
        if (i % 2)
            http_send(&others[i], "POST / HTTP/1.1\r\nHo", 20);
    }
    if (n > 0)
        wait_until_accepting();
}

static void close_all(struct client *client, struct client *others, int n)
{
    for (int i = 0; i < n; i++)
        close(others[i].fd);
    close(client->fd);
    client->ended = true;
    if (n > 0) { /* it may be accepted, and handled, only now */
        wait_until_accepting();
        answer_waiting(client);
    }
    http_expect_closed();
    answer_waiting(client);
}

/* A crowd takes seconds, and so do many wrong tokens. Most inputs that ask for them go without. The
 * first one has them, so an input that is run alone always does the same. */
static bool is_due(time_t *next)
{
    time_t now = time(NULL);
    if (now < *next)
        return false;
    *next = now + 60;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { OTHERS = 2 * CONNECTIONS_MAX };
    static time_t crowd_due, guesses_due;
    struct fuzz in = {data, size};
    unsigned bits = (unsigned)fuzz_number(&in, 1);
    size_t piece = fuzz_number(&in, 1);
    const struct fuzz all = in;
    struct client client, others[OTHERS];
    int nothers = bits & 16 && is_due(&crowd_due) ? OTHERS : 0;
    nhandled = nanswered = 0;
    later = bits & 1;
    bool has_token = bits & 8 && (!lp_guesses_are_many() || is_due(&guesses_due));
    guard.token = has_token ? "0123456789abcdef" : NULL;
    open_others(others, nothers);
    http_open(&client);
    for (size_t n; in.n > 0; in.at += n, in.n -= n) {
        n = piece && piece < in.n ? piece : in.n;
        http_send(&client, in.at, n);
        http_turn(&client);
    }
    http_settle(&client);
    if (bits & 2 && waiting) { /* more than it may read ahead */
        static const char flood[4 * AHEAD_MAX];
        http_send(&client, flood, sizeof flood);
        http_settle(&client);
    }
    if (bits & 4 && !waiting) { /* the client leaves at once */
        close_all(&client, others, nothers);
        return 0;
    }
    answer_waiting(&client);
    shutdown(client.fd, SHUT_WR);
    http_settle(&client);
    answer_waiting(&client);
    for (int tries = 0; !client.ended && (nothers > 0 || has_token) && tries < 20; tries++) {
        wait_until_accepting();
        http_settle(&client);
        answer_waiting(&client);
    }
    CHECK(client.ended && nanswered == nhandled);
    check_answers(&client);
    if (!(bits & 2))
        check_requests(all.at, all.n);
    close_all(&client, others, nothers);
    return 0;
}
