/*
 * A scene is one classic leak beside the same work done right. This header is all that scenes and
 * the server know of each other; scenes know nothing of the profiler.
 *
 * To add a scene: write leaks/<id>.c in the shape of leaks/slice.c, end it with one
 * `const struct scene scene_<id>` that says where it keeps what it holds (holding.h, lost.h or
 * kept.h), its lab text leaks/<id>.md beside it, add it to the list in leaks/catalogue.c, and a row
 * to tests/blackbox/catalogue.tsv. Routes, the catalogue, the page, budgets and the tests follow
 * from that.
 *
 * Threads: leak(), fixed() run on any of the server's event loops, several at once; each scene
 * locks its own state. Nothing here may block.
 */
#ifndef LEAKS_SCENE_H
#define LEAKS_SCENE_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct holding;
struct lost;
struct keeper;

/* What a scene holds, as it counts itself: the truth that profiles are judged against. Threads run
 * or wait; unjoined ones have ended and keep their stacks. Mappings are made by mmap(), and their
 * bytes are among `bytes`. */
#define HELD_FIELDS(X) X(bytes) X(objects) X(threads) X(unjoined) X(fds) X(mappings) X(children)
struct held {
#define X(field) int64_t field;
    HELD_FIELDS(X)
#undef X
};

/* One request to a scene, made and owned by the server. */
struct scene_call {
    struct event_base *base; /* the loop that the request came in on */
    unsigned n;              /* how many times to do the work, 1 … scene->n_max */
    size_t size;             /* scene->size_default unless asked otherwise */
};

/* leak() and fixed() answer: 0, the work is done; SCENE_LATER, scene_finish() will be called for
 * this call, once, from any thread; -ENOSPC, the budget has no room, nothing was done; another
 * negative errno (-EAGAIN: threads cannot be made …), nothing was done. */
enum { SCENE_LATER = 1 };

/* Ends a call that was answered with SCENE_LATER; result as above (0 or negative errno). Any
 * thread. */
void scene_finish(struct scene_call *call, int result);

/* Runs fn(arg) soon on the loop of this base, for state that belongs to one loop (libevent's
 * objects are not shared between threads). Any thread. 0, or -ENOMEM: fn will not run. The server
 * provides both functions. */
int scene_on_loop(struct event_base *base, void (*fn)(void *arg), void *arg);

/* The text of leaks/<id>.md, which the build puts into the program; dashes become underscores. */
struct lab {
    const char *text, *end;
};
#define LAB(id)                                                                                    \
    {                                                                                              \
        _binary_leaks_##id##_md_start, _binary_leaks_##id##_md_end                                 \
    }
#define LAB_TEXT(id)                                                                               \
    extern const char _binary_leaks_##id##_md_start[], _binary_leaks_##id##_md_end[]

struct scene {
    const char *id; /* in routes: /leak/<id> */
    const char *title;
    const char *lesson;          /* one sentence: what went wrong */
    const char *resource;        /* what grows: "heap", "threads", "unjoined", "fds",
                                  * "registered" (behind one descriptor), "mappings", "children",
                                  * "unused" (memory that malloc holds and has not handed out), "none" (a
                                  * control) */
    const char *signature;       /* one sentence: what the profiles show */
    const char *guilty_function; /* where a diff points: "slice_leak"; NULL: nowhere */
    struct lab lab;
    unsigned n_max;
    size_t size_default, size_min, size_max; /* size_default 0: the scene takes no size */

    int (*start)(void); /* before any thread exists; NULL: nothing to do. 0 or negative errno */
    int (*leak)(struct scene_call *call);
    int (*fixed)(struct scene_call *call);

    /* Where it keeps what the leaky variant holds; a control has none of them. */
    struct holding *holding; /* counts it, see holding.h; the scene has a reset() */
    struct lost *lost;       /* has it, see lost.h */
    struct keeper *keeper;   /* has it, see kept.h */

    /* Gives back everything the leaky variant holds; *drained, all zero, is told what goes. What
     * has to be given back on another thread follows soon after: what is held falls to zero by
     * itself. NULL: lost and keeper know how. */
    void (*reset)(struct held *drained);
    struct held (*held)(void); /* NULL: one of the three above counts it */

    /* After the loops have ended, and lost and keeper were emptied; NULL: reset() does it all. */
    void (*stop)(void);
};

/* What the server asks of a scene, whichever of these it has. */
struct held scene_held(const struct scene *scene);
void scene_reset(const struct scene *scene, struct held *drained);
void scene_stop(const struct scene *scene);

/* All scenes, in the order of the catalogue; ends with NULL. */
extern const struct scene *const scenes[];
const struct scene *scene_find(const char *id, size_t length); /* NULL: there is none */

/* The budget that all scenes share. Takes it whole or not at all: 0 or -ENOSPC. */
void budget_set(int64_t bytes, int64_t threads, int64_t fds);
int budget_take(int64_t bytes, int64_t threads, int64_t fds);
void budget_give(int64_t bytes, int64_t threads, int64_t fds);
void budget_used(struct held *used);

#endif
