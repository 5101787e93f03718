/*
 * One scene without the server, for tools that look at a whole program: it does the work as often
 * as it is told to, and ends without giving anything back, so that what stands at the end is what
 * the scene leaks. There is one event loop and no HTTP.
 *
 *     bare SCENE leak|fixed HITS N SIZE      N and SIZE 0: the scene's own
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include "scene.h"

enum { SETTLE_MS = 300, PATIENCE_MS = 60000 };

struct job {
    struct job *next;
    void (*fn)(void *arg);
    void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct job *jobs;        /* protected by lock */
static int finished, result;    /* protected by lock */
static struct event_base *base; /* static, so that it is not lost itself */

void scene_finish(struct scene_call *call, int its_result)
{
    (void)call;
    pthread_mutex_lock(&lock);
    finished++;
    result = its_result;
    pthread_mutex_unlock(&lock);
}

int scene_on_loop(struct event_base *its_base, void (*fn)(void *arg), void *arg)
{
    struct job *job = malloc(sizeof(*job)), **end = &jobs;

    (void)its_base;
    if (!job)
        return -1;
    *job = (struct job){.fn = fn, .arg = arg};
    pthread_mutex_lock(&lock);
    while (*end)
        end = &(*end)->next;
    *end = job;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* A turn of the loop, and a moment for other threads. How many calls have been finished. */
static int turn(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    struct job *job;
    int now;

    event_base_loop(base, EVLOOP_NONBLOCK);
    pthread_mutex_lock(&lock);
    job = jobs;
    jobs = NULL;
    now = finished;
    pthread_mutex_unlock(&lock);
    while (job) {
        struct job *next = job->next;

        job->fn(job->arg);
        free(job);
        job = next;
    }
    nanosleep(&moment, NULL);
    return now;
}

static int do_once(const struct scene *scene, bool leaky, struct scene_call *call)
{
    int wanted = finished + 1, err = leaky ? scene->leak(call) : scene->fixed(call);

    if (err != SCENE_LATER)
        return err;
    for (int ms = 0; ms < PATIENCE_MS && turn() < wanted; ms++)
        ;
    return finished == wanted ? result : -1;
}

int main(int argc, char **argv)
{
    const struct scene *scene = argc == 6 ? scene_find(argv[1], strlen(argv[1])) : NULL;
    bool leaky = scene && strcmp(argv[2], "leak") == 0;
    static struct scene_call call;
    int hits;

    if (!scene || (!leaky && strcmp(argv[2], "fixed") != 0)) {
        fputs("usage: bare SCENE leak|fixed HITS N SIZE\n", stderr);
        return 2;
    }
    budget_set(1LL << 40, 100000, 100000);
    base = event_base_new();
    if (!base || (scene->start && scene->start() < 0))
        return 3;
    hits = (int)strtol(argv[3], NULL, 10);
    call.base = base;
    call.n = (unsigned)strtoul(argv[4], NULL, 10);
    call.n = call.n ? call.n : 1;
    call.size = strtoul(argv[5], NULL, 10);
    call.size = call.size ? call.size : scene->size_default;
    for (int i = 0; i < hits; i++)
        if (do_once(scene, leaky, &call) != 0)
            return 4;
    for (int ms = 0; ms < SETTLE_MS; ms++)
        turn();
    exit(0); /* no stop(): what is held stays held */
}
