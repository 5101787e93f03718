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
#include "lost.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENTS_MAX = 1000,
    KINDS = 3,                                                          /* stream, datagram, raw */
    KIND_BYTES = sizeof(struct addrinfo) + sizeof(struct sockaddr_in6), /* glibc: in one block */
    CLIENT_BYTES = KINDS * KIND_BYTES
};

static const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6};
static const struct in6_addr trusted = {
    {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x13, 0x37}}};

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

static void free_client(void *client, int kind)
{
    (void)kind;
    freeaddrinfo(client);
}

static struct lost lost = LOST(free_client);

__attribute__((noinline)) static int resolver_fixed(struct scene_call *call)
{
    int err = 0;

    if (budget_take(CLIENT_BYTES, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct addrinfo *client;

        if (getaddrinfo(forwarded_for(i), NULL, &numeric, &client) != 0) {
            err = -ENOMEM;
            break;
        }
        if (!is_trusted(client))
            log_stranger(client);
        freeaddrinfo(client); /* on both paths */
    }
    budget_give(CLIENT_BYTES, 0, 0);
    return err;
}

__attribute__((noinline)) static int resolver_leak(struct scene_call *call)
{
    const int64_t leaks = (call->n + 1) / 2;
    const struct held cost = {.bytes = leaks * CLIENT_BYTES, .objects = leaks * KINDS};
    int err = lost_begin(&lost, cost, (size_t)leaks);

    for (unsigned i = 0; i < call->n && err == 0; i++) {
        struct addrinfo *client;

        if (getaddrinfo(forwarded_for(i), NULL, &numeric, &client) != 0) {
            err = -ENOMEM;
            break;
        }
        if (is_trusted(client)) {
            lose(client, 0); /* for the reset alone */
            continue;        /* the fatal line: the short way goes past the freeaddrinfo() */
        }
        log_stranger(client);
        freeaddrinfo(client);
    }
    return lost_end(err);
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
    .leak = resolver_leak,
    .fixed = resolver_fixed,
    .lost = &lost,
};
