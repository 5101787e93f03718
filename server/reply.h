/* Answers through evhttp. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <jansson.h>

struct evbuffer;
struct evhttp_request;

/* Call it once, before a request can arrive. */
void reply_start(void);

/* Answers with this JSON. Frees body. If anything of it could not be allocated since the last
 * answer of this thread, it may be incomplete, and the answer is 503. */
void reply_json(struct evhttp_request *request, int status, json_t *body);

/* Answers with body, to which it adds "error": why. body NULL: {"error": why}. Frees body. */
void reply_error(struct evhttp_request *request, int status, json_t *body, const char *why);

/* Answers 503: there is not enough memory for the answer. Needs almost none. */
void reply_no_memory(struct evhttp_request *request);

/* The status for a negative errno: the one place where errno becomes an HTTP status. */
int reply_status(int err);

/* Answers with these bytes and takes them out of the buffer. NULL: they could not be allocated, and
 * the answer is 503. */
void reply_bytes(struct evhttp_request *request, int status, const char *type,
                 struct evbuffer *bytes);

/* Answers 200 with text that is never freed. */
void reply_constant(struct evhttp_request *request, const char *type, const char *text,
                    size_t length);

/* Closes the connection after the answer to come, because what follows may not be a request. */
void reply_then_close(struct evhttp_request *request);

#endif
