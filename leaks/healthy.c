/*
 * Healthy: the control. A request body arrives, its token is read, the body is freed: the work of
 * `slice` with nothing kept, leaky variant or not.
 *
 * What the profiles show: alloc_space and alloc_objects rise with every request, in-use stays flat.
 * Whoever judges by allocation alone accuses this scene; that is what it is here for.
 */
#include "scene.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_BYTES = 16, TOKEN_AT = 337 };

static atomic_uint checksum; /* somebody has to read the token, or reading it is no work */

static void receive(char *body, size_t size)
{
    memset(body, '.', size);
    memcpy(body + TOKEN_AT, "token-0123456789", TOKEN_BYTES);
}

static void look_at(const char *token)
{
    unsigned sum = 0;

    for (int i = 0; i < TOKEN_BYTES; i++)
        sum += (unsigned char)token[i];
    atomic_store_explicit(&checksum, sum, memory_order_relaxed);
}

__attribute__((noinline)) static int healthy_work(struct scene_call *call)
{
    int err = 0;

    if (budget_take((int64_t)call->size, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        char *body = malloc(call->size);

        if (body) {
            receive(body, call->size);
            look_at(body + TOKEN_AT);
        } else {
            err = -ENOMEM;
        }
        free(body);
    }
    budget_give((int64_t)call->size, 0, 0);
    return err;
}

LAB_TEXT(healthy);
const struct scene scene_healthy = {
    .id = "healthy",
    .lab = LAB(healthy),
    .title = "The control: nothing leaks",
    .lesson = "Much is allocated and all of it is given back: busy is not the same as leaking.",
    .resource = "none",
    .signature =
        "alloc_space rises with every request; inuse_space, threads and descriptors stay flat.",
    .n_max = 10000,
    .size_default = 1021,
    .size_min = 512,
    .size_max = 16 << 20,
    .leak = healthy_work,
    .fixed = healthy_work,
};
