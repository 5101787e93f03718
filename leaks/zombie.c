/*
 * Zombie: children that nobody waits for.
 *
 * After each upload the service runs a hook, a small program that somebody else wrote, and does not
 * care how it ends: fire and forget. The kernel does care. An ended child keeps its process id and
 * its exit status until its parent has asked for them, so each upload leaves a zombie behind.
 *
 * What the profiles show: procs grows by one a request, state "zombie", all started in zombie_leak.
 * Memory, threads and descriptors of the service stay flat: what runs out is the process ids, and
 * then nobody on the machine can start anything.
 */
#include "holding.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>

#include "batch.h"

enum {
    HOOK_COST = 16 << 10, /* for the budget: what the kernel keeps of a child */
    CHILDREN_MAX = 1 << 15,
    UPLOADS_MAX = 50, /* to start one takes a loop the better part of a millisecond */
    WAIT_MS = 20      /* between two looks, where the kernel has no pidfd */
};

/* A child that is watched until it ends. Its loop's. */
struct hook {
    struct batch *batch;
    struct event *end;
    pid_t pid;
    int pidfd; /* -1: there is none, look now and then */
    char upload[359];
};

static struct holding own = HOLDING;
static pid_t forgotten[CHILDREN_MAX]; /* own.held.children of them, for the reset alone; protected
                                         by own.lock */
static unsigned coming;               /* room taken by requests under way; protected by own.lock */

static char *const hook_arguments[] = {(char *)"true", NULL};
static char *const hook_environment[] = {NULL};

static bool take_room(unsigned n)
{
    bool room;

    pthread_mutex_lock(&own.lock);
    room = n <= CHILDREN_MAX - own.held.children - coming;
    if (room)
        coming += n;
    pthread_mutex_unlock(&own.lock);
    return room;
}

/* n had asked for room; all of them are the reset's to wait for, or (undo) those that were made are
 * waited for here: they end at once. */
static void forget(const pid_t *children, unsigned made, unsigned n, bool undo)
{
    pthread_mutex_lock(&own.lock);
    for (unsigned i = 0; i < made && !undo; i++)
        forgotten[own.held.children++] = children[i];
    coming -= n;
    pthread_mutex_unlock(&own.lock);
    for (unsigned i = 0; i < made && undo; i++)
        waitpid(children[i], NULL, 0);
}

static void free_hook(struct hook *hook)
{
    struct batch *batch = hook->batch;

    if (hook->end)
        event_free(hook->end);
    if (hook->pidfd >= 0)
        close(hook->pidfd);
    free(hook);
    budget_give(HOOK_COST, 1, 1);
    batch_drop(batch);
}

/* The descriptor says that the child has ended, so this does not block; or time says to look. */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval later = {.tv_usec = WAIT_MS * 1000};
    struct hook *hook = arg;

    (void)fd, (void)what;
    if (waitpid(hook->pid, NULL, WNOHANG) == 0)
        event_add(hook->end, &later);
    else
        free_hook(hook);
}

/* Everything but the child. */
static struct hook *new_hook(struct scene_call *call, struct batch *batch)
{
    struct hook *hook = calloc(1, sizeof(*hook));

    if (!hook)
        return NULL;
    hook->batch = batch;
    hook->pidfd = -1;
    batch_add(batch);
    hook->end = event_new(call->base, -1, 0, on_end, hook);
    if (hook->end)
        return hook;
    free(hook);
    batch_drop(batch);
    return NULL;
}

static void watch(struct hook *hook, struct event_base *base)
{
    static const struct timeval soon = {.tv_usec = 1000};

    hook->pidfd = (int)syscall(SYS_pidfd_open, hook->pid, 0);
    if (hook->pidfd < 0 || event_assign(hook->end, base, hook->pidfd, EV_READ, on_end, hook) < 0 ||
        event_add(hook->end, NULL) < 0)
        event_add(hook->end, &soon);
}

__attribute__((noinline)) static int zombie_fixed(struct scene_call *call)
{
    struct batch *batch;
    unsigned made = 0;
    int err = 0;

    if (budget_take((int64_t)call->n * HOOK_COST, call->n, call->n) < 0)
        return -ENOSPC;
    batch = batch_new(call);
    while (batch && made < call->n && err == 0) {
        struct hook *hook = new_hook(call, batch);

        if (!hook) {
            err = -ENOMEM;
            break;
        }
        made++;
        snprintf(hook->upload, sizeof(hook->upload), "upload-%u", made);
        err = -posix_spawn(&hook->pid, "/bin/true", NULL, NULL, hook_arguments, hook_environment);
        if (err == 0)
            watch(hook, call->base); /* its end is waited for, by the loop */
        else
            free_hook(hook);
    }
    budget_give((int64_t)(call->n - made) * HOOK_COST, call->n - made, call->n - made);
    if (!batch)
        return -ENOMEM;
    if (err < 0)
        batch->call = NULL; /* those that run already are reaped all the same */
    batch_drop(batch);
    return err < 0 ? err : SCENE_LATER;
}

__attribute__((noinline)) static int zombie_leak(struct scene_call *call)
{
    pid_t children[UPLOADS_MAX];
    unsigned made = 0;
    int err = 0;

    if (budget_take((int64_t)call->n * HOOK_COST, call->n, 0) < 0)
        return -ENOSPC;
    if (!take_room(call->n)) {
        budget_give((int64_t)call->n * HOOK_COST, call->n, 0);
        return -ENOSPC;
    }
    while (made < call->n && err == 0) {
        char upload[359];

        snprintf(upload, sizeof(upload), "upload-%u", made);
        /* the fatal line: a child that is started has to be waited for */
        err = -posix_spawn(&children[made], "/bin/true", NULL, NULL, hook_arguments,
                           hook_environment);
        made += err == 0;
    }
    forget(children, made, call->n, err < 0);
    if (err < 0)
        budget_give((int64_t)call->n * HOOK_COST, call->n, 0);
    return err;
}

/* One that still runs is left for the next look. */
static void zombie_reset(struct held *drained)
{
    int64_t left = 0;

    pthread_mutex_lock(&own.lock);
    for (int64_t i = 0; i < own.held.children; i++)
        if (waitpid(forgotten[i], NULL, WNOHANG) == 0)
            forgotten[left++] = forgotten[i];
    drained->children = own.held.children - left;
    own.held.children = left;
    pthread_mutex_unlock(&own.lock);
    budget_give(drained->children * HOOK_COST, drained->children, 0);
}

static void zombie_stop(void)
{
    while (own.held.children > 0)
        waitpid(forgotten[--own.held.children], NULL, 0);
}

LAB_TEXT(zombie);
const struct scene scene_zombie = {
    .id = "zombie",
    .lab = LAB(zombie),
    .title = "Children that nobody waits for",
    .lesson = "A child that has ended keeps its process id until its parent has waited for it; "
              "whoever starts one has to reap it.",
    .resource = "children",
    .signature = "The procs profile grows by one zombie a request, started in zombie_leak; memory, "
                 "threads and descriptors stay flat.",
    .guilty_function = "zombie_leak",
    .n_max = UPLOADS_MAX,
    .stop = zombie_stop,
    .leak = zombie_leak,
    .fixed = zombie_fixed,
    .reset = zombie_reset,
    .holding = &own,
};
