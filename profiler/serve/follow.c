#include "serve/follow.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/http.h>

#include "leakprof_evhttp.h"
#include "inspect/children.h"
#include "record/served.h"
#include "serve/ask.h"

enum { TRY_AGAIN_MS = 1000, GIVEN_UP_MS = 20, ASKS_MAX = 10 };

static struct event *timer; /* NULL: none */
static struct lp_follow follow;
static int asked;

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

static void wait_for_next(int ms)
{
    event_add(timer, &(struct timeval){ms / 1000, ms % 1000 * 1000});
}

/* true: the process that has the address gives it up. */
static bool ask(void)
{
    char path[4 * LP_URL_MAX], *url;
    if (lp_served_forked() || asked == ASKS_MAX || !(url = evhttp_encode_uri(follow.url)))
        return false;
    asked++;
    snprintf(path, sizeof path, "/debug/processes?pid=%d&url=%s", (int)getpid(), url);
    free(url);
    return lp_ask(follow.wanted, follow.token, path) == 200;
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    char url[LP_URL_MAX];
    struct lp_child_seen seen;
    if (follow.instead && lp_process_look(follow.instead, &seen) && !lp_child_is_zombie(&seen)) {
        wait_for_next(TRY_AGAIN_MS);
        return;
    }
    int listen_fd = lp_listen_open(follow.wanted, url);
    struct evhttp_bound_socket *bound =
        listen_fd < 0 ? NULL : leakprof_evhttp_accept(follow.base, follow.http, listen_fd);
    if (bound) {
        follow.taken(bound, url);
        return;
    }
    wait_for_next(!follow.instead && ask() ? GIVEN_UP_MS : TRY_AGAIN_MS);
}

int lp_follow_start(const struct lp_follow *wanted)
{
    lp_follow_stop();
    follow = *wanted;
    asked = 0;
    timer = evtimer_new(follow.base, on_time, NULL);
    if (!timer)
        return -ENOMEM;
    wait_for_next(follow.instead ? TRY_AGAIN_MS : 0);
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
