/*
 * What libevent does not report: that it cannot accept, and that it cannot write.
 *
 * evconnlistener_set_cb() drops the result of its own call that enables the listener. So it is made
 * disabled, and enabled here.
 */
#include "leakprof_evhttp.h"

#include <unistd.h>
#include <sys/socket.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

void leakprof_evhttp_reply(struct evhttp_request *request, int status, struct evbuffer *body)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct bufferevent *to = connection ? evhttp_connection_get_bufferevent(connection) : NULL;
    evhttp_send_reply(request, status, NULL, body);
    /* An answer that waits on purpose has used up its limit (serve/evhttp.c). Otherwise evhttp
     * notices the end of the connection, and frees it. */
    if (to && bufferevent_get_write_limit(to) > 0 && !event_pending(&to->ev_write, EV_WRITE, NULL))
        shutdown(bufferevent_getfd(to), SHUT_RDWR);
}

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
