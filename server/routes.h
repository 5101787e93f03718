/* Answers requests. routes.c has one table of them. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

struct evhttp_request;

/* Answers a request that arrived on this loop. Call it on the loop's thread. */
void routes_handle(struct evhttp_request *request, void *loop);

#endif
