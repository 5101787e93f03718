/*
 * The rest of the world, for scenes that have somebody at the other end: an upstream that never
 * answers, and clients and workers that keep a connection. It is a process of its own, so that its
 * descriptors are not counted as the server's. All scenes share one.
 */
#ifndef LEAKS_PEER_H
#define LEAKS_PEER_H

#include <stdint.h>

/* Forks it, for the first who asks; it listens on 127.0.0.1 at *port (NULL: no matter). Before any
 * thread exists. 0 or negative errno. */
int peer_start(uint16_t *port);

/* Ends it and waits for its end, for the last who asks. */
void peer_stop(void);

/* What is given to it is kept in a group: until the other side closes, or until the group is let
 * go. */
enum peer_group { PEER_UNTIL_CLOSED, PEER_WORKER, PEER_WORKER_BRIEFLY };

/* Gives it this connection, as if it had been its own from the beginning: it reads what comes. The
 * caller closes its own descriptor. Any thread. 0 or negative errno. */
int peer_keep(int fd, enum peer_group group);

/* It closes all of the group that it was given so far. Any thread. 0 or negative errno. */
int peer_let_go(enum peer_group group);

#endif
