/*
 * A profile is a table: each row has a stack, at most one label and a few values. Taking a profile,
 * subtracting two and writing one in a format all use this struct. What only one kind has in
 * addition is in the file of that kind (struct lp_profile_extra).
 *
 * Everything here is ordinary heap memory of the profiler's own thread, and nothing is locked: a
 * profile belongs to its creator. Functions that allocate return NULL if there is no memory.
 */
#ifndef LP_PROFILE_PROFILE_H
#define LP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/deadlock.h"

enum { LP_VALUES_MAX = 4, LP_KIND_RESOURCES = 2 };

struct lp_value_type {
    const char *type, *unit; /* pprof's sample type: "inuse_space", "bytes" */
};

/* What limits a resource (judge/limits.h has the figures). */
enum lp_bound {
    LP_BOUND_NONE,
    LP_BOUND_MEMORY,
    LP_BOUND_THREADS,
    LP_BOUND_STACKS,
    LP_BOUND_FDS,
    LP_BOUND_WATCHES, /* of inotify and epoll, per user */
    LP_BOUNDS
};

struct lp_profile;
struct lp_row;

/* For a profile of a period and not of a moment: begin() starts it, and the kind's take() ends it.
 * Snapshots do not hold it, and two of them cannot be subtracted (profile/window.h). */
struct lp_timespan {
    int seconds; /* the default length */
    int hz_default, hz_max;
    int (*begin)(int hz);  /* 0; -EALREADY: one is running; other negative errno */
    int (*look)(void);     /* call it in between; returns the ms until the next call */
    void (*abandon)(void); /* ends it without a profile */
};

/* The name of a leak of it among the suspects, and which growth is reported. */
struct lp_resource {
    const char *name, *unit; /* name NULL: none */
    enum lp_bound bound;
    int value;                                /* the column that grows if it leaks */
    bool (*counts)(const struct lp_row *row); /* NULL: every row does */
};

/* What the profiles of some kinds have in addition to their rows: `size` zeroed bytes behind each
 * profile, which these functions handle. A function may be NULL. */
struct lp_profile_extra {
    size_t size;
    int64_t (*bytes)(const struct lp_profile *profile); /* bytes that it points to */
    void (*release)(struct lp_profile *profile);
    void (*begin_diff)(struct lp_profile *delta, const struct lp_profile *to);
    /* Corrects the variances of a row of the delta, which are the sums of both profiles'. `from`
     * has no values if the row is new. 0 or -ENOMEM. */
    int (*diff_row)(struct lp_profile *delta, struct lp_row *row, const struct lp_row *from,
                    const struct lp_row *to);
};

/* The name of a profile, the meaning of its columns, and how it is taken. Each kind is one const
 * struct, in the file that takes it (profile/kinds.h). */
struct lp_profile_kind {
    const char *name;  /* in URLs and file names: "heap" */
    const char *about; /* one sentence for the index page */
    int nvalues;
    struct lp_value_type values[LP_VALUES_MAX];
    int default_value; /* written as pprof's default_sample_type; -1: none is written */
    int shown_value;   /* the column that text, folded and svg show by default */
    int growth_value;  /* the column that grows when something leaks */
    struct lp_value_type period;
    const char *label_key;  /* the label of each row; NULL: none */
    const char *label_unit; /* unit of a numeric label; NULL: the label is text */

    /* How debug=2 shows an item. NULL: the profile has none. $i is the id, $n the name, $s the
     * state, $S the state after a space if there is one, $w how long it has been in it. */
    const char *item;
    const char *item_age; /* the text before its age; NULL: "for" */

    /* The head of debug=1 and the text before each stack, if Go's tools expect a special form. "$2"
     * is column 2, in the head its total. NULL: the usual form. */
    const char *go_head, *go_row;

    int (*take)(struct lp_profile *profile); /* fills an empty one; 0 or negative errno */
    int64_t (*count)(void);                /* a cheap estimate of the number of rows for debug=1 */
    const struct lp_profile_extra *extra;  /* NULL: none */
    const struct lp_timespan *timespan;    /* NULL: a profile of the moment */
    const struct lp_profile_kind *rows_of; /* shows the rows of this kind; NULL: its own */

    struct lp_resource resources[LP_KIND_RESOURCES]; /* the resources that may leak */
};

struct lp_row {
    uint32_t stack;         /* id in record/stacks.h */
    uint32_t extra;         /* for the kind's use; otherwise 0 */
    int64_t label_num;      /* numeric label, or 0 */
    const char *label_text; /* text label, owned by the profile, or NULL */
    int64_t value[LP_VALUES_MAX];
    double variance[LP_VALUES_MAX]; /* of each value; 0: exact */
};

/* The order of rows in a sealed profile: by stack, then by label. */
int lp_row_order(const struct lp_row *a, const struct lp_row *b);

/* One live thing, for debug=2: a thread, a descriptor. The profile owns the strings. */
struct lp_item {
    int64_t id; /* thread id, descriptor number */
    uint32_t stack;
    uint32_t creator;  /* the stack that created it; LP_STACK_NONE: not known, or it is `stack` */
    const char *name;  /* thread's name; descriptor's kind */
    const char *state; /* "sleeping, in futex"; "127.0.0.1:8080 -> 127.0.0.1:4711" */
    /* Where the state names something outside the program, which redact=1 leaves out: an address, a
     * peer, a path. length 0: nowhere. */
    struct {
        uint16_t at, length;
    } outside;
    int64_t state_ns; /* how long it has been in this state; -1: not known, or it has none */
    int64_t age_ns;   /* -1: not known */
    int64_t holder;   /* the thread that holds the mutex that this one waits for; 0: none */
    enum lp_deadlock deadlock;
    int64_t value[LP_VALUES_MAX]; /* what it adds to its row */
};

struct lp_profile {
    const struct lp_profile_kind *kind;
    int64_t time_ns;     /* CLOCK_REALTIME when it was taken */
    int64_t duration_ns; /* length of the window; 0: a moment */
    int64_t period;      /* the sampling rate in force, in kind->period's unit */
    bool delta;          /* the difference of two: values may be negative */
    uint64_t losses;  /* events not recorded since the process began (in a delta: in the window) */
    const char *note; /* a sentence on what it contains, owned by the profile; NULL: none */
    bool missing;     /* it could not be taken: it has no rows, and the note has the reason */
    struct lp_row
        *rows; /* sorted by stack, then label; no two the same once lp_profile_seal() ran */
    size_t nrows, rows_capacity;
    struct lp_item *items; /* none in a delta */
    size_t nitems, items_capacity;
    struct lp_text_block *texts;        /* private: where the strings are */
    _Alignas(max_align_t) char extra[]; /* kind->extra->size bytes */
};

struct lp_profile *lp_profile_new(const struct lp_profile_kind *kind);
void lp_profile_free(struct lp_profile *profile); /* NULL is allowed */

/* Copies text into the profile, as long as the profile lives. NULL: no memory. */
const char *lp_profile_text(struct lp_profile *profile, const char *text);

/* One more element of `size` bytes at the end of an array, zeroed: for tables of a kind's own. */
void *lp_profile_append(void *array, size_t *count, size_t *capacity, size_t size);

/* Adds a zeroed row or item. The pointer is valid until the next call. */
struct lp_row *lp_profile_row(struct lp_profile *profile);
struct lp_item *lp_profile_item(struct lp_profile *profile);

/* Sorts the rows and adds up those with the same stack and label. Call it after the last row. */
void lp_profile_seal(struct lp_profile *profile);

/* Returns to - from as a new profile. Rows whose values are all zero are left out. Both must be
 * sealed and of one kind. The variance of a difference is the sum of both, unless the kind corrects
 * it. If one of them is missing, so is the difference. */
struct lp_profile *lp_profile_diff(const struct lp_profile *from, const struct lp_profile *to);

/* Drops the rows whose column `value` is not positive (sign=growth). */
void lp_profile_keep_growth(struct lp_profile *profile, int value);

/* Its size in memory. */
int64_t lp_profile_bytes(const struct lp_profile *profile);

/* The sum of one column. Sets *error to its standard error, unless NULL. */
int64_t lp_profile_total(const struct lp_profile *profile, int value, double *error);

#endif
