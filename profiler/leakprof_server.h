/*
 * Parts of the profiler's own HTTP server, for programs that are servers too. They are in
 * libleakprof.a and do not depend on an HTTP library; leakprof_evhttp.h has those for libevent.
 *
 * Nothing here has state: every function uses its arguments only, and any thread may call it. Those
 * that return int return 0 or a negative errno unless their comment says otherwise.
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

/* The guard: from a request's headers alone, may it be answered? It checks that
 * - on a loopback address, Host names this machine. Otherwise a web page elsewhere could reach the
 *   server through a name that resolves to 127.0.0.1. (On other addresses the server does not know
 *   its names, and a token is required instead.)
 * - Origin and Sec-Fetch-Site, which browsers send, do not name another site.
 * - the client presents the token, if there is one: Authorization: Bearer TOKEN, or Basic with the
 *   token as the password. How long that takes tells nothing about the token.
 * An empty guard ({0}) refuses every request. */
struct leakprof_guard {
    const char *token; /* NULL: none is required, which only a loopback address allows */
    bool loopback;
};
struct leakprof_headers {
    const char *host, *origin, *sec_fetch_site, *authorization; /* NULL: not in the request */
    bool changes; /* the request changes something, so pages on other ports are refused too */
};

/* 0, or the status to refuse the request with and *why, a sentence for the client. 403: not from
 * there. 401: not without the token, and the answer needs a WWW-Authenticate header. */
int leakprof_guard_check(const struct leakprof_guard *guard, const struct leakprof_headers *headers,
                         const char **why);

/* Reads a token from the first line of a file. -EINVAL: the line is not LEAKPROF_TOKEN_MIN or more
 * visible ASCII characters, or does not fit. */
#define LEAKPROF_TOKEN_MIN 16
int leakprof_token_read(const char *path, char *token, int size);

struct leakprof_address {
    struct sockaddr_storage socket;
    socklen_t length;
    bool loopback; /* only this machine can connect */
    char text[72]; /* "127.0.0.1:6060", always numeric */
};
/* Reads "127.0.0.1:6060", "localhost:0" or "[::1]:6060". 0 or -EINVAL. */
int leakprof_address_parse(const char *text, struct leakprof_address *address);
/* The address that a socket is bound to, with the port that the kernel chose for port 0. */
int leakprof_address_bound(int fd, struct leakprof_address *address);

/* Reads a period from 100ms to 1h: digits and a unit (ms, s, m or h). Milliseconds or -EINVAL. */
int64_t leakprof_period_parse(const char *text);

/* Decodes percent escapes in place, and '+' if it stands for a space, as in a query. -EINVAL: an
 * escape is malformed or stands for NUL. */
int leakprof_unescape(char *text, bool plus_is_space);

/* What the process may have before the system refuses more: the lowest of what the machine, the
 * cgroup with its ancestors and the rlimits allow. A limit that cannot be read is ignored. */
struct leakprof_limits {
    int64_t memory, threads, fds;
};
void leakprof_limits(struct leakprof_limits *limits);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
