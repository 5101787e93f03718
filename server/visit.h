/* One request to a scene, from the call to its answer. */
#ifndef SERVER_VISIT_H
#define SERVER_VISIT_H

#include <stdbool.h>

struct evhttp_request;
struct loop;
struct params;
struct scene;

/* Calls the scene's leaky or fixed variant. Answers now, or later when the scene has finished. */
void visit_run(struct evhttp_request *request, struct loop *loop, const struct scene *scene,
               bool leak, const struct params *params);

#endif
