/*
 * A profile is a table: each row a stack (and at most one label) with a few values. Taking a
 * profile, subtracting two, and writing one out in some format all speak of this one struct.
 *
 * Everything here lives in ordinary heap memory of the profiler's own thread; nothing is locked: a
 * profile belongs to whoever made it. Functions that allocate return NULL when memory is out.
 */
#ifndef LP_PROFILE_PROFILE_H
#define LP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/cpu.h"
#include "record/rate.h"
#include "profile/ages.h"
#include "inspect/trim.h"
#include "inspect/footprint.h"

enum { LP_VALUES_MAX = 4, LP_KIND_RESOURCES = 2 };

enum { LP_MAPS_RESIDENT = 2 }; /* of the maps profile: bytes in memory */

/* The columns of kinds with `tallies`: what was allocated, which only rises, and what is left. */
enum { LP_ALLOC_OBJECTS, LP_ALLOC_BYTES, LP_INUSE_OBJECTS, LP_INUSE_BYTES };

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

/* What a profile is called, what its columns mean, and how it is taken. One const struct each, in
 * the file that takes it (profile/kinds.h). */
struct lp_profile_kind {
    const char *name;  /* in URLs and file names: "heap" */
    const char *about; /* one sentence for the index page */
    int nvalues;
    bool tallies; /* the columns are those of the enum above */
    bool rising;  /* no column ever falls: what a window added has the variance it added */
    struct lp_value_type values[LP_VALUES_MAX];
    int default_value; /* written as pprof's default_sample_type; -1: none is written */
    int shown_value;   /* the column that text, folded and svg show unless asked otherwise */
    int growth_value;  /* the column that grows when something leaks */
    struct lp_value_type period;
    const char *label_key;  /* the label that each row carries; NULL: none */
    const char *label_unit; /* unit of a numeric label; NULL: the label is text */
    const char *item;       /* what an item is ("thread"); NULL: the profile has none */
    const char *contention; /* what Go calls it at the head of debug=1, where it has the form of a
                             * contention profile: count, then ns; NULL: it has not */

    int (*take)(struct lp_profile *profile); /* fills an empty one; 0 or negative errno */
    int64_t (*count)(void); /* the rows a debug=1 listing would have, about and cheaply */
    const struct lp_timespan *timespan;    /* NULL: a profile of the moment */
    const struct lp_profile_kind *rows_of; /* this one's rows under another name; NULL: its own */

    struct lp_resource resources[LP_KIND_RESOURCES]; /* those that may leak by themselves */
};

struct lp_row {
    uint32_t stack;         /* id in record/stacks.h */
    int64_t label_num;      /* numeric label, or 0 */
    const char *label_text; /* text label, owned by the profile, or NULL */
    int64_t value[LP_VALUES_MAX];
    double variance[LP_VALUES_MAX]; /* of each value's estimate; 0: exact */
    double freed_variance[2]; /* in a delta of tallies: of what lp_row_freed() says, per column */
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
    int64_t time_ns;       /* CLOCK_REALTIME when it was taken */
    int64_t duration_ns;   /* of the window that it covers; 0: a moment */
    int64_t period;        /* the sampling rate in kind->period's unit; the one in force */
    struct lp_rates rates; /* all those that samples were taken at; none where nothing is sampled */
    bool delta;            /* the difference of two: values may be negative */
    uint64_t losses; /* events not recorded since the process began (in a delta: in the window) */
    struct lp_footprint weight; /* the profiler's own, in a heap profile; none in a delta */
    int64_t own[LP_VALUES_MAX]; /* what the profiler's own rows, left out, add up to */
    struct lp_trim trim;        /* what ?gc=1 did before it was taken */
    struct lp_cpu_figures cpu;  /* of a CPU profile: the time that its samples are a part of */
    const char *note; /* a sentence on what is in it and what is not, the profile's; NULL: none */
    struct lp_row
        *rows; /* sorted by stack, then label; no two the same once lp_profile_seal() ran */
    size_t nrows, rows_room;
    struct lp_ages *ages;  /* of the live blocks; in a delta the later ones. NULL: none taken */
    struct lp_item *items; /* none in a delta */
    size_t nitems, items_room;
    struct lp_text_block *texts; /* private: where the strings are */
};

struct lp_profile *lp_profile_new(const struct lp_profile_kind *kind);
void lp_profile_free(struct lp_profile *profile); /* NULL is fine */

/* Copies text into the profile; it lives as long as the profile. NULL when memory is out. */
const char *lp_profile_text(struct lp_profile *profile, const char *text);

/* Room for one more row or item, zeroed; the pointer is good until the next call. */
struct lp_row *lp_profile_row(struct lp_profile *profile);
struct lp_item *lp_profile_item(struct lp_profile *profile);

/* Sorts the rows and adds up those with the same stack and label. Call once all rows are in. */
void lp_profile_seal(struct lp_profile *profile);

/* to - from, as a new profile; rows whose values are all zero are left out. Both must be sealed and
 * of one kind.
 *
 * Errors, with tallies: what was allocated in the window has the variance that the rising tally
 * gained. Growth is what came less what went, and only those samples that did one and not the other
 * make it uncertain. Two sums are at hand, and both count some samples that cancel out: what the
 * tallies of both gained counts twice what came and went in the window, the sum of both profiles'
 * variances twice what was live in both. The smaller one is taken: still an upper bound, and close
 * where little comes and goes, or little stays. Without tallies: the sum of both, or the difference
 * where values only rise. */
struct lp_profile *lp_profile_diff(const struct lp_profile *from, const struct lp_profile *to);

/* What a row with tallies says was freed: since the process began, or in a delta's window. `value`
 * is LP_ALLOC_OBJECTS or LP_ALLOC_BYTES. */
static inline int64_t lp_row_freed(const struct lp_row *row, int value)
{
    return row->value[value] - row->value[value + LP_INUSE_OBJECTS];
}

/* Drops the rows whose column `value` is not positive (sign=growth). */
void lp_profile_keep_growth(struct lp_profile *profile, int value);

/* What it takes of memory. */
int64_t lp_profile_bytes(const struct lp_profile *profile);

/* Sum of one column, and its standard error in *error unless NULL. */
int64_t lp_profile_total(const struct lp_profile *profile, int value, double *error);

#endif
