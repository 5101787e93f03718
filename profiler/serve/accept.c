/*
 * libevent does not report whether its listener listens: evconnlistener_set_cb() drops the result.
 * So it is made disabled, and enabled here.
 */
#include "leakprof_evhttp.h"

#include <unistd.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

struct evhttp_bound_socket *leakprof_evhttp_accept(struct event_base *base, struct evhttp *http,
                                                   int fd)
{
    struct evconnlistener *listener = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED, 0, fd);
    struct evhttp_bound_socket *bound = listener ? evhttp_bind_listener(http, listener) : NULL;
    if (!listener) {
        close(fd);
    } else if (!bound) {
        evconnlistener_free(listener);
    } else if (evconnlistener_enable(listener) != 0) {
        evhttp_del_accept_socket(http, bound);
        bound = NULL;
    }
    return bound;
}
