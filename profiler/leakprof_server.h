/*
 * Parts of the profiler's HTTP server, for programs that are servers too. They are in
 * libleakprof.a, and depend on no HTTP library. leakprof_evhttp.h has the parts for libevent.
 *
 * Threads: any thread may call any function. None takes ownership.
 * Errors: int functions return 0 or a negative errno, unless their comment says otherwise.
 */
#ifndef LEAKPROF_SERVER_H
#define LEAKPROF_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* The guard decides from its headers whether a request is answered. It checks that
 * - on a loopback address, Host names this machine. Otherwise a web page elsewhere could reach the
 *   server through a name that resolves to 127.0.0.1. On other addresses a token is required
 *   instead, because the server does not know its names.
 * - Origin and Sec-Fetch-Site, which browsers send, do not name another site.
 * - a browser sends one of the two with a request that changes something. Older browsers send
 *   neither with an <img>, and no browser sends Sec-Fetch-Site to plain HTTP beyond loopback. A
 *   browser is a client whose User-Agent begins with Mozilla/, or that sends Accept-Language.
 * - the client presents the token, if there is one: Authorization: Bearer TOKEN, or Basic with the
 *   token as the password. The time that this check takes reveals nothing about the token. With
 *   the second token, requests that change something are refused.
 * An empty guard ({0}) refuses every request. */
struct leakprof_guard {
    const char *token;      /* NULL: no token is required; allowed on loopback only */
    const char *read_token; /* a second one, for reading only; NULL: none */
    bool loopback;          /* the server listens on a loopback address */
    bool unix_socket; /* it listens on a Unix socket, which no web page reaches: any Host will do */
};
struct leakprof_headers {
    const char *host, *origin, *sec_fetch_site, *authorization; /* NULL: not sent */
    const char *user_agent, *accept_language;
    bool changes; /* the request changes something, so pages on other ports are refused too */
};

/* Returns 0, or the HTTP status to refuse with; then *why is a static sentence for the client.
 * 403: refused because of where it comes from, or because the token is only for reading. 401: the
 * token is missing or wrong, and the answer needs a WWW-Authenticate header. */
int leakprof_guard_check(const struct leakprof_guard *guard, const struct leakprof_headers *headers,
                         const char **why);

/* The requests with a wrong token that guards of this process have refused. */
uint64_t leakprof_guard_wrong_tokens(void);

/* Reads a token from the first line of a file into token[size]. -EINVAL: the line is shorter than
 * LEAKPROF_TOKEN_MIN, has characters other than visible ASCII, or does not fit. -EPERM: users other
 * than this one and root can read or change the file; a file of root may be readable for its group.
 * -EISDIR, -ENXIO: it is not a regular file. */
#define LEAKPROF_TOKEN_MIN 16
int leakprof_token_read(const char *path, char *token, int size);
/* The same error as a sentence without a full stop. */
const char *leakprof_token_refused(int error);

struct leakprof_address {
    struct sockaddr_storage socket;
    socklen_t length;
    bool loopback; /* only this machine can connect */
    char text[72]; /* "127.0.0.1:6060", always numeric */
};
/* Parses "127.0.0.1:6060", "localhost:0" or "[::1]:6060". 0 or -EINVAL. */
int leakprof_address_parse(const char *text, struct leakprof_address *address);
/* Gets the address that a socket is bound to, with the port that the kernel chose for port 0. */
int leakprof_address_bound(int fd, struct leakprof_address *address);

/* Parse a whole number of decimal digits (bytes: K, M or G may follow), and a period from 100ms to
 * 1h, which is digits and a unit (ms, s, m or h), to milliseconds. -EINVAL: it is malformed.
 * -ERANGE: it is out of range. */
int64_t leakprof_number_parse(const char *text, bool bytes);
/* A number of bytes, or "auto": LEAKPROF_RATE_AUTO. */
int64_t leakprof_rate_parse(const char *text);
int64_t leakprof_period_parse(const char *text);

/* Decodes percent escapes in place. plus_is_space: also turns '+' into a space, as in a query.
 * -EINVAL: an escape is malformed or is NUL. */
int leakprof_unescape(char *text, bool plus_is_space);

/* How much the process may use before the system refuses more: the lowest limit of the machine,
 * the cgroup and its ancestors, and the rlimits. A limit that cannot be read is ignored. */
struct leakprof_limits {
    int64_t memory, threads, fds; /* bytes, count, count */
};
void leakprof_limits(struct leakprof_limits *limits);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
