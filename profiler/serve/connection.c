#include "serve/connection.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "serve/accept.h"
#include "serve/errors.h"
#include "serve/guesses.h"
#include "serve/head.h"
#include "sys/clock.h"
#include "sys/syscall.h"

enum {
    BEYOND = 4 << 10,  /* bytes of a head that is too long: evhttp must see that it is */
    SLOWLY_MS = 1000,  /* before a wrong token is answered, if there are many */
    FAREWELL_MS = 2000 /* for a client to read why it was refused, and to close */
};

static const char CHALLENGE[] = "WWW-Authenticate: " LP_HEAD_BASIC "\r\n"
                                "WWW-Authenticate: " LP_HEAD_BEARER "\r\n";
static const char MARK[] = "-";
enum { MARK_BYTES = sizeof MARK - 1 };

int64_t lp_connection_now_ms(void)
{
    return lp_clock_ns(CLOCK_MONOTONIC_COARSE) / 1000000;
}

/* The number may be another thread's by now. ThreadSanitizer must not take this look for a use. */
static ino_t inode_of(int fd)
{
    struct stat status = {0};
    return lp_syscall(SYS_fstat, fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

bool lp_connection_is_open(const struct lp_connection *c)
{
    return c->marked || inode_of(c->fd) == c->inode;
}

bool lp_connection_is_read(const struct lp_connection *c)
{
    return (bufferevent_get_enabled(c->bufferevent) & (EV_READ | EV_WRITE)) == EV_READ;
}

static void count(size_t *one, size_t *total, size_t is)
{
    *total += is - *one;
    *one = is;
}

static void count_input(struct lp_connection *c)
{
    size_t in_chunks =
        c->part == LP_PART_CHUNKS && c->taken > c->head_at ? (size_t)(c->taken - c->head_at) : 0;
    size_t in_head = c->head ? sizeof *c->head : 0;
    size_t in_buffer = evbuffer_get_length(bufferevent_get_input(c->bufferevent));
    count(&c->input, &c->all->input, in_buffer + in_chunks + in_head);
}

static void drop_head(struct lp_connection *c)
{
    free(c->head);
    c->head = NULL;
}

void lp_connection_uncount(struct lp_connection *c)
{
    drop_head(c);
    count(&c->input, &c->all->input, 0);
    count(&c->output, &c->all->output, 0);
}

void lp_connection_forget(struct lp_connection *c)
{
    lp_connection_uncount(c);
    c->all->leaving -= c->leave_ms != 0;
}

static void leave(struct lp_connection *c, int64_t hang_up_ms)
{
    c->all->leaving += c->leave_ms == 0;
    c->leave_ms = hang_up_ms;
}

void lp_connection_hang_up(struct lp_connection *c)
{
    leave(c, lp_connection_now_ms());
    int fd = c->marked ? bufferevent_getfd(c->bufferevent) : c->fd;
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

static void discard(struct lp_connection *c)
{
    struct evbuffer *input = bufferevent_get_input(c->bufferevent);
    c->inside = true;
    evbuffer_drain(input, evbuffer_get_length(input));
    c->inside = false;
}

void lp_connection_refuse_later(struct lp_connection *c, int status, const char *why)
{
    c->status = status;
    c->why = why;
}

/* The answer is short, and the socket's buffer is empty. If it does not fit, the client gets none.
 */
static void answer(struct lp_connection *c)
{
    char text[LP_ERROR_MAX];
    size_t n = lp_error_answer(text, c->status,
                               c->status == 401   ? CHALLENGE
                               : c->status == 503 ? "Retry-After: 5\r\n"
                                                  : "",
                               c->why);
    send(c->fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(c->fd, SHUT_WR);
    c->answer_ms = 0;
}

void lp_connection_refuse(struct lp_connection *c, int status, const char *why)
{
    int64_t now = lp_connection_now_ms();
    lp_connection_refuse_later(c, status, why);
    leave(c, (c->answer_ms > now ? c->answer_ms : now) + FAREWELL_MS);
    drop_head(c);
    discard(c);
    count_input(c);
    if (c->answer_ms <= now)
        answer(c);
}

void lp_connection_answer_due(struct lp_connection *c)
{
    if (c->leave_ms && c->answer_ms && lp_connection_now_ms() >= c->answer_ms)
        answer(c);
}

void lp_connection_ahead(struct bufferevent *bufferevent,
                         const struct leakprof_evhttp_limits *limits, size_t body)
{
    bufferevent_setwatermark(bufferevent, EV_READ, 0, limits->head_max + BEYOND + body);
}

/* 0: the body may follow. */
static int check(struct lp_connection *c, int64_t body, const char **why)
{
    const struct leakprof_evhttp_limits *limits = &c->all->limits;
    const struct lp_head *head = c->head;
    const struct leakprof_headers headers = {.host = head->values[LP_HEAD_HOST],
                                             .origin = head->values[LP_HEAD_ORIGIN],
                                             .sec_fetch_site = head->values[LP_HEAD_SITE],
                                             .authorization = head->values[LP_HEAD_AUTHORIZATION],
                                             .changes = head->changes};
    int status = limits->guard ? leakprof_guard_check(limits->guard, &headers, why) : 0;
    if (!status && body > (int64_t)limits->body_max) {
        *why = "the body is too long";
        status = 413;
    }
    return status;
}

/* The head is complete. */
static void decide(struct lp_connection *c)
{
    int64_t body = 0;
    c->status = c->head->ends ? 501 : c->head->bad ? 400 : 0;
    c->why = c->head->bad;
    if (!c->status)
        body = lp_head_body(c->head);
    if (body)
        c->status = check(c, body, &c->why);
    if (c->status == 401 && c->head->values[LP_HEAD_AUTHORIZATION] && lp_guesses_are_many())
        c->answer_ms = c->moved_ms + SLOWLY_MS;
    drop_head(c);
    if (c->status)
        return;
    c->part = body < 0 ? LP_PART_CHUNKS : body > 0 ? LP_PART_BODY : LP_PART_HEAD;
    c->body_left = body;
    if (body)
        lp_connection_ahead(c->bufferevent, &c->all->limits,
                            body < 0 ? c->all->limits.body_max : (size_t)body);
    else
        c->began_ms = 0;
}

static void refuse_if_due(struct lp_connection *c)
{
    if (c->status && lp_connection_is_read(c) && c->taken >= c->head_at)
        lp_connection_refuse(c, c->status, c->why);
}

static size_t look_at_head(struct lp_connection *c, const char *bytes, size_t n)
{
    bool complete;
    if (!c->head) {
        c->head = malloc(sizeof *c->head);
        if (!c->head) {
            c->status = 503;
            c->why = "out of memory";
            return n;
        }
        lp_head_begin(c->head);
        c->head_at = c->arrived;
        c->began_ms = c->moved_ms;
    }
    size_t used = lp_head_add(c->head, bytes, n, &complete);
    if (complete)
        decide(c);
    return used;
}

static size_t look_at_body(struct lp_connection *c, size_t n)
{
    size_t used = (int64_t)n < c->body_left ? n : (size_t)c->body_left;
    c->body_left -= (int64_t)used;
    if (c->body_left == 0) {
        c->part = LP_PART_HEAD;
        c->began_ms = 0;
        lp_connection_ahead(c->bufferevent, &c->all->limits, 0);
    }
    return used;
}

static void look_at(struct lp_connection *c, const char *bytes, size_t n)
{
    while (n > 0 && !c->status) {
        size_t used = c->part == LP_PART_HEAD   ? look_at_head(c, bytes, n)
                      : c->part == LP_PART_BODY ? look_at_body(c, n)
                                                : n;
        c->arrived += (int64_t)used;
        bytes += used;
        n -= used;
    }
}

/* Looks at the last n bytes of the buffer. */
static void look_at_end(struct lp_connection *c, struct evbuffer *input, size_t n)
{
    struct evbuffer_ptr at;
    struct evbuffer_iovec piece;
    size_t from = evbuffer_get_length(input) - n;
    while (n > 0 && evbuffer_ptr_set(input, &at, from, EVBUFFER_PTR_SET) == 0 &&
           evbuffer_peek(input, -1, &at, &piece, 1) > 0 && piece.iov_len > 0) {
        size_t length = piece.iov_len < n ? piece.iov_len : n;
        look_at(c, piece.iov_base, length);
        from += length;
        n -= length;
    }
}

static void remove_mark(struct lp_connection *c)
{
    c->inside = true;
    evbuffer_drain(bufferevent_get_input(c->bufferevent), MARK_BYTES);
    c->inside = false;
    c->fd = bufferevent_getfd(c->bufferevent);
    c->inode = inode_of(c->fd);
}

void lp_connection_unwatch(struct lp_connection *c)
{
    if (c->marked)
        remove_mark(c);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct lp_connection *c = arg;
    if (c->inside || (c->marked && !info->n_added))
        return;
    if (c->marked)
        remove_mark(c);
    c->moved_ms = lp_connection_now_ms();
    c->taken += (int64_t)info->n_deleted;
    if (c->leave_ms) {
        discard(c);
        return;
    }
    look_at_end(c, input, info->n_added);
    if (c->taken > c->head_at || info->n_added)
        refuse_if_due(c);
    count_input(c);
    c->all->grown(c->all);
}

static void on_output(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
    struct lp_connection *c = arg;
    (void)info;
    c->moved_ms = lp_connection_now_ms();
    count(&c->output, &c->all->output, evbuffer_get_length(output));
}

static void on_mark_gone(const void *mark, size_t length, void *arg)
{
    struct lp_connection *c = arg;
    (void)mark, (void)length;
    c->marked = false;
    if (!c->inside)
        c->all->gone(c->all, c);
}

bool lp_connection_watch(struct lp_connection *c, struct lp_connections *all,
                         struct bufferevent *bufferevent)
{
    struct evbuffer *input = bufferevent_get_input(bufferevent);
    struct evbuffer *output = bufferevent_get_output(bufferevent);
    *c = (struct lp_connection){.link = c->link,
                                .all = all,
                                .bufferevent = bufferevent,
                                .fd = -1,
                                .moved_ms = lp_connection_now_ms()};
    struct evbuffer_cb_entry *in = evbuffer_add_cb(input, on_input, c);
    struct evbuffer_cb_entry *out = in ? evbuffer_add_cb(output, on_output, c) : NULL;
    c->inside = true;
    evbuffer_unfreeze(input, 0); /* a bufferevent freezes the end of its buffer */
    c->marked = out && evbuffer_add_reference(input, MARK, MARK_BYTES, on_mark_gone, c) == 0;
    evbuffer_freeze(input, 0);
    c->inside = false;
    if (!c->marked && in)
        evbuffer_remove_cb_entry(input, in);
    if (!c->marked && out)
        evbuffer_remove_cb_entry(output, out);
    if (c->marked)
        lp_accept_hold(bufferevent, MARK_BYTES);
    return c->marked;
}

void lp_connection_begin(struct lp_connection *c)
{
    c->begun = true;
    lp_connection_ahead(c->bufferevent, &c->all->limits, 0);
}
