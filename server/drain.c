/*
 * A reset tells the scene to release what it holds. Threads end and other loops free their part a
 * moment later. The answer waits for that: a timer checks every few milliseconds, so the loop is
 * never blocked. What requests leak meanwhile is released too. After SETTLE_TICKS the answer only
 * waits for as much as the scene held at the start.
 */
#include "drain.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <event2/http.h>
#include "scene.h"

#include "front.h"
#include "reply.h"
#include "stats.h"

enum { TICK_MS = 5, SETTLE_TICKS = 100, PATIENCE_TICKS = 1000, LARGE = 100 << 10 };

struct drain {
    struct evhttp_request *request;
    struct event *tick;
    const struct scene *scene; /* NULL: all */
    int ticks;
    struct account {
        struct held asked, drained;
    } accounts[]; /* in the order of scenes[] */
};

static bool is_nothing(struct held held)
{
#define X(field)                                                                                   \
    if (held.field != 0)                                                                           \
        return false;
    HELD_FIELDS(X)
#undef X
    return true;
}

/* true: the scene holds nothing now. */
static bool drain_scene(const struct scene *scene, struct held *drained)
{
    struct held more;

    scene_reset(scene, &more);
#define X(field) drained->field += more.field;
    HELD_FIELDS(X)
#undef X
    return is_nothing(scene_held(scene));
}

static bool covers(const struct account *account)
{
    const struct held *asked = &account->asked, *drained = &account->drained;

#define X(field)                                                                                   \
    if (drained->field < asked->field)                                                             \
        return false;
    HELD_FIELDS(X)
#undef X
    return true;
}

static bool drain_step(struct drain *drain)
{
    bool done = true;

    for (int i = 0; scenes[i]; i++) {
        struct account *account = &drain->accounts[i];

        if (drain->scene && drain->scene != scenes[i])
            continue;
        if (drain->ticks == 0)
            account->asked = scene_held(scenes[i]);
        done &= drain_scene(scenes[i], &account->drained) ||
                (drain->ticks >= SETTLE_TICKS && covers(account));
    }
    return done;
}

static json_t *held_json(const struct held *held)
{
    json_t *json = json_object();

#define X(field) json_object_set_new(json, #field, json_integer(held->field));
    HELD_FIELDS(X)
#undef X
    return json;
}

/* glibc keeps freed pages in the arena of the thread that allocated them. Many rounds of leak and
 * reset on different loops would then exceed the budget. malloc_trim() releases free pages between
 * blocks in use. A large free releases the top of this thread's arena. */
static void trim(void)
{
    void *block = malloc(LARGE);

    __asm__ volatile("" : "+r"(block));
    free(block);
    malloc_trim(0);
}

static void drain_end(struct drain *drain, bool empty)
{
    json_t *drained = json_object(), *left = json_object();

    for (int i = 0; scenes[i]; i++) {
        struct held held = scene_held(scenes[i]);

        if (drain->scene && drain->scene != scenes[i])
            continue;
        json_object_set_new(drained, scenes[i]->id, held_json(&drain->accounts[i].drained));
        json_object_set_new(left, scenes[i]->id, held_json(&held));
    }
    trim();
    if (empty)
        reply_json(drain->request, 200,
                   json_pack("{ss sO}", "status", "reset", "drained", drained));
    else
        reply_error(drain->request, 503, json_pack("{sO sO}", "drained", drained, "held", left),
                    "not everything is released yet; repeat the request");
    json_decref(drained);
    json_decref(left);
    event_free(drain->tick);
    free(drain);
    stats_pending(-1);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval soon = {.tv_usec = TICK_MS * 1000};
    struct drain *drain = arg;
    bool empty = drain_step(drain);

    (void)fd, (void)what;
    if (empty || front_stopping() || ++drain->ticks > PATIENCE_TICKS)
        drain_end(drain, empty);
    else
        event_add(drain->tick, &soon);
}

void drain_run(struct evhttp_request *request, struct loop *loop, const struct scene *scene)
{
    struct drain *drain;
    size_t nscenes = 0;

    while (scenes[nscenes])
        nscenes++;
    drain = calloc(1, sizeof(*drain) + nscenes * sizeof(drain->accounts[0]));
    if (drain)
        drain->tick = evtimer_new(front_base(loop), on_tick, drain);
    if (!drain || !drain->tick) {
        free(drain);
        reply_no_memory(request);
        return;
    }
    drain->request = request;
    drain->scene = scene;
    stats_pending(1);
    on_tick(-1, 0, drain);
}

void drain_all(int ms)
{
    static const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    bool empty = false;

    for (int waited = 0; !empty && waited <= ms; waited += TICK_MS) {
        empty = stats_pending(0) == 0;
        for (int i = 0; scenes[i]; i++) {
            struct held drained = {0};

            empty &= drain_scene(scenes[i], &drained);
        }
        if (!empty)
            nanosleep(&tick, NULL);
    }
}
