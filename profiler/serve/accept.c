/*
 * What libevent does not report: that it cannot accept, read or write.
 *
 * evconnlistener_set_cb() drops the result of its own call that enables the listener. So it is made
 * disabled, and enabled here.
 *
 * If the kernel refuses to watch a socket that was just accepted, evhttp closes it twice. Another
 * thread may have opened a descriptor with this number in between. So reading is suspended until
 * evhttp has the connection, by an input buffer that is at its high-water mark. libevent then makes
 * no system call that could fail.
 */
#include "serve/accept.h"

#include <unistd.h>
#include <sys/socket.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "leakprof_evhttp.h"

void lp_accept_hold(struct bufferevent *connection, size_t bytes)
{
    bufferevent_disable(connection, EV_WRITE);
    bufferevent_setwatermark(connection, EV_READ, 0, bytes);
}

/* libevent does nothing here for what is suspended. */
static bool watch(struct bufferevent *connection, const struct event *event, short what)
{
    return event_pending(event, what, NULL) || bufferevent_enable(connection, what) == 0;
}

bool lp_accept_is_watched(struct bufferevent *connection)
{
    short wanted = bufferevent_get_enabled(connection);
    bool writes = wanted & EV_WRITE && evbuffer_get_length(bufferevent_get_output(connection)) > 0;
    return (!(wanted & EV_READ) || watch(connection, &connection->ev_read, EV_READ)) &&
           (!writes || watch(connection, &connection->ev_write, EV_WRITE));
}

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
