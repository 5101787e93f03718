/*
 * Overwrite: the only pointer to a block is overwritten.
 *
 * An upload arrives: its first piece comes with the header, and the buffer is then made as large as
 * the client says that the file is. p = realloc(p, n) is right for as long as realloc() succeeds; a
 * client that claims more than there is makes it fail, NULL takes the place of the pointer, and the
 * first piece, which realloc() left as it was, is lost. The file's name goes the plainer way: the
 * header has it twice, and the second is stored over the first.
 *
 * What the profiles show: inuse_space grows in overwrite_leak, by the first piece and a name for
 * each upload that lies; the growth stands at the malloc, not at the realloc. Honest uploads are in
 * alloc_space alone.
 */
#include "lost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 337, LOST_BLOCKS = 2 };

struct upload {
    const char *length; /* Content-Length, as the client says */
    const char *name;   /* filename= */
    const char *name8;  /* filename*=, the same in UTF-8; NULL: the client is an old one */
    const char *first;  /* the piece that came with the header */
    size_t first_size;
};

static struct lost lost = LOST(lost_free);
static atomic_uint letters; /* of all names; somebody has to read them */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Here a malloc that fails ends the program, unless told that the program wants to know. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}
#endif

static void store(const char *name, char *body, size_t length, const struct upload *upload)
{
    memset(body + upload->first_size, '.', length - upload->first_size); /* the rest arrives */
    atomic_fetch_add_explicit(&letters, (unsigned)strlen(name), memory_order_relaxed);
}

__attribute__((noinline)) static int overwrite_fixed(const struct upload *upload)
{
    const size_t length = strtoumax(upload->length, NULL, 10);
    char *body = malloc(upload->first_size);
    char *name = strdup(upload->name);
    char *larger;
    int err = -ENOMEM;

    if (!body || !name)
        goto out;
    memcpy(body, upload->first, upload->first_size);
    if (upload->name8) {
        free(name); /* the old one goes before the new one comes */
        name = strdup(upload->name8);
        if (!name)
            goto out;
    }
    larger = realloc(body, length); /* NULL: body is as it was, and still ours */
    if (!larger) {
        err = -EFBIG;
        goto out;
    }
    body = larger;
    store(name, body, length, upload);
    err = 0;
out:
    free(name);
    free(body);
    return err;
}

/* What is lost is for the reset alone. */
__attribute__((noinline)) static int overwrite_leak(const struct upload *upload)
{
    const size_t length = strtoumax(upload->length, NULL, 10);
    char *body = malloc(upload->first_size);
    char *name = strdup(upload->name);
    int err = -ENOMEM;

    if (!body || !name)
        goto out;
    memcpy(body, upload->first, upload->first_size);
    if (upload->name8) {
        lose(name, 0);
        name = strdup(upload->name8); /* the first name had no other pointer */
        if (!name)
            goto out;
    }
    lose(body, 0);
    body = realloc(body, length); /* the fatal line: when it fails, NULL is all that is left */
    if (!body) {
        err = -EFBIG;
        goto out;
    }
    unlose();
    store(name, body, length, upload);
    err = 0;
out:
    free(name);
    free(body);
    return err;
}

/* Each time two uploads: an honest one, and one that claims to be larger than any memory. */
static int receive(const struct scene_call *call, int (*accept)(const struct upload *upload))
{
    char name[NAME_BYTES], length[24];
    struct upload honest, liar;
    char *first = malloc(call->size);
    int err = first ? 0 : -ENOMEM;

    if (first)
        memset(first, '.', call->size);
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(length, sizeof(length), "%zu", 2 * call->size);
    honest = (struct upload){length, name, NULL, first, call->size};
    liar = (struct upload){"9999999999999999999", name, name, first, call->size};
    for (unsigned i = 0; i < call->n && err == 0; i++) {
        err = accept(&honest);
        if (err == 0)
            err = accept(&liar);
        if (err == -EFBIG)
            err = 0; /* the client gets its 413, and that is all */
    }
    free(first);
    return err;
}

static int on_fixed(struct scene_call *call)
{
    const int64_t cost = 3 * (int64_t)call->size + NAME_BYTES;
    int err = budget_take(cost, 0, 0);

    if (err == 0) {
        err = receive(call, overwrite_fixed);
        budget_give(cost, 0, 0);
    }
    return err;
}

static int on_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = call->n * (int64_t)(call->size + NAME_BYTES),
                              .objects = LOST_BLOCKS * (int64_t)call->n};
    int err = lost_begin(&lost, cost, LOST_BLOCKS * (size_t)call->n);

    if (err == 0)
        err = receive(call, overwrite_leak);
    return lost_end(err);
}

LAB_TEXT(overwrite);
const struct scene scene_overwrite = {
    .id = "overwrite",
    .lab = LAB(overwrite),
    .title = "The only pointer to a block is overwritten",
    .lesson = "p = realloc(p, n) loses the block when it fails; take the answer in a temporary.",
    .resource = "heap",
    .signature =
        "inuse_space grows in overwrite_leak by a first piece and a name for each upload that "
        "lies about its length; the place is the malloc's, not the realloc's.",
    .guilty_function = "overwrite_leak",
    .n_max = 1000,
    .size_default = 3373,
    .size_min = 256,
    .size_max = 16 << 10,
    .leak = on_leak,
    .fixed = on_fixed,
    .lost = &lost,
};
