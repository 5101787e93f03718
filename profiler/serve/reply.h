/*
 * Answers. Below /debug/pprof/, errors are plain text with X-Go-Pprof: 1. Without that header,
 * pprof does not print them. Elsewhere they are JSON, {"error": ...}. Each function that answers
 * also ends the request: libevent owns it from then on.
 */
#ifndef LP_SERVE_REPLY_H
#define LP_SERVE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "write/jsonout.h"

struct evhttp_request;

/* Begins an answer. If memory or a file is refused to this thread from here on (sys/pages.h), the
 * answer may be incomplete, so it becomes a 503 instead. The same if `incomplete`: it was refused
 * to the thread that made a part of it. The route calls it, and what answers later. */
void lp_reply_begin(bool incomplete);

/* Answers 503: memory or a file was refused. It needs none itself but what libevent needs. */
void lp_reply_no_memory(struct evhttp_request *http);

/* Turns a negative errno into an HTTP status. No other function does. */
int lp_status(int error);

/* Answers that a profile or snapshot could not be taken, and why (error). */
void lp_reply_untaken(struct evhttp_request *http, int error);

void lp_reply_error(struct evhttp_request *http, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a header of the coming answer. */
void lp_reply_header(struct evhttp_request *http, const char *name, const char *value);

void lp_reply_empty(struct evhttp_request *http, int status);
void lp_reply_redirect(struct evhttp_request *http, int status, const char *to);

/* Replies with what write(json, arg) writes: one JSON value. */
void lp_reply_json(struct evhttp_request *http, int status,
                   void (*write)(struct lp_json *json, const void *arg), const void *arg);

/* A body is written to the stream, and then passed to libevent without a copy. The stream keeps its
 * address. */
struct lp_body {
    FILE *stream;
    char *data;
    size_t size, capacity;
    bool failed; /* what was written is not all there (a stream of open_memstream() hides it) */
    bool large;  /* and the reason is that it has the most bytes that it may have */
};

void lp_body_set_max(size_t bytes);

int lp_body_open(struct lp_body *body);     /* 0 or -ENOMEM */
void lp_body_discard(struct lp_body *body); /* call it instead of lp_reply_body() */

/* Closes the body and sends it, and leaves *body empty. If it is not all there, answers 503, or 507
 * if it is too large. */
void lp_reply_body(struct evhttp_request *http, int status, const char *content_type,
                   struct lp_body *body);

/* Answers instead of lp_reply_body(): `what` could not be written (error). */
void lp_reply_unwritten(struct evhttp_request *http, struct lp_body *body, const char *what,
                        int error);

#endif
