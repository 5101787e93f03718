/*
 * Without this, libevent would call accept() again and again while it fails, and write a warning to
 * standard error each time. The spares are taken back, as many as there are, every second.
 */
#include "http/listen.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/listener.h>

enum { SPARES = 8 };

static int spares[SPARES];
static int nspares;
static struct event *refill;

static void take_spares(void)
{
    while (nspares < SPARES && (spares[nspares] = eventfd(0, EFD_CLOEXEC)) >= 0)
        nspares++;
}

static void close_spares(void)
{
    while (nspares > 0)
        close(spares[--nspares]);
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    /* Nothing left to give: rest until the timer. */
    if (nspares == 0)
        evconnlistener_disable(listener);
    close_spares();
    event_add(refill, &(struct timeval){.tv_sec = 1});
}

static void on_refill(evutil_socket_t fd, short what, void *listener)
{
    (void)fd, (void)what;
    take_spares();
    evconnlistener_enable(listener);
    if (nspares < SPARES)
        event_add(refill, &(struct timeval){.tv_sec = 1});
}

int lp_spares_keep(struct event_base *base, struct evconnlistener *listener)
{
    refill = evtimer_new(base, on_refill, listener);
    if (!refill)
        return -ENOMEM;
    evconnlistener_set_error_cb(listener, on_accept_error);
    take_spares();
    return 0;
}

void lp_spares_release(void)
{
    close_spares();
    if (refill)
        event_free(refill);
    refill = NULL;
}

void lp_spares_forked(void)
{
    close_spares();
    refill = NULL;
}
