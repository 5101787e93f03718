/*
 * The profiler's listening socket: a TCP address, which leakprof_address_parse() parses, or a Unix
 * socket, "unix:/run/leakprof/%p.sock". "%p" in the path is replaced by the process id.
 *
 * A Unix socket has mode 0600, whatever the umask is. A socket file that nobody listens on is
 * replaced.
 */
#ifndef LP_SERVE_LISTEN_H
#define LP_SERVE_LISTEN_H

#include <stdbool.h>

#include "leakprof_server.h"

enum { LP_URL_MAX = 128 };

struct lp_listen {
    struct leakprof_address tcp;
    char path[108]; /* of a Unix socket; "" for TCP */
};

/* 0 or -EINVAL. A Unix socket's path must begin with '/', because the working directory may change.
 */
int lp_listen_parse(const char *text, struct lp_listen *listen);

/* Does each process get an address of its own from the same text? */
bool lp_listen_own(const char *text);

/* Returns a listening socket or a negative errno. url: where clients reach it,
 * "http://127.0.0.1:6060" or "unix:/run/leakprof/1234.sock". */
int lp_listen_open(const struct lp_listen *listen, char url[LP_URL_MAX]);

/* Removes the file of a Unix socket that another process has left: nobody listens on it. It must
 * belong to this user, and be older than the moment between bind() and listen(). */
void lp_listen_remove_stale(const char *path);

/* Removes the file of a Unix socket. Nothing for other addresses. */
void lp_listen_remove(const char *url);

#endif
