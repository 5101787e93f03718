/*
 * N event loops, each a thread with its own listener on one shared port (SO_REUSEPORT) and its own
 * evhttp. No libevent object is ever touched from another thread; whoever has work for a loop
 * queues a job and wakes it through an eventfd.
 */
#ifndef SERVER_FRONT_H
#define SERVER_FRONT_H

#include <stdbool.h>

enum { FRONT_HEADERS_MAX = 8 << 10, FRONT_BODY_MAX = 64 << 10 };

struct event_base;
struct leakprof_address;
struct evhttp_request;
struct loop;

/* Work for a loop, in the memory of whoever queues it. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
};

/* Binds the port and starts the loops; `handle` gets every request. 0 or negative errno. */
int front_start(const struct leakprof_address *address, int nloops,
                void (*handle)(struct evhttp_request *request, void *loop));

/* The address that it listens on, with the real port: "127.0.0.1:8080". */
const char *front_address(void);

/* Stops accepting; requests still come in on open connections. front_stopping() is true from here.
 */
void front_quiesce(void);
bool front_stopping(void);

/* Ends the loops and joins their threads; front_free() then frees what they used. */
void front_stop(void);
void front_free(void);

/* The loop that the calling thread runs; NULL: it runs none. */
struct loop *front_here(void);

struct event_base *front_base(struct loop *loop);

/* Queues a job; it runs soon, once, on that loop. Any thread. */
void front_post(struct loop *loop, struct job *job);

#endif
