/* Answers through evhttp. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <jansson.h>

struct evbuffer;
struct evhttp_request;

/* Answers with this JSON. Frees body, also if memory is out. */
void reply_json(struct evhttp_request *request, int status, json_t *body);

/* Answers with body, to which it adds "error": why. body NULL: {"error": why}. Frees body. */
void reply_error(struct evhttp_request *request, int status, json_t *body, const char *why);

/* The status for a negative errno: the one place where errno becomes an HTTP status. */
int reply_status(int err);

/* Answers with these bytes and takes them out of the buffer. */
void reply_bytes(struct evhttp_request *request, int status, const char *type,
                 struct evbuffer *bytes);

/* Closes the connection after the answer to come, because what follows may not be a request. */
void reply_then_close(struct evhttp_request *request);

#endif
