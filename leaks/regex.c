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
#include "lost.h"

#include <errno.h>
#include <regex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define PATTERN "^/accounts/([0-9]+)/(invoices|letters)/[a-z]+$"

enum {
    /* What glibc 2.36 keeps for PATTERN once it has matched a path. Most of it is what regexec()
     * makes on its way: a table of 2 KiB for each state that it comes to. */
    REGEX_BYTES = 54948,
    REGEX_OBJECTS = 203,
    CHECKS_MAX = 100,
    POINTERS = 2 /* of a regex_t, that regfree() frees */
};

static regex_t compiled; /* regex_fixed's; regexec() may use it on several threads at once */
static atomic_uint allowed;

static void write_path(char *path, size_t size, unsigned i)
{
    snprintf(path, size, "/accounts/%u/invoices/march", 1337 + i);
}

/* glibc's regfree() frees what is not NULL: the automaton, or the map of first bytes. */
static void free_part(void *part, int is_map)
{
    regex_t regex = {.buffer = is_map ? NULL : part, .fastmap = is_map ? part : NULL};

    regfree(&regex);
}

static struct lost lost = LOST(free_part);

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
    const struct held cost = {.bytes = (int64_t)call->n * REGEX_BYTES,
                              .objects = (int64_t)call->n * REGEX_OBJECTS};
    int err = lost_begin(&lost, cost, (size_t)call->n * POINTERS);
    char path[97];

    for (unsigned i = 0; i < call->n && err == 0; i++) {
        regex_t regex;

        write_path(path, sizeof(path), i);
        if (regcomp(&regex, PATTERN, REG_EXTENDED | REG_NOSUB) != 0) {
            err = -ENOMEM;
            break;
        }
        if (regexec(&regex, path, 0, NULL, 0) == 0)
            atomic_fetch_add_explicit(&allowed, 1, memory_order_relaxed);
        lose(regex.buffer, false); /* for the reset alone */
        lose(regex.fastmap, true);
        /* the fatal line: a regfree() is missing before it goes out of scope */
    }
    return lost_end(err);
}

static int regex_start(void)
{
    return regcomp(&compiled, PATTERN, REG_EXTENDED | REG_NOSUB) == 0 ? 0 : -ENOMEM;
}

static void regex_stop(void)
{
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
    .lost = &lost,
};
