/*
 * Churn: a control. A request's headers are read into a list, put in order and written out again:
 * two hundred small allocations of many sizes and a buffer that grows by realloc(), and all of it
 * is given back before the answer. Leaky variant or not, the work is the same and keeps nothing.
 *
 * What the profiles show: alloc_space and alloc_objects rise faster than in any leak of this
 * catalogue; in-use stays flat. Allocation is what makes it slow, not what makes it grow.
 */
#include "scene.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADERS = 67, COST = 16 << 10 /* for the budget: what one request has at its peak */ };

struct header {
    struct header *next;
    char *name, *value;
};

static atomic_uint checksum; /* somebody has to read the text, or writing it is no work */

static void free_headers(struct header *list)
{
    while (list) {
        struct header *header = list;

        list = header->next;
        free(header->name);
        free(header->value);
        free(header);
    }
}

/* Puts a copy of the header where it belongs by name. 0 or -ENOMEM. */
static int add_header(struct header **list, const char *name, const char *value)
{
    struct header *header = malloc(sizeof(*header));

    if (!header)
        return -ENOMEM;
    *header = (struct header){.name = strdup(name), .value = strdup(value)};
    while (*list && header->name && strcmp((*list)->name, header->name) < 0)
        list = &(*list)->next;
    header->next = *list;
    *list = header;
    return header->name && header->value ? 0 : -ENOMEM;
}

/* Adds to a text that grows by half. 0 or -ENOMEM; the text stays the caller's. */
static int append(char **text, size_t *length, size_t *room, const char *more)
{
    size_t size = strlen(more);

    if (*length + size + 1 > *room) {
        size_t wanted = (*length + size + 1) * 3 / 2;
        char *moved = realloc(*text, wanted);

        if (!moved)
            return -ENOMEM;
        *text = moved;
        *room = wanted;
    }
    memcpy(*text + *length, more, size + 1);
    *length += size;
    return 0;
}

static int one_request(void)
{
    struct header *headers = NULL;
    char name[32], value[128], *text = NULL;
    size_t length = 0, room = 0;
    unsigned sum = 0;
    int err = 0;

    for (int i = 0; i < HEADERS && err == 0; i++) {
        snprintf(name, sizeof(name), "x-field-%d: ", i * 31 % HEADERS);
        snprintf(value, sizeof(value), "%0*d\r\n", 1 + i, i);
        err = add_header(&headers, name, value);
    }
    for (struct header *header = headers; header && err == 0; header = header->next)
        if ((err = append(&text, &length, &room, header->name)) == 0)
            err = append(&text, &length, &room, header->value);
    for (size_t i = 0; i < length; i++)
        sum += (unsigned char)text[i];
    atomic_store_explicit(&checksum, sum, memory_order_relaxed);
    free(text);
    free_headers(headers);
    return err;
}

__attribute__((noinline)) static int churn_work(struct scene_call *call)
{
    int err = 0;

    if (budget_take(COST, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n && err == 0; i++)
        err = one_request();
    budget_give(COST, 0, 0);
    return err;
}

LAB_TEXT(churn);
const struct scene scene_churn = {
    .id = "churn",
    .lab = LAB(churn),
    .title = "A control: many allocations, nothing kept",
    .lesson = "Two hundred allocations a request are slow, and no leak: judge by what is in use.",
    .resource = "none",
    .signature = "alloc_space and alloc_objects rise faster than anywhere else; inuse_space, "
                 "threads and descriptors stay flat.",
    .n_max = 1000,
    .leak = churn_work,
    .fixed = churn_work,
};
