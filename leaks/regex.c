/*
 * Regex: an expression is compiled for every request.
 *
 * An access check matches the path of a request against a pattern. regcomp() and regexec() stand
 * side by side, the regex_t is a variable on the stack, and what is on the stack needs no free. But
 * a regex_t is only the handle: the compiled automaton is on the heap, and regexec() adds to it.
 *
 * What the profiles show: inuse_space grows by 55 KB a request in two hundred blocks that libc
 * makes under two lines of regex_leak: a tenth by regcomp(), the rest by regexec(), which extends
 * the automaton as it goes. The blocks are lost: a leak checker finds them, too.
 */
#include "scene.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "hidden.h"

#define PATTERN "^/accounts/([0-9]+)/(invoices|letters)/[a-z]+$"

enum {
    /* What glibc 2.36 keeps for PATTERN once it has matched a path. Most of it is what regexec()
     * makes on its way: a table of 2 KiB for each state that it comes to. */
    REGEX_BYTES = 54948,
    REGEX_OBJECTS = 203,
    CHECKS_MAX = 100,
    POINTERS = 2 /* of a regex_t that regfree() frees: all of them that are not NULL */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hidden lost; /* protected by lock */
static struct held held;   /* protected by lock */
static regex_t compiled;   /* regex_fixed's; regexec() may use it on several threads at once */
static atomic_uint allowed;

static void write_path(char *path, size_t size, unsigned i)
{
    snprintf(path, size, "/accounts/%u/invoices/march", 1337 + i);
}

/* glibc's regfree() needs no more than these of a regex_t. All of a request's, or -ENOSPC. */
static int forget(const regex_t *regexes, unsigned n)
{
    int err = -ENOSPC;

    pthread_mutex_lock(&lock);
    if (hidden_has_room(&lost, (size_t)n * POINTERS)) {
        for (unsigned i = 0; i < n; i++) {
            hidden_put(&lost, regexes[i].buffer);
            hidden_put(&lost, regexes[i].fastmap);
        }
        held.bytes += (int64_t)n * REGEX_BYTES;
        held.objects += (int64_t)n * REGEX_OBJECTS;
        err = 0;
    }
    pthread_mutex_unlock(&lock);
    return err;
}

static void free_all(regex_t *regexes, unsigned n)
{
    while (n > 0)
        regfree(&regexes[--n]);
}

__attribute__((noinline)) static int regex_fixed(struct scene_call *call)
{
    char path[97];

    if (budget_take(REGEX_BYTES, 0, 0) < 0)
        return -ENOSPC;
    for (unsigned i = 0; i < call->n; i++) {
        write_path(path, sizeof(path), i);
        if (regexec(&compiled, path, 0, NULL, 0) == 0) /* compiled once, before any request */
            atomic_fetch_add_explicit(&allowed, 1, memory_order_relaxed);
    }
    budget_give(REGEX_BYTES, 0, 0);
    return 0;
}

__attribute__((noinline)) static int regex_leak(struct scene_call *call)
{
    const int64_t cost = (int64_t)call->n * REGEX_BYTES;
    regex_t seen[CHECKS_MAX]; /* for regex_reset() alone */
    unsigned made = 0;
    int err = 0;
    char path[97];

    if (budget_take(cost, 0, 0) < 0)
        return -ENOSPC;
    while (made < call->n && err == 0) {
        regex_t regex;

        write_path(path, sizeof(path), made);
        if (regcomp(&regex, PATTERN, REG_EXTENDED | REG_NOSUB) != 0) {
            err = -ENOMEM;
            break;
        }
        if (regexec(&regex, path, 0, NULL, 0) == 0)
            atomic_fetch_add_explicit(&allowed, 1, memory_order_relaxed);
        seen[made++] =
            regex; /* the fatal line: a regfree() is missing before it goes out of scope */
    }
    if (err == 0)
        err = forget(seen, made);
    if (err < 0) {
        free_all(seen, made);
        budget_give(cost, 0, 0);
    }
    return err;
}

static void regex_reset(struct held *drained)
{
    regex_t regex = {0};

    pthread_mutex_lock(&lock);
    while (lost.n > 0) {
        regex.fastmap = hidden_take(&lost);
        regex.buffer = hidden_take(&lost);
        regfree(&regex);
    }
    *drained = held;
    held = (struct held){0};
    pthread_mutex_unlock(&lock);
    budget_give(drained->bytes, 0, 0);
}

static struct held regex_held(void)
{
    struct held now;

    pthread_mutex_lock(&lock);
    now = held;
    pthread_mutex_unlock(&lock);
    return now;
}

static int regex_start(void)
{
    return regcomp(&compiled, PATTERN, REG_EXTENDED | REG_NOSUB) == 0 ? 0 : -ENOMEM;
}

static void regex_stop(void)
{
    struct held drained;

    regex_reset(&drained);
    regfree(&compiled);
}

LAB_TEXT(regex);
const struct scene scene_regex = {
    .id = "regex",
    .lab = LAB(regex),
    .title = "A regular expression compiled for every request",
    .lesson =
        "A compiled expression is on the heap, whatever its handle is on: compile it once, or "
        "free it with regfree().",
    .resource = "heap",
    .signature = "inuse_space grows by 55 KB a request at two lines of regex_leak, in some two "
                 "hundred blocks "
                 "that libc made under regexec() and regcomp().",
    .guilty_function = "regex_leak",
    .n_max = CHECKS_MAX,
    .start = regex_start,
    .stop = regex_stop,
    .leak = regex_leak,
    .fixed = regex_fixed,
    .reset = regex_reset,
    .held = regex_held,
};
