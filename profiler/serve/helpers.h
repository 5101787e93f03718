/*
 * Two threads that help the loop, so that it always answers soon: the taker reads the program
 * (profiles, snapshots), and the writer makes text of what was taken (names, differences,
 * verdicts).
 *
 * The loop thread owns the server and the store of snapshots. The taker owns what reads the
 * program: inspect/, and what profile/ has for the taking. The writer owns symbolize/, judge/ and
 * write/. A profile or snapshot belongs to one of the three at a time, and a stored snapshot's
 * profiles never change. "Profiler's thread" in a header of those rooms means their owner. The loop
 * also reads the figures of the process and its children, and the taker asks another process for
 * its address; these functions keep no state.
 *
 * Each helper does one job after the other, in the order in which the loop thread added them. Both
 * are created by the loop thread, before requests are accepted, and have the same descriptor table,
 * directories and credentials. They end before the loop thread does. If one cannot be created, the
 * loop thread does its jobs.
 */
#ifndef LP_SERVE_HELPERS_H
#define LP_SERVE_HELPERS_H

#include <stdbool.h>
#include <sys/queue.h>

enum lp_helper { LP_TAKER, LP_WRITER, LP_HELPERS };

/* Zero, but for the functions, when it is first added. It may be added again when it is done. */
struct lp_job {
    void (*run)(struct lp_job *job); /* on the helper */
    /* On the loop thread, after it. stopped: the server stops, and it may not have run. No job may
     * be added then. */
    void (*done)(struct lp_job *job, bool stopped);
    STAILQ_ENTRY(lp_job) link;
};

struct event_base;

/* 0 or a negative errno. It is no error if a thread cannot be created. Without a start, the calling
 * thread does the jobs. */
int lp_helpers_start(struct event_base *base);

/* Ends both threads, after what they are doing. */
void lp_helpers_stop(void);
/* The same, but leaves libevent and the jobs alone. Call lp_helpers_forked() next. */
void lp_helpers_abandon(void);
void lp_helpers_forked(void); /* in a forked child: forgets all; it is the parent's */

void lp_helper_add(enum lp_helper helper, struct lp_job *job);
bool lp_helper_busy(enum lp_helper helper);

/* Looks whether a helper is done. Call it now and then: its write to the pipe may have failed. */
void lp_helpers_look(void);

#endif
