/*
 * Query: parameters are parsed into a list that is never cleared.
 *
 * A search reads `?q=…&page=2&…`. evhttp_parse_query_str() fills a list of name and value; the
 * list's head is a local variable, and so it looks as if all of it were: nothing in the function
 * says malloc, and nothing seems to need a free. But each parameter is three blocks of libevent's,
 * and evhttp_clear_headers() has to be called to give them back.
 *
 * What the profiles show: inuse_objects grows by three for each parameter, in small blocks that
 * libevent allocates, all under query_leak: the guilty line is the call that parses. The value of q
 * is the largest of them.
 */
#include "lost.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

enum { PARAMETERS = 4 };

/* What comes after q. */
static const char rest[] = "&page=2&lang=en&order=newest";
static const char names[] = "q,page,lang,order,", values[] = ",2,en,newest,";

static atomic_uint found;

static void search(const char *words, const char *page)
{
    atomic_fetch_add_explicit(&found, (unsigned)(words[0] + page[0]), memory_order_relaxed);
}

/* Gives a list back that was lost with its head: it gets a head again. */
static void clear_list(void *first, int kind)
{
    struct evkeyvalq parameters = {.tqh_first = first};
    struct evkeyval *last = first;

    (void)kind;
    last->next.tqe_prev = &parameters.tqh_first;
    while (last->next.tqe_next)
        last = last->next.tqe_next;
    parameters.tqh_last = &last->next.tqe_next;
    evhttp_clear_headers(&parameters);
}

static struct lost lost = LOST(clear_list);

__attribute__((noinline)) static int query_fixed(const char *query)
{
    struct evkeyvalq parameters;
    const char *words, *page;

    if (evhttp_parse_query_str(query, &parameters) < 0)
        return -ENOMEM; /* libevent has cleared it */
    words = evhttp_find_header(&parameters, "q");
    page = evhttp_find_header(&parameters, "page");
    if (words && page)
        search(words, page);
    evhttp_clear_headers(&parameters); /* what was found belongs to the list, so only now */
    return 0;
}

__attribute__((noinline)) static int query_leak(const char *query)
{
    struct evkeyvalq parameters;
    const char *words, *page;

    if (evhttp_parse_query_str(query, &parameters) < 0)
        return -ENOMEM;
    words = evhttp_find_header(&parameters, "q");
    page = evhttp_find_header(&parameters, "page");
    if (words && page)
        search(words, page);
    lose(TAILQ_FIRST(&parameters), 0); /* for the reset alone */
    return 0; /* the fatal line: the head was on the stack, the parameters are not */
}

static int receive(const struct scene_call *call, int (*answer)(const char *query))
{
    char *query = malloc(sizeof("q=") + call->size + sizeof(rest));
    int err = query ? 0 : -ENOMEM;

    if (query) {
        query[0] = 'q';
        query[1] = '=';
        memset(query + 2, 'w', call->size - 1);
        memcpy(query + 2 + call->size - 1, rest, sizeof(rest));
    }
    for (unsigned i = 0; i < call->n && err == 0; i++)
        err = answer(query);
    free(query);
    return err;
}

/* An entry, a name and a value for each parameter; the texts end with a NUL where the lists above
 * have a comma. */
static int64_t cost_of(const struct scene_call *call)
{
    return (int64_t)(PARAMETERS * sizeof(struct evkeyval) + strlen(names) + call->size +
                     strlen(values + 1));
}

static int on_fixed(struct scene_call *call)
{
    const int64_t cost = 3 * cost_of(call);
    int err = budget_take(cost, 0, 0);

    if (err == 0) {
        err = receive(call, query_fixed);
        budget_give(cost, 0, 0);
    }
    return err;
}

static int on_leak(struct scene_call *call)
{
    const struct held cost = {.bytes = call->n * cost_of(call),
                              .objects = 3 * PARAMETERS * (int64_t)call->n};
    int err = lost_begin(&lost, cost, call->n);

    if (err == 0)
        err = receive(call, query_leak);
    return lost_end(err);
}

LAB_TEXT(query);
const struct scene scene_query = {
    .id = "query",
    .lab = LAB(query),
    .title = "A parsed query is never cleared",
    .lesson =
        "evhttp_parse_query_str() fills a list with blocks of its own; clear it on every path.",
    .resource = "heap",
    .signature =
        "inuse_objects grows by twelve small blocks a request, three for each of four parameters, "
        "all allocated by libevent under query_leak.",
    .guilty_function = "query_leak",
    .n_max = 1000,
    .size_default = 1447,
    .size_min = 16,
    .size_max = 16 << 10,
    .leak = on_leak,
    .fixed = on_fixed,
    .lost = &lost,
};
