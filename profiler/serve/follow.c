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
#include "serve/helpers.h"

enum { TRY_AGAIN_MS = 1000, GIVEN_UP_MS = 20, ASKS_MAX = 10 };

static struct event *timer; /* NULL: none */
static struct lp_follow follow;
static struct {
    struct lp_job job;
    bool under_way;
    int n; /* how often */
    const struct lp_listen *whom;
    const char *token;
    char path[4 * LP_URL_MAX];
    int status; /* of the answer */
} asking;

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

/* The process that has the address may be slow to answer. */
static void ask(struct lp_job *job)
{
    (void)job;
    asking.status = lp_ask(asking.whom, asking.token, asking.path);
}

static void asked(struct lp_job *job, bool stopped)
{
    (void)job;
    asking.under_way = false;
    if (!stopped && timer)
        wait_for_next(asking.status == 200 ? GIVEN_UP_MS : TRY_AGAIN_MS);
}

/* Asks the process that has the address to give it up, and tries again after that. false: it is not
 * to be asked. */
static bool ask_for_it(void)
{
    char *url;
    if (follow.instead || lp_served_forked() || asking.n == ASKS_MAX || asking.under_way ||
        !(url = evhttp_encode_uri(follow.url)))
        return false;
    snprintf(asking.path, sizeof asking.path, "/debug/processes?pid=%d&url=%s", (int)getpid(), url);
    free(url);
    asking.whom = follow.wanted;
    asking.token = follow.token;
    asking.n++;
    asking.under_way = true;
    asking.job = (struct lp_job){.run = ask, .done = asked};
    lp_helper_add(LP_TAKER, &asking.job);
    return true;
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
    if (!ask_for_it())
        wait_for_next(TRY_AGAIN_MS);
}

int lp_follow_start(const struct lp_follow *wanted)
{
    lp_follow_stop();
    follow = *wanted;
    asking.n = 0;
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
    asking.under_way = false;
}
