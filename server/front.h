/*
 * N event loops, each a thread with its own listener on one shared port (SO_REUSEPORT) and its own
 * evhttp. No thread touches another loop's libevent objects. Work for a loop is queued as a job,
 * and an eventfd wakes the loop.
 */
#ifndef SERVER_FRONT_H
#define SERVER_FRONT_H

#include <stdbool.h>

/* Of a request: its URL, and its request line with all headers. */
enum { FRONT_URL_MAX = 8 << 10, FRONT_HEADERS_MAX = 8 << 10 };

struct event_base;
struct evhttp_request;
struct leakprof_address;
struct leakprof_guard;
struct loop;

/* Work for a loop, in memory of the caller. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
};

/* Binds the port and starts the loops. They call `handle` for every request. A body is read only
 * after the guard, which is not copied, has let its head pass. 0 or negative errno. */
int front_start(const struct leakprof_address *address, int nloops,
                const struct leakprof_guard *guard,
                void (*handle)(struct evhttp_request *request, void *loop));

/* The address, with the port that the kernel chose for port 0: "127.0.0.1:8080". */
const char *front_address(void);

/* Stops accepting. Requests on open connections still arrive. front_stopping() is true from here.
 */
void front_quiesce(void);
bool front_stopping(void);

/* Ends the loops and joins their threads. Then front_free() frees what they used. */
void front_stop(void);
void front_free(void);

/* true: too many answers wait for clients that read slowly, so this loop should make no other. */
bool front_crowded(struct loop *loop);

struct event_base *front_base(struct loop *loop);

/* Queues a job, which runs once on that loop. Any thread. */
void front_post(struct loop *loop, struct job *job);

#endif
