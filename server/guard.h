/*
 * Which clients may use the playground. It leaks on purpose, so a page on the web must not make a
 * visitor's browser call it. The checks are the profiler's (leakprof_server.h), so both ports
 * refuse the same requests.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stdbool.h>

struct evhttp_request;
struct leakprof_guard;
struct options;

/* Before the first request. The tokens are not copied. */
void guard_start(const struct options *options);

/* For the gate before the bodies (front.h). */
const struct leakprof_guard *guard_of_bodies(void);

/* Do this server and the profiler require a token? */
bool guard_has_token(void);

/* 0, or the status to refuse the request with and *why. changes: it is not only for reading. open:
 * a route that needs no token. */
int guard_check(struct evhttp_request *request, bool changes, bool open, const char **why);

#endif
