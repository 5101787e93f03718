/* POST /reset: gives back what scenes hold, and answers when it has really gone. */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include <stdbool.h>

struct evhttp_request;
struct loop;
struct scene;

/* scene NULL: all of them. */
void drain_run(struct evhttp_request *request, struct loop *loop, const struct scene *scene);

/* For the end of the server, on the main thread: resets all until nothing is held or ms have gone.
 */
void drain_all(int ms);

#endif
