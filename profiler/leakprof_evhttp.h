/*
 * The guard of leakprof_server.h for programs that serve HTTP with libevent's evhttp. It is in
 * libleakprof.a.
 *
 * Threads: as for evhttp itself, only the thread that runs its event loop may call these.
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

/* As leakprof_guard_check(). It also checks that the request has one meaning (400): evhttp ignores
 * repeated headers and a Transfer-Encoding that it does not know. */
int leakprof_evhttp_check(const struct leakprof_guard *guard, struct evhttp_request *request,
                          bool changes, const char **why);

/* Adds WWW-Authenticate to the answer, as a 401 needs it. */
void leakprof_evhttp_challenge(struct evhttp_request *request);

/* Requests that evhttp refuses by itself are answered with JSON ({"error": why}) instead of
 * libevent's HTML page. Call it before the first connection; it uses evhttp_set_bevcb(). The pages
 * of evhttp_send_error() with a reason of your own stay as they are. */
void leakprof_evhttp_json_errors(struct evhttp *http);

/* Files that the build put into the program: profiler/ui/embed writes the table as a C source. */
struct leakprof_file {
    const char *name; /* "index.html"; NULL ends the table */
    const char *type;
    const char *sum; /* of the content, in hexadecimal */
    const unsigned char *gzip, *end;
};

/* Answers with a file: compressed if the client takes gzip, 304 if the client has it (ETag).
 * Headers that were added to the answer before are kept. 0; -ENOENT: nothing is answered. */
int leakprof_evhttp_send_file(struct evhttp_request *request, const struct leakprof_file *files,
                              const char *name);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
