/*
 * The upstream that never answers, for scenes that call out. It is a process of its own, so that
 * the descriptors it accepts are not counted as the server's.
 */
#ifndef LEAKS_PEER_H
#define LEAKS_PEER_H

#include <stdint.h>

/* Forks it; it listens on 127.0.0.1 at *port. Before any thread exists. 0 or negative errno. */
int peer_start(uint16_t *port);

/* Ends it and waits for its end. */
void peer_stop(void);

#endif
