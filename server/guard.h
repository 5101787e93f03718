/*
 * Who may ask. The playground leaks on purpose, so no page on the web may make a visitor's browser
 * call it: not by a request across sites, not by a name that was rebound to 127.0.0.1.
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include <stdbool.h>

struct leakprof_address;
struct evhttp_request;

/* token "": none is asked for. Both are kept by reference. */
void guard_start(const struct leakprof_address *listen, const char *token);

/* Is this one well-formed HTTP request with one meaning? 0, or -EBADMSG and *why. */
int guard_framing(struct evhttp_request *request, const char **why);

/* Does it come from here? 0, or -EPERM and *why. */
int guard_origin(struct evhttp_request *request, const char **why);

/* Is a token asked for, here and by the profiler? */
bool guard_has_token(void);

/* Does it bring the token? 0, or -EACCES. */
int guard_token(struct evhttp_request *request);

#endif
