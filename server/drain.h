/* POST /reset: releases what scenes hold, and answers when that is done. */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include <stdbool.h>

struct evhttp_request;
struct loop;
struct scene;

/* scene NULL: all of them. */
void drain_run(struct evhttp_request *request, struct loop *loop, const struct scene *scene);

/* When the server stops, on the main thread: resets all scenes until they hold nothing, for at most
 * ms milliseconds. */
void drain_all(int ms);

#endif
