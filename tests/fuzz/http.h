/*
 * A client for the targets of HTTP. It talks to an evhttp in the same thread over a Unix socket,
 * so all code between the socket and the handler is real. The loop never waits.
 */
#ifndef TESTS_FUZZ_HTTP_H
#define TESTS_FUZZ_HTTP_H

#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <strings.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <event2/event.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"

enum { ANSWERS_MAX = 16 << 20 };

static struct event_base *http_base;
static struct evhttp *http_server;
static struct leakprof_evhttp_gate *http_gate;
static struct sockaddr_un http_address = {.sun_family = AF_UNIX};

struct client {
    int fd;
    bool ended; /* the server has closed the connection */
    char *text; /* what it has sent */
    size_t n;
};

static inline void http_listen(void (*handle)(struct evhttp_request *, void *), void *arg,
                               const struct leakprof_evhttp_limits *limits)
{
    signal(SIGPIPE, SIG_IGN); /* the profiler's thread has it blocked */
    http_base = event_base_new();
    http_server = http_base ? evhttp_new(http_base) : NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(http_server && fd >= 0);
    snprintf(http_address.sun_path + 1, sizeof http_address.sun_path - 1, "leakprof-fuzz-%d",
             (int)getpid()); /* an abstract name: there is no file */
    CHECK(bind(fd, (const struct sockaddr *)&http_address, sizeof http_address) == 0);
    CHECK(listen(fd, 32) == 0);
    http_gate = leakprof_evhttp_limit(http_server, http_base, limits);
    CHECK(http_gate && evhttp_accept_socket_with_handle(http_server, fd));
    evhttp_set_allowed_methods(http_server, UINT16_MAX);
    evhttp_set_timeout(http_server, 60);
    evhttp_set_gencb(http_server, handle, arg);
}

static inline void http_open(struct client *client)
{
    static char *answers;
    if (!answers)
        answers = malloc(ANSWERS_MAX + 1);
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                              .text = answers};
    CHECK(answers && client->fd >= 0);
    CHECK(connect(client->fd, (const struct sockaddr *)&http_address, sizeof http_address) == 0);
}

/* Runs the loop once and reads what there is. true: something came, or the end. */
static inline bool http_turn(struct client *client)
{
    event_base_loop(http_base, EVLOOP_NONBLOCK);
    if (client->ended)
        return false;
    ssize_t n = recv(client->fd, client->text + client->n, ANSWERS_MAX - client->n, 0);
    CHECK(client->n < ANSWERS_MAX);
    client->n += n > 0 ? (size_t)n : 0;
    client->text[client->n] = '\0';
    client->ended = n == 0 || (n < 0 && errno != EAGAIN);
    return n >= 0 || client->ended;
}

/* Until nothing comes any more. */
static inline void http_settle(struct client *client)
{
    enum { QUIET = 3 };
    for (int quiet = 0; quiet < QUIET; quiet++)
        if (http_turn(client))
            quiet = -1;
}

/* Sends what the server takes of it. */
static inline void http_send(struct client *client, const void *bytes, size_t n)
{
    const char *at = bytes;
    for (int tries = 0; n > 0 && !client->ended && tries < 4; tries++) {
        ssize_t sent = send(client->fd, at, n, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
            tries = 0;
        }
        if (n > 0)
            http_turn(client);
    }
}

/* Among the first descriptors, as the lowest ones are given out first. */
static inline int http_sockets(void)
{
    struct stat state;
    int n = 0;
    for (int fd = 0; fd < 32; fd++)
        n += fstat(fd, &state) == 0 && S_ISSOCK(state.st_mode);
    return n;
}

/* Only the listening socket is left. */
static inline void http_expect_closed(void)
{
    static int others = -1; /* standard input may be a socket */
    for (int i = 0; i < 4; i++)
        event_base_loop(http_base, EVLOOP_NONBLOCK);
    others = others < 0 ? http_sockets() : others;
    CHECK(http_sockets() == others);
}

static inline void http_close(struct client *client)
{
    close(client->fd);
    http_expect_closed();
}

/* An answer, as an independent reader sees it. */
struct answer {
    int status;
    const char *head, *body;
    size_t body_length;
    bool last, sized; /* "Connection: close"; Content-Length or chunked */
};

/* The value of a header in the head. NULL: it is not there. */
static inline const char *http_header(const struct answer *answer, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = answer->head; line + 2 < answer->body;) {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line + n + 1 + strspn(line + n + 1, " ");
        line = strstr(line, "\r\n");
        CHECK(line);
        line += 2;
    }
    return NULL;
}

/* Behind a body of chunks. NULL: it is not complete. */
static inline const char *http_chunks(const char *at)
{
    for (;;) {
        char *end;
        unsigned long n = strtoul(at, &end, 16);
        if (!*end)
            return NULL;
        CHECK(end > at && strncmp(end, "\r\n", 2) == 0);
        if (strlen(end) < n + 4)
            return NULL;
        at = end + 2 + n;
        CHECK(strncmp(at, "\r\n", 2) == 0);
        at += 2;
        if (n == 0)
            return at;
    }
}

/* Reads an answer that is complete. Returns what follows, or NULL: it is not complete. `bodyless`:
 * it answers HEAD. */
static inline const char *http_answer(struct answer *answer, const char *at, const char *end,
                                      bool bodyless)
{
    *answer = (struct answer){0};
    if (at == end)
        return NULL;
    CHECK(strncmp(at, "HTTP/1.", 7) == 0 || end - at < 7);
    const char *body = strstr(at, "\r\n\r\n");
    const char *line = strstr(at, "\r\n");
    if (!body)
        return NULL;
    answer->status = atoi(at + 9);
    CHECK(answer->status >= 100 && answer->status < 600);
    answer->head = line + 2;
    answer->body = body + 4;
    const char *length = http_header(answer, "Content-Length");
    const char *coding = http_header(answer, "Transfer-Encoding");
    const char *connection = http_header(answer, "Connection");
    answer->last = connection && strncasecmp(connection, "close", 5) == 0;
    answer->sized = length || coding;
    CHECK(!length || !coding);
    if (answer->status < 200 || answer->status == 204 || answer->status == 304 || bodyless)
        return answer->body;
    if (coding) {
        const char *after = http_chunks(answer->body);
        answer->body_length = after ? (size_t)(after - answer->body) : 0;
        return after;
    }
    answer->body_length = length ? strtoul(length, NULL, 10) : (size_t)(end - answer->body);
    return answer->body_length <= (size_t)(end - answer->body) ? answer->body + answer->body_length
                                                               : NULL;
}

#endif
