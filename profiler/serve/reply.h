/*
 * Answers. Below /debug/pprof/, errors are plain text with X-Go-Pprof: 1. Without that header,
 * pprof does not print them. Elsewhere they are JSON, {"error": ...}. Each function that answers
 * also ends the request: libevent owns it from then on.
 */
#ifndef LP_SERVE_REPLY_H
#define LP_SERVE_REPLY_H

#include <stddef.h>
#include <stdio.h>

#include "write/jsonout.h"

struct evhttp_request;

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

/* A body is written to the stream, and then passed to libevent without a copy. */
struct lp_body {
    FILE *stream;
    char *data;
    size_t size;
};

int lp_body_open(struct lp_body *body);     /* 0 or -ENOMEM */
void lp_body_discard(struct lp_body *body); /* call it instead of lp_reply_body() */

/* Closes the body and sends it. If writing failed, answers that there is not enough memory. */
void lp_reply_body(struct evhttp_request *http, int status, const char *content_type,
                   struct lp_body *body);

#endif
