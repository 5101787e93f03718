/* From a request to what answers it. One table in routes.c. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

struct evhttp_request;

/* Answers a request that came in on this loop; its thread only. */
void routes_handle(struct evhttp_request *request, void *loop);

#endif
