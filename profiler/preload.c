/*
 * What libleakprof.so does when it is loaded into a program that knows nothing of it: with
 * LEAKPROF_LISTEN set, it opens the HTTP side and says where; with LEAKPROF_TRACE it writes a line
 * of figures every so often. What goes wrong is said in one line; the program runs on in any case.
 * (LEAKPROF_RATE is read by the core, at the first allocation.)
 *
 * The environment is inherited: the programs that a shell or make starts find the same address in
 * theirs, and taken. They say nothing of that. LEAKPROF_PROGRAM names the one that is to listen and
 * to trace.
 */
#include "leakprof.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "hooks/main.h"
#include "record/self.h"
#include "record/unwind.h"
#include "sys/period.h"
#include "sys/token.h"

enum {
    KEEP_MIN = 7, /* as leakprof.h has it for snapshot_keep */
    KEEP_MAX = 200,
};

static const char *reason(int error)
{
    switch (error) {
    case -EINVAL:
        return "not an address; 127.0.0.1:6060 is one";
    case -EACCES:
        return "not a loopback address, for which LEAKPROF_TOKEN_FILE has to name a token's file";
    default:
        return strerror(-error);
    }
}

/* Was the parent started with this very string in its environment? */
static bool inherited(const char *variable)
{
    char path[64], *text = NULL;
    size_t room = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
    FILE *file = fopen(path, "re");
    while (file && !found && getdelim(&text, &room, '\0', file) > 0)
        found = strcmp(text, variable) == 0;
    free(text);
    if (file)
        fclose(file);
    return found;
}

/* NULL: not set, or empty. */
static const char *variable(char **environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return (*environment)[length + 1] ? *environment + length + 1 : NULL;
    return NULL;
}

/* What is wrong with the period is said, and harms nothing. */
static int64_t period_in(char **environment, const char *name)
{
    enum { NONE = -1 }; /* LEAKPROF_TRACE_OFF, LEAKPROF_SNAPSHOT_OFF */
    const char *text = variable(environment, name);
    int64_t ms = text ? lp_trace_period(text) : NONE;
    if (ms != -EINVAL)
        return ms;
    dprintf(STDERR_FILENO, "leakprof: %s: %.80s: not %s\n", name, text, LP_TRACE_ALLOWED);
    return NONE;
}

static int64_t keep_in(char **environment)
{
    const char *text = variable(environment, "LEAKPROF_SNAPSHOT_KEEP");
    char *end;
    long keep = text ? strtol(text, &end, 10) : 0;
    if (!text || (*end == '\0' && keep >= KEEP_MIN && keep <= KEEP_MAX))
        return keep;
    dprintf(STDERR_FILENO, "leakprof: LEAKPROF_SNAPSHOT_KEEP: %.80s: not a number from %d to %d\n",
            text, KEEP_MIN, KEEP_MAX);
    return 0;
}

static void start(char **environment, const char *listen, int64_t trace_ms)
{
    char token[512];
    const char *token_file = listen ? variable(environment, "LEAKPROF_TOKEN_FILE") : NULL;
    int error = token_file ? lp_token_read(token_file, token, sizeof token) : 0;
    if (error) {
        dprintf(STDERR_FILENO, "leakprof: LEAKPROF_TOKEN_FILE: %s: %s\n", token_file,
                error == -EINVAL ? "the first line must be 16 or more characters without spaces"
                                 : strerror(-error));
        return;
    }
    const struct leakprof_options options = {.listen = listen,
                                             .rate = LEAKPROF_RATE_KEEP,
                                             .token = token_file ? token : NULL,
                                             .trace_ms = trace_ms,
                                             .snapshot_every_ms =
                                                 period_in(environment, "LEAKPROF_SNAPSHOT_EVERY"),
                                             .snapshot_keep = keep_in(environment)};
    const char *why = NULL;
    error = lp_agent_start(&options, &why);
    if (error == -EADDRINUSE && inherited(listen - strlen("LEAKPROF_LISTEN=")))
        return; /* it is the parent's, or a sister's */
    if (!error && listen)
        dprintf(STDERR_FILENO, "leakprof: %s/debug/pprof/\n", leakprof_url());
    else if (error && listen)
        dprintf(STDERR_FILENO, "leakprof: LEAKPROF_LISTEN: %s: %s\n", listen,
                why ? why : reason(error));
    else if (error)
        dprintf(STDERR_FILENO, "leakprof: LEAKPROF_TRACE: %s\n", why ? why : strerror(-error));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* By the name that it was called by, or by its file's. */
static bool called(const char *name, int argc, char **argv)
{
    char file[PATH_MAX];
    if (argc > 0 && strcmp(last_part(argv[0]), name) == 0)
        return true;
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    file[n > 0 ? n : 0] = '\0';
    return strcmp(last_part(file), name) == 0;
}

static void at_main(int argc, char **argv, char **environment)
{
    const char *listen = variable(environment, "LEAKPROF_LISTEN");
    const char *program = variable(environment, "LEAKPROF_PROGRAM");
    lp_unwind_not_early();
    if (!listen && !variable(environment, "LEAKPROF_TRACE"))
        return;
    int kept = errno;
    int previous = lp_own_enter();
    if (!program || called(program, argc, argv)) {
        int64_t trace_ms = period_in(environment, "LEAKPROF_TRACE");
        if (listen || trace_ms != LEAKPROF_TRACE_OFF)
            start(environment, listen, trace_ms);
    }
    lp_own_leave(previous);
    errno = kept;
}

__attribute__((constructor)) static void preload(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv;
    lp_hooks_at_main(at_main);
    if (!variable(environment, "LEAKPROF_LISTEN"))
        lp_unwind_not_early();
}
