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

struct evbuffer;
struct event_base;
struct evhttp;
struct evhttp_bound_socket;
struct evhttp_request;

/* Does what leakprof_guard_check() does, and returns 400 if the request is ambiguous: evhttp
 * accepts repeated headers and unknown Transfer-Encodings, and reads no body of HEAD, TRACE and
 * unknown methods. The connection is then closed after the answer, or a body could be taken for a
 * request. Returns 505, and closes too, if the version is neither HTTP/1.0 nor HTTP/1.1. If many
 * wrong tokens were presented lately, and this one is wrong too, the answer is sent a second later,
 * and the connection is closed. Other connections do not wait. */
int leakprof_evhttp_check(const struct leakprof_guard *guard, struct evhttp_request *request,
                          bool changes, const char **why);

/* Adds the WWW-Authenticate header that an answer with status 401 needs. */
void leakprof_evhttp_challenge(struct evhttp_request *request);

/* Limits what clients can make evhttp keep. evhttp alone accepts any number of connections, reads a
 * whole body before a handler sees the head, and reads ahead without a limit while a request is
 * being answered.
 *
 * - A connection takes at most one head and one body ahead. The rest stays with the kernel.
 * - A body is read only after the guard has let its head pass, and is refused with 400 if it is not
 *   clear where it ends. Requests without a body are for your handler to check.
 * - CONNECT is refused with 501, because evhttp does not close after an answer to it.
 * - If there are too many connections, those that were idle longest are closed. If none is idle, a
 *   new one is refused with 503.
 * - If all connections together hold too many bytes of requests, the one with most of them is
 *   refused with 503. A request that takes more than 60 s to arrive is refused with 408.
 *
 * These answers, and those to requests that evhttp refuses by itself, are JSON ({"error": why}).
 * What you send with evhttp_send_error() and a reason of your own does not change. */
struct leakprof_evhttp_limits {
    const struct leakprof_guard *guard; /* who may send a body; NULL: everyone. It is not copied. */
    size_t head_max, body_max; /* bytes of a request line with its headers, and of a body */
    size_t input_max;          /* bytes of requests, in all connections */
    size_t output_max;         /* bytes of answers that clients have not read yet */
    int connections_max;
};
struct leakprof_evhttp_gate;

/* Call it before the first connection. It uses evhttp_set_bevcb(). NULL: out of memory. */
struct leakprof_evhttp_gate *leakprof_evhttp_limit(struct evhttp *http, struct event_base *base,
                                                   const struct leakprof_evhttp_limits *limits);
/* Call it after evhttp_free(). NULL is allowed. */
void leakprof_evhttp_unlimit(struct leakprof_evhttp_gate *gate);

/* true: more than output_max bytes wait for clients that read slowly, so refuse the request (503)
 * instead of making another answer. First closes connections that have read nothing for 5 s. */
bool leakprof_evhttp_crowded(struct leakprof_evhttp_gate *gate);

/* Stops accepting connections for a moment. Call it if accepting fails, for example because no
 * descriptor is left. Without a pause, libevent would try again at once, for ever. */
void leakprof_evhttp_pause(struct leakprof_evhttp_gate *gate);

/* Accepts connections on a listening socket, which belongs to the evhttp from then on. NULL: there
 * is not enough memory, and the socket has been closed. (evhttp_accept_socket() does not report
 * it.) */
struct evhttp_bound_socket *leakprof_evhttp_accept(struct event_base *base, struct evhttp *http,
                                                   int fd);

/* Sets libevent's memory functions for the whole program: malloc(), realloc() and free(), and a
 * reserve of 128 KiB for when malloc() fails. Without it, libevent 2.1.12 crashes if malloc() fails
 * while evhttp accepts a connection. Call it before main() starts a thread. */
void leakprof_evhttp_reserve(void);

/* Sends an answer, as evhttp_send_reply() does without a reason. If the kernel refuses to watch the
 * connection, libevent would never write the answer. Then the connection is closed. */
void leakprof_evhttp_reply(struct evhttp_request *request, int status, struct evbuffer *body);

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
