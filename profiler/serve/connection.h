/*
 * One connection of evhttp, seen from its input and output buffers. serve/gate.c decides how many
 * there may be, and what they may hold together.
 *
 * Input: each byte is seen once, when it arrives. serve/head.c reads the heads. At the end of a
 * head it is decided whether a body may follow. Then the high-water mark of the input is raised by
 * the length of the body. Otherwise the answer is sent from here, directly on the socket, and what
 * else arrives is discarded. This waits until evhttp has answered all earlier requests of the
 * connection: until it is reading, and has taken all bytes before that head.
 *
 * The end of a connection: libevent tells nobody. The input buffer of a new connection holds a
 * mark, one byte that evhttp leaves there because no line ends with it. libevent calls us when it
 * frees the mark. The mark is removed when the first bytes arrive. From then on a connection is
 * known by its descriptor and the inode of its socket: evhttp closes a descriptor only after it has
 * freed the buffers.
 *
 * Threads: that of the event loop.
 */
#ifndef LP_SERVE_CONNECTION_H
#define LP_SERVE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "leakprof_evhttp.h"

struct bufferevent;
struct lp_connection;
struct lp_head;

/* What the connections of a server have in common. */
struct lp_connections {
    struct leakprof_evhttp_limits limits;
    size_t input, output; /* bytes that they hold */
    int leaving;          /* those that were refused or hung up on, and are still there */
    void (*grown)(struct lp_connections *all);                           /* input has changed */
    void (*gone)(struct lp_connections *all, struct lp_connection *one); /* libevent has freed it */
};

/* What the next byte of a connection belongs to. */
enum lp_part { LP_PART_HEAD, LP_PART_BODY, LP_PART_CHUNKS /* until the connection ends */ };

struct lp_connection {
    TAILQ_ENTRY(lp_connection) link; /* for the owner */
    struct lp_connections *all;
    struct bufferevent *bufferevent;
    bool marked; /* the mark is still in the input buffer */
    bool inside; /* the gate changes the buffer itself */
    bool begun;  /* it is read */
    int fd;      /* and the inode of its socket; not known while marked */
    ino_t inode;
    enum lp_part part;
    struct lp_head *head;   /* of a request that has begun to arrive */
    int64_t head_at;        /* where it began, counted in bytes of this connection */
    int64_t arrived, taken; /* bytes, and those that evhttp has taken out of the buffer */
    int64_t body_left;
    int status; /* refuse with this as soon as evhttp reaches head_at; 0: nothing to refuse */
    const char *why;
    size_t input, output; /* bytes in the buffers, and in evhttp's own if the body is in chunks */
    int64_t began_ms;     /* when the request began to arrive; 0: none */
    int64_t moved_ms;     /* when bytes last arrived or were sent */
    int64_t answer_ms;    /* the refusal is sent only then; 0: at once */
    int64_t leave_ms;     /* it was refused or hung up on: when to hang up again; 0: it was not */
};

/* Watches a new connection, before evhttp has it. false: there is no memory, and it is not watched.
 */
bool lp_connection_watch(struct lp_connection *c, struct lp_connections *all,
                         struct bufferevent *bufferevent);

/* Starts to read a new one. The loop must have run since, so that evhttp has it. */
void lp_connection_begin(struct lp_connection *c);

/* Is it still there? Valid until the loop runs again. The other functions need one that is. */
bool lp_connection_is_open(const struct lp_connection *c);
/* Does evhttp wait for a request on it, or for the rest of one? */
bool lp_connection_is_read(const struct lp_connection *c);

/* Answers and closes it. why: a static sentence without quotes. Only if it is read, and has sent
 * something. */
void lp_connection_refuse(struct lp_connection *c, int status, const char *why);
/* Sends the refusal that was put off, if it is due now. */
void lp_connection_answer_due(struct lp_connection *c);
/* The same, as soon as it sends something. */
void lp_connection_refuse_later(struct lp_connection *c, int status, const char *why);
/* Closes it without an answer. evhttp notices, and frees it. */
void lp_connection_hang_up(struct lp_connection *c);

/* No longer counts what it holds; or it is gone. */
void lp_connection_uncount(struct lp_connection *c);
void lp_connection_forget(struct lp_connection *c);

/* libevent may free it later, and then calls nobody. */
void lp_connection_unwatch(struct lp_connection *c);

/* How much may be read ahead of a request with such a body. */
void lp_connection_ahead(struct bufferevent *bufferevent,
                         const struct leakprof_evhttp_limits *limits, size_t body);

int64_t lp_connection_now_ms(void);

#endif
