/*
 * Error path: an early return skips the free.
 *
 * A payment provider calls a webhook. The service copies the body, makes a line for its audit log,
 * and checks the signature; one that does not match is refused at once, by a return that was added
 * above the clean-up. Whoever tests with good webhooks sees nothing: it grows with those who probe.
 *
 * What the profiles show: inuse_space grows at the mallocs in error_path_leak by the whole copy and
 * the audit line, two blocks for each webhook that is refused. The good ones, which are as many,
 * are in alloc_space alone.
 */
#include "lost.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AUDIT_BYTES = 409, LOST_BLOCKS = 2 };

struct webhook {
    const char *body;
    size_t size;
    uint32_t signature;
};

static struct lost lost = LOST(lost_free);
static atomic_uint cents; /* what was paid; somebody has to read the webhooks */

/* Stands for an HMAC. */
static uint32_t sign(const char *body, size_t size)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)body[i]) * 16777619u;
    return hash;
}

static void book(const char *body)
{
    atomic_fetch_add_explicit(&cents, (unsigned)strtoul(body + strlen("amount="), NULL, 10),
                              memory_order_relaxed);
}

__attribute__((noinline)) static int error_path_fixed(const struct webhook *hook)
{
    char *body = malloc(hook->size);
    char *audit = malloc(AUDIT_BYTES);
    int err = 0;

    if (!body || !audit) {
        err = -ENOMEM;
        goto out;
    }
    memcpy(body, hook->body, hook->size);
    snprintf(audit, AUDIT_BYTES, "webhook %08x: %.40s", hook->signature, body);
    if (sign(body, hook->size) != hook->signature) {
        err = -EBADMSG;
        goto out; /* one way out, whatever happened */
    }
    book(body);
out:
    free(audit);
    free(body);
    return err;
}

__attribute__((noinline)) static int error_path_leak(const struct webhook *hook)
{
    char *body = malloc(hook->size);
    char *audit = malloc(AUDIT_BYTES);

    if (!body || !audit) {
        free(audit);
        free(body);
        return -ENOMEM;
    }
    memcpy(body, hook->body, hook->size);
    snprintf(audit, AUDIT_BYTES, "webhook %08x: %.40s", hook->signature, body);
    if (sign(body, hook->size) != hook->signature) {
        lose(body, 0); /* for the reset alone */
        lose(audit, 0);
        return -EBADMSG; /* the fatal line: it passes by the two frees below */
    }
    book(body);
    free(audit);
    free(body);
    return 0;
}

/* Each time two webhooks: one from the provider, one from somebody who does not know the key. */
static int receive(const struct scene_call *call, int (*accept)(const struct webhook *hook))
{
    struct webhook hook = {.size = call->size};
    char *body = malloc(call->size);
    int err = body ? 0 : -ENOMEM;

    if (body) {
        memset(body, '.', call->size);
        body[call->size - 1] = '\0';
        memcpy(body, "amount=1299&currency=EUR&", 25);
        hook.body = body;
        hook.signature = sign(body, call->size);
    }
    for (unsigned i = 0; i < 2 * call->n && err == 0; i++) {
        hook.signature ^= 1; /* wrong, then right again */
        err = accept(&hook);
        if (err == -EBADMSG)
            err = 0; /* the client gets its 403, and that is all */
    }
    free(body);
    return err;
}

static int on_fixed(struct scene_call *call)
{
    const int64_t cost = 2 * (int64_t)call->size + AUDIT_BYTES;
    int err = budget_take(cost, 0, 0);

    if (err == 0) {
        err = receive(call, error_path_fixed);
        budget_give(cost, 0, 0);
    }
    return err;
}

static int on_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = call->n * (int64_t)(call->size + AUDIT_BYTES),
                              .objects = LOST_BLOCKS * (int64_t)call->n};
    int err = lost_begin(&lost, cost, LOST_BLOCKS * (size_t)call->n);

    if (err == 0)
        err = receive(call, error_path_leak);
    return lost_end(err);
}

LAB_TEXT(error_path);
const struct scene scene_error_path = {
    .id = "error-path",
    .lab = LAB(error_path),
    .title = "An early return skips the free",
    .lesson = "A return above the clean-up loses what was allocated before it; leave by one label.",
    .resource = "heap",
    .signature = "inuse_space grows at error_path_leak by two blocks for each refused webhook, and "
                 "nothing for the accepted ones.",
    .guilty_function = "error_path_leak",
    .n_max = 1000,
    .size_default = 2749,
    .size_min = 256,
    .size_max = 16 << 10, /* a loop signs a thousand of them, and has others waiting */
    .leak = on_leak,
    .fixed = on_fixed,
    .lost = &lost,
};
