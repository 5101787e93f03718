/*
 * The options of the command line and the environment. One table in options.c serves the parser,
 * --help and the environment. The command line takes precedence.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leakprof_server.h"

#define OPTIONS_UNSET (-1)

struct options {
    struct leakprof_address listen, pprof;
    int64_t threads;
    int64_t rate, block_rate, mutex_fraction;       /* OPTIONS_UNSET: unchanged */
    int64_t memtrace_ms;                            /* 0: no trace */
    int64_t snapshot_every_ms;                      /* 0: no automatic snapshots */
    int64_t snapshot_keep;                          /* 0: the profiler's default */
    int64_t budget_mem, budget_threads, budget_fds; /* OPTIONS_UNSET: from the machine */
    char token[256], read_token[256];               /* "": none */
};

enum options_verdict { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_BAD };

/* OPTIONS_DONE: --help or --version was printed. OPTIONS_BAD: why[] is the error, in one line. */
enum options_verdict options_read(int argc, char **argv, struct options *options, char *why,
                                  size_t why_size);

#endif
