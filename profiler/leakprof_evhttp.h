/*
 * The guard of leakprof_server.h for programs that serve HTTP with libevent's evhttp, and the
 * answers of the profiler's server. They are in libleakprof.a.
 *
 * Threads: call these only from the thread that runs the event loop, as evhttp itself requires.
 */
#ifndef LEAKPROF_EVHTTP_H
#define LEAKPROF_EVHTTP_H

#include "leakprof_server.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct evhttp;
struct evhttp_request;

/* Does what leakprof_guard_check() does, and returns 400 if the request is ambiguous: evhttp
 * accepts repeated headers and unknown Transfer-Encodings, and does not read the body of a HEAD.
 * The connection is then closed after the answer, or a body could be taken for a request. */
int leakprof_evhttp_check(const struct leakprof_guard *guard, struct evhttp_request *request,
                          bool changes, const char **why);

/* Adds the WWW-Authenticate header that an answer with status 401 needs. */
void leakprof_evhttp_challenge(struct evhttp_request *request);

/* Limits what a client can make evhttp keep, in bytes: the head of a request (request line and
 * headers), its body, and what is read ahead from one connection, which is the sum of both. evhttp
 * alone reads ahead without a limit while a request is being answered. Also makes the answers to
 * requests that evhttp refuses by itself JSON ({"error": why}) instead of HTML; answers that you
 * send with evhttp_send_error() and a reason of your own do not change. Call it before the first
 * connection. It uses evhttp_set_bevcb(). */
void leakprof_evhttp_limit(struct evhttp *http, size_t head_max, size_t body_max);

/* Files that are compiled into the program. profiler/ui/embed writes the table as C source. */
struct leakprof_file {
    const char *name; /* "index.html"; NULL ends the table */
    const char *type;
    const char *sum;                 /* checksum of the content, in hexadecimal: its ETag */
    const unsigned char *gzip, *end; /* the compressed content */
};

/* Answers with a file: compressed if the client accepts gzip, or with 304 if the client has it
 * (ETag). Headers that you added before are kept. -ENOENT: there is no such file, and nothing was
 * sent. */
int leakprof_evhttp_send_file(struct evhttp_request *request, const struct leakprof_file *files,
                              const char *name);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
