#include "serve/follow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/http.h>

enum { TRY_AGAIN_SECONDS = 1 };

static struct event *timer; /* NULL: none */
static struct evhttp *server;
static struct lp_listen address;
static void (*on_taken)(struct evhttp_bound_socket *bound, const char *url);

int lp_follow_open(const struct lp_listen *wanted, char url[LP_URL_MAX])
{
    struct lp_listen other = *wanted;
    size_t length = strlen(other.path);
    if (length == 0 && other.tcp.socket.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&other.tcp.socket)->sin6_port = 0;
    else if (length == 0)
        ((struct sockaddr_in *)&other.tcp.socket)->sin_port = 0;
    else if (snprintf(other.path + length, sizeof other.path - length, ".%d", (int)getpid()) >=
             (int)(sizeof other.path - length))
        return -ENAMETOOLONG;
    return lp_listen_open(&other, url);
}

static void wait_for_next(void)
{
    event_add(timer, &(struct timeval){.tv_sec = TRY_AGAIN_SECONDS});
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    char url[LP_URL_MAX];
    int listen_fd = lp_listen_open(&address, url);
    struct evhttp_bound_socket *bound =
        listen_fd < 0 ? NULL : evhttp_accept_socket_with_handle(server, listen_fd);
    if (bound) {
        on_taken(bound, url);
        return;
    }
    if (listen_fd >= 0)
        close(listen_fd);
    wait_for_next();
}

int lp_follow_start(struct event_base *base, struct evhttp *http, const struct lp_listen *wanted,
                    void (*taken)(struct evhttp_bound_socket *bound, const char *url))
{
    server = http;
    address = *wanted;
    on_taken = taken;
    timer = evtimer_new(base, on_time, NULL);
    if (!timer)
        return -ENOMEM;
    wait_for_next();
    return 0;
}

void lp_follow_stop(void)
{
    if (timer)
        event_free(timer);
    timer = NULL;
}

void lp_follow_forked(void)
{
    timer = NULL;
}
