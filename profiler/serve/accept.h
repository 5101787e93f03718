/*
 * What libevent does not report about the sockets of evhttp, and works around it: see accept.c.
 */
#ifndef LP_SERVE_ACCEPT_H
#define LP_SERVE_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

struct bufferevent;

/* For a new connection that evhttp does not have yet: its socket is not watched until its
 * high-water mark is raised. It has `bytes` in its input. */
void lp_accept_hold(struct bufferevent *connection, size_t bytes);

/* Is the socket watched for what evhttp waits for? If not, tries that again. false: the kernel
 * still refuses it. */
bool lp_accept_is_watched(struct bufferevent *connection);

#endif
