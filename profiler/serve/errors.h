/*
 * Refusals in JSON that do not go through evhttp: those that replace its own HTML pages, and those
 * of serve/connection.c.
 */
#ifndef LP_SERVE_ERRORS_H
#define LP_SERVE_ERRORS_H

#include <stddef.h>

struct bufferevent;

/* Writes an answer after which the connection is closed. headers: more of them, each ended with
 * CRLF. why: a static sentence without quotes. Returns its length. */
enum { LP_ERROR_MAX = 1024 };
size_t lp_error_answer(char to[LP_ERROR_MAX], int status, const char *headers, const char *why);

/* Call it for each connection before evhttp uses it. If there is no memory, its pages stay HTML. */
void lp_errors_watch(struct bufferevent *connection);

#endif
