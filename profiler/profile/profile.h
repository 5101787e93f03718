/*
 * A profile is a table: each row has a stack, at most one label and a few values. Taking a profile,
 * subtracting two and writing one in some format all use this struct. What only one kind has
 * besides is in the file of that kind (struct lp_profile_extra).
 *
 * Everything here is ordinary heap memory of the profiler's own thread, and nothing is locked: a
 * profile belongs to whoever made it. Functions that allocate return NULL when memory is out.
 */
#ifndef LP_PROFILE_PROFILE_H
#define LP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LP_VALUES_MAX = 4, LP_KIND_RESOURCES = 2 };

struct lp_value_type {
    const char *type, *unit; /* pprof's sample type: "inuse_space", "bytes" */
};

/* What bounds a resource from above (judge/limits.h says by how much). */
enum lp_bound {
    LP_BOUND_NONE,
    LP_BOUND_MEMORY,
    LP_BOUND_THREADS,
    LP_BOUND_STACKS,
    LP_BOUND_FDS,
    LP_BOUND_WATCHES, /* inotify's and epoll's, of one user */
    LP_BOUNDS
};

struct lp_profile;
struct lp_row;

/* A profile of a stretch of time and not of a moment: between begin() and the kind's take(), which
 * ends it. Snapshots do not hold it, and there is no delta of two (profile/window.h). */
struct lp_timespan {
    int seconds; /* how long it is, unless asked otherwise */
    int hz_default, hz_max;
    int (*begin)(int hz);  /* 0; -EALREADY: one is under way; other negative errno */
    int (*look)(void);     /* to be called in between; in how many ms again */
    void (*abandon)(void); /* ends it without a profile */
};

/* What a leak of it is called among the suspects, and when growth is worth a line there. */
struct lp_resource {
    const char *name, *unit; /* name NULL: none */
    int64_t floor;
    enum lp_bound bound;
    int value;                                /* the column that grows when it leaks */
    bool (*counts)(const struct lp_row *row); /* NULL: every row does */
};

/* What the profiles of some kinds have besides their rows: `size` zeroed bytes behind each profile,
 * which the functions know. A function may be NULL. */
struct lp_profile_extra {
    size_t size;
    int64_t (*bytes)(const struct lp_profile *profile); /* that it points to */
    void (*release)(struct lp_profile *profile);
    void (*begin_diff)(struct lp_profile *delta, const struct lp_profile *to);
    /* Corrects the variances of a row of the delta, which are the sums of both; `from` has no
     * values where the row is new. 0 or -ENOMEM. */
    int (*diff_row)(struct lp_profile *delta, struct lp_row *row, const struct lp_row *from,
                    const struct lp_row *to);
};

/* What a profile is called, what its columns mean, and how it is taken. One const struct each, in
 * the file that takes it (profile/kinds.h). */
struct lp_profile_kind {
    const char *name;  /* in URLs and file names: "heap" */
    const char *about; /* one sentence for the index page */
    int nvalues;
    struct lp_value_type values[LP_VALUES_MAX];
    int default_value; /* written as pprof's default_sample_type; -1: none is written */
    int shown_value;   /* the column that text, folded and svg show unless asked otherwise */
    int growth_value;  /* the column that grows when something leaks */
    struct lp_value_type period;
    const char *label_key;  /* the label that each row carries; NULL: none */
    const char *label_unit; /* unit of a numeric label; NULL: the label is text */

    /* How debug=2 shows an item; NULL: the profile has none. $i is the id, $n the name, $s the
     * state, $S the same after a space if there is one, $w how long it has been in it. */
    const char *item;
    const char *item_age; /* what stands before its age; NULL: "for" */

    /* What debug=1 has at its head and before each stack, where Go's tools expect a form of its
     * own;
     * "$2" is column 2, in the head its total. NULL: the usual form. */
    const char *go_head, *go_row;

    int (*take)(struct lp_profile *profile); /* fills an empty one; 0 or negative errno */
    int64_t (*count)(void); /* the rows a debug=1 listing would have, about and cheaply */
    const struct lp_profile_extra *extra;  /* NULL: none */
    const struct lp_timespan *timespan;    /* NULL: a profile of the moment */
    const struct lp_profile_kind *rows_of; /* this one's rows under another name; NULL: its own */

    struct lp_resource resources[LP_KIND_RESOURCES]; /* those that may leak by themselves */
};

struct lp_row {
    uint32_t stack;         /* id in record/stacks.h */
    uint32_t extra;         /* the kind's own; 0 where it is not used */
    int64_t label_num;      /* numeric label, or 0 */
    const char *label_text; /* text label, owned by the profile, or NULL */
    int64_t value[LP_VALUES_MAX];
    double variance[LP_VALUES_MAX]; /* of each value's estimate; 0: exact */
};

/* One live thing by itself, for debug=2: a thread, a descriptor. Strings are the profile's. */
struct lp_item {
    int64_t id; /* thread id, descriptor number */
    uint32_t stack;
    uint32_t creator;  /* the stack that created it; LP_STACK_NONE: not known, or `stack` is that */
    const char *name;  /* thread's name; descriptor's kind */
    const char *state; /* "sleeping, in futex"; "127.0.0.1:8080 -> 127.0.0.1:4711" */
    int64_t state_ns;  /* how long it has been in it; -1: not known, or it has none */
    int64_t age_ns;    /* -1: not known */
    int64_t value[LP_VALUES_MAX]; /* what it adds to its row */
};

struct lp_profile {
    const struct lp_profile_kind *kind;
    int64_t time_ns;     /* CLOCK_REALTIME when it was taken */
    int64_t duration_ns; /* of the window that it covers; 0: a moment */
    int64_t period;      /* the sampling rate in kind->period's unit; the one in force */
    bool delta;          /* the difference of two: values may be negative */
    uint64_t losses;  /* events not recorded since the process began (in a delta: in the window) */
    const char *note; /* a sentence on what is in it and what is not, the profile's; NULL: none */
    struct lp_row
        *rows; /* sorted by stack, then label; no two the same once lp_profile_seal() ran */
    size_t nrows, rows_capacity;
    struct lp_item *items; /* none in a delta */
    size_t nitems, items_capacity;
    struct lp_text_block *texts;        /* private: where the strings are */
    _Alignas(max_align_t) char extra[]; /* kind->extra->size bytes */
};

struct lp_profile *lp_profile_new(const struct lp_profile_kind *kind);
void lp_profile_free(struct lp_profile *profile); /* NULL is fine */

/* Copies text into the profile; it lives as long as the profile. NULL when memory is out. */
const char *lp_profile_text(struct lp_profile *profile, const char *text);

/* One more element of `size` bytes at the end of an array, zeroed: for tables of a kind's own. */
void *lp_profile_append(void *array, size_t *count, size_t *capacity, size_t size);

/* Room for one more row or item, zeroed; the pointer is good until the next call. */
struct lp_row *lp_profile_row(struct lp_profile *profile);
struct lp_item *lp_profile_item(struct lp_profile *profile);

/* Sorts the rows and adds up those with the same stack and label. Call once all rows are in. */
void lp_profile_seal(struct lp_profile *profile);

/* to - from, as a new profile; rows whose values are all zero are left out. Both must be sealed and
 * of one kind. The variance of a difference is the sum of both, unless the kind knows better. */
struct lp_profile *lp_profile_diff(const struct lp_profile *from, const struct lp_profile *to);

/* Drops the rows whose column `value` is not positive (sign=growth). */
void lp_profile_keep_growth(struct lp_profile *profile, int value);

/* What it takes of memory. */
int64_t lp_profile_bytes(const struct lp_profile *profile);

/* Sum of one column, and its standard error in *error unless NULL. */
int64_t lp_profile_total(const struct lp_profile *profile, int value, double *error);

#endif
