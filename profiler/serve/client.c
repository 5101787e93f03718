/*
 * The watch is edge-triggered, because bytes that the client sends early stay unread. It is a read
 * event, because epoll reports a reset connection as readable, not as closed. It must be gone
 * before evhttp writes: libevent does not mix edge- and level-triggered events on one descriptor.
 */
#include "serve/client.h"

#include <errno.h>
#include <poll.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sys/keep_errno.h"
#include "sys/syscall.h"

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct lp_client *client = arg;
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    if (!(what & EV_TIMEOUT)) {
        if (lp_syscall(SYS_poll, &state, 1, 0) <= 0)
            return;
        if (!(state.revents & (POLLHUP | POLLERR))) {
            event_add(client->watch, &(struct timeval){LP_CLIENT_GRACE_MS / 1000, 0});
            return;
        }
    }
    struct evhttp_connection *connection = evhttp_request_get_connection(client->http);
    client->gone(client->arg);
    evhttp_connection_free(connection);
}

int lp_client_watch(struct lp_client *client, struct evhttp_request *http, void (*gone)(void *arg),
                    void *arg)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(http);
    struct event_base *base = evhttp_connection_get_base(connection);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    *client = (struct lp_client){.http = http, .gone = gone, .arg = arg};
    client->watch =
        event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_socket, client);
    if (client->watch && event_add(client->watch, NULL) == 0)
        return 0;
    lp_client_unwatch(client);
    return -ENOMEM;
}

void lp_client_unwatch(struct lp_client *client)
{
    LP_KEEP_ERRNO;
    if (client->watch)
        event_free(client->watch);
    *client = (struct lp_client){0};
}
