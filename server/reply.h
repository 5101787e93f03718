/*
 * Answers. An error is a negative errno until it gets here: reply_status() is the one place where
 * errno becomes an HTTP status.
 */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <jansson.h>

struct evbuffer;
struct evhttp_request;

int reply_status(int err); /* 0 or negative errno */

/* Answers with this JSON; body is consumed, also when memory is out. */
void reply_json(struct evhttp_request *request, int status, json_t *body);

/* As reply_json(), with the status of err. {"error": why} when body is NULL, else body gets
 * "error". */
void reply_error(struct evhttp_request *request, int err, json_t *body, const char *why);

/* Answers with bytes that are written already; consumes what is in the buffer. */
void reply_bytes(struct evhttp_request *request, int status, const char *type,
                 struct evbuffer *bytes);

/* The connection ends after this answer: what follows on it cannot be trusted, or need not come. */
void reply_then_close(struct evhttp_request *request);

#endif
