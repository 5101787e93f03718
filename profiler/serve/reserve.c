/*
 * Memory functions for libevent, with a reserve.
 *
 * libevent 2.1.12 crashes if there is no memory while it makes an evhttp_connection for a socket
 * that it has accepted: evhttp_connection_base_bufferevent_new() then calls
 * evhttp_connection_free(), which uses evcon->base before it is set. No function of libevent's API
 * is called in between. So these functions call malloc(), and use the reserve if malloc() fails.
 *
 * Half of the reserve is for any small block. The other half is for new connections alone: the
 * thread that accepts one says so (lp_reserve_accepting), and stops accepting when that half is
 * running out. Blocks of the reserve are recognised by their address. There is no lock, so a fork
 * in another thread does no harm.
 *
 * The functions that libevent calls are in the section of the hooks: the stacks of a program that
 * has them are the same as without them.
 */
#include "serve/reserve.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "leakprof_evhttp.h"

#define UNSEEN __attribute__((noinline, section("lp_hooks")))

enum { UNIT = 256, WORDS = 8, ANY_WORDS = WORDS / 2, WORD_UNITS = 64, BLOCK_UNITS = 16 };
enum { UNITS = WORDS * WORD_UNITS, CONNECTION = 8 /* units, and more than it takes */ };
enum { ACCEPT_CALLS = 8 /* allocations after the callback that are part of it, and some more */ };

static _Alignas(16) char reserve[UNITS][UNIT];
static uint8_t length[UNITS]; /* of the block that begins there, in units */
static _Atomic uint64_t used[WORDS];
static _Thread_local int accepting;

static uint64_t run(unsigned n, unsigned at)
{
    return (n < 64 ? (UINT64_C(1) << n) - 1 : UINT64_MAX) << at;
}

static void *take_from(unsigned word, unsigned n)
{
    uint64_t now = atomic_load(&used[word]);
    for (unsigned at = 0; at + n <= WORD_UNITS;) {
        if (now & run(n, at)) {
            at++;
        } else if (atomic_compare_exchange_weak(&used[word], &now, now | run(n, at))) {
            unsigned unit = word * WORD_UNITS + at;
            length[unit] = (uint8_t)n;
            return reserve[unit];
        }
    }
    return NULL;
}

static void *take(size_t size)
{
    unsigned n = size ? (unsigned)((size + UNIT - 1) / UNIT) : 1;
    void *block = NULL;
    if (size > (size_t)BLOCK_UNITS * UNIT)
        return NULL;
    for (unsigned word = 0; !block && word < (accepting > 0 ? WORDS : ANY_WORDS); word++)
        block = take_from(word, n);
    return block;
}

/* -1: it is no block of the reserve. */
static int unit_of(const void *block)
{
    uintptr_t offset = (uintptr_t)block - (uintptr_t)reserve;
    return offset < sizeof reserve ? (int)(offset / UNIT) : -1;
}

UNSEEN static void *allocate(size_t size)
{
    void *block = malloc(size);
    if (!block)
        block = take(size);
    if (accepting > 0)
        accepting--;
    return block;
}

UNSEEN static void release(void *block)
{
    int unit = unit_of(block);
    if (unit < 0)
        free(block);
    else
        atomic_fetch_and(&used[unit / WORD_UNITS], ~run(length[unit], (unsigned)unit % WORD_UNITS));
}

/* If realloc() fails, libevent keeps what it has. */
UNSEEN static void *resize(void *block, size_t size)
{
    int unit = block ? unit_of(block) : -1;
    if (!block)
        return allocate(size);
    if (unit < 0)
        return realloc(block, size);
    size_t had = (size_t)length[unit] * UNIT;
    void *moved = allocate(size);
    if (!moved)
        return size <= had ? block : NULL;
    memcpy(moved, block, size < had ? size : had);
    release(block);
    return moved;
}

void leakprof_evhttp_reserve(void)
{
    event_set_mem_functions(allocate, resize, release);
}

bool lp_reserve_accepting(void)
{
    int free_units = 0;
    accepting = ACCEPT_CALLS;
    for (unsigned word = ANY_WORDS; word < WORDS; word++)
        free_units += WORD_UNITS - __builtin_popcountll(atomic_load(&used[word]));
    return free_units >= WORD_UNITS * (WORDS - ANY_WORDS) / 2;
}
