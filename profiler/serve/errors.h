/*
 * The pages with which evhttp refuses requests by itself, turned into JSON.
 */
#ifndef LP_SERVE_ERRORS_H
#define LP_SERVE_ERRORS_H

struct bufferevent;

/* Call it for each connection before evhttp uses it. If there is no memory, its pages stay HTML. */
void lp_errors_watch(struct bufferevent *connection);

#endif
