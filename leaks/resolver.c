/*
 * Resolver: getaddrinfo() without freeaddrinfo() on one path.
 *
 * A proxy reads whom a request is for from its X-Forwarded-For header and looks whether that client
 * is a trusted one. getaddrinfo() turns the text into an address (AI_NUMERICHOST: no name server is
 * asked). A client who is not trusted goes the long way, to the end of the function and its
 * freeaddrinfo(). For a trusted one the answer is known at once, and the function returns early.
 *
 * What the profiles show: inuse_space grows at the line of getaddrinfo() in resolver_leak, in
 * blocks of 76 bytes, three for each address: one for each kind of socket, as no hints were given.
 * And half of what is allocated there is freed again: it is one path that leaks, not all.
 */
#include "scene.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hidden.h"

enum {
    CLIENTS_MAX = 1000,
    KINDS = 3,                                                          /* stream, datagram, raw */
    KIND_BYTES = sizeof(struct addrinfo) + sizeof(struct sockaddr_in6), /* glibc: in one block */
    CLIENT_BYTES = KINDS * KIND_BYTES
};

static const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6};
static const struct in6_addr trusted = {
    {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x13, 0x37}}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hidden lost; /* protected by lock */
static struct held held;   /* protected by lock */
static atomic_uint strangers;

/* Every second client comes from inside. */
static const char *forwarded_for(unsigned i)
{
    return i % 2 ? "2001:db8::7357" : "fd00::1337";
}

static bool is_trusted(const struct addrinfo *client)
{
    const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)client->ai_addr;

    return memcmp(&address->sin6_addr, &trusted, sizeof(trusted)) == 0;
}

static void log_stranger(const struct addrinfo *client)
{
    (void)client;
    atomic_fetch_add_explicit(&strangers, 1, memory_order_relaxed);
}

__attribute__((noinline)) static int resolver_fixed(struct scene_call *call)
{
    if (budget_take(CLIENT_BYTES, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        struct addrinfo *client;

        if (getaddrinfo(forwarded_for(i), NULL, &numeric, &client) != 0) {
            budget_give(CLIENT_BYTES, 0, 0);
            return -ENOMEM;
        }
        if (!is_trusted(client))
            log_stranger(client);
        freeaddrinfo(client); /* on both paths */
    }
    budget_give(CLIENT_BYTES, 0, 0);
    return 0;
}

/* All of a request's, or -ENOSPC. */
static int forget(struct addrinfo *const *clients, unsigned n)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lock);
    if (hidden_has_room(&lost, n)) {
        for (unsigned i = 0; i < n; i++)
            hidden_put(&lost, clients[i]);
        held.bytes += (int64_t)n * CLIENT_BYTES;
        held.objects += (int64_t)n * KINDS;
        err = 0;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

__attribute__((noinline)) static int resolver_leak(struct scene_call *call)
{
    const int64_t cost = (int64_t)(call->n + 1) / 2 * CLIENT_BYTES;
    struct addrinfo *seen[CLIENTS_MAX / 2] = {NULL}; /* for resolver_reset() alone */
    unsigned made = 0;
    int err = 0;

    if (budget_take(cost, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct addrinfo *client;

        if (getaddrinfo(forwarded_for(i), NULL, &numeric, &client) != 0) {
            err = -ENOMEM;
            break;
        }
        if (is_trusted(client)) {
            seen[made++] = client;
            continue; /* the fatal line: the short way goes past the freeaddrinfo() */
        }
        log_stranger(client);
        freeaddrinfo(client);
    }
    if (err == 0)
        err = forget(seen, made);
    if (err < 0) {
        while (made > 0)
            freeaddrinfo(seen[--made]);
        budget_give(cost, 0, 0);
    }
    return err;
}

static void resolver_reset(struct held *drained)
{
    struct addrinfo *client;

    pthread_mutex_lock(&lock);
    while ((client = hidden_take(&lost)))
        freeaddrinfo(client);
    *drained = held;
    held = (struct held){0};
    pthread_mutex_unlock(&lock);
    budget_give(drained->bytes, 0, 0);
}

static struct held resolver_held(void)
{
    struct held now;

    pthread_mutex_lock(&lock);
    now = held;
    pthread_mutex_unlock(&lock);
    return now;
}

static void resolver_stop(void)
{
    struct held drained;

    resolver_reset(&drained);
}

LAB_TEXT(resolver);
const struct scene scene_resolver = {
    .id = "resolver",
    .lab = LAB(resolver),
    .title = "A list of addresses that one path does not free",
    .lesson = "What getaddrinfo() answers is a list on the heap, and every way out of the function "
              "has to pass its freeaddrinfo().",
    .resource = "heap",
    .signature = "inuse_space grows by 228 bytes for every second client, at getaddrinfo() in "
                 "resolver_leak; as much again is allocated there and freed.",
    .guilty_function = "resolver_leak",
    .n_max = CLIENTS_MAX,
    .stop = resolver_stop,
    .leak = resolver_leak,
    .fixed = resolver_fixed,
    .reset = resolver_reset,
    .held = resolver_held,
};
