/*
 * The table of options and its parser. The same function parses a value of the command line and of
 * the environment.
 */
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leakprof.h"

enum kind { ADDRESS, NUMBER, SIZE, RATE, PERIOD, TOKEN_FILE };

static const struct option_spec {
    const char *name, *env, *value, *about;
    enum kind kind;
    size_t offset;
    int64_t min, max;
} table[] = {
#define AT(field) offsetof(struct options, field)
    {"--listen", "LEAKYARD_LISTEN", "ADDR:PORT",
     "address of the playground (127.0.0.1:8080; port 0 picks a free port)", ADDRESS, AT(listen), 0,
     0},
    {"--pprof", "LEAKYARD_PPROF", "ADDR:PORT", "address of the profiler (127.0.0.1:6060)", ADDRESS,
     AT(pprof), 0, 0},
    {"--threads", "LEAKYARD_THREADS", "N", "number of event loops (one per core)", NUMBER,
     AT(threads), 1, 256},
    {"--rate", "LEAKPROF_RATE", "BYTES",
     "mean bytes between heap samples; 1 is exact, 0 is off, auto follows its cost (auto)", RATE,
     AT(rate), 0, INT64_C(1) << 40},
    {"--block-rate", "LEAKPROF_BLOCK_RATE", "NS",
     "record waits of at least NS ns, and a share of shorter ones; 1 is all, 0 is off (0)", NUMBER,
     AT(block_rate), 0, INT64_C(1) << 40},
    {"--mutex-fraction", "LEAKPROF_MUTEX_FRACTION", "N",
     "record one in N contended unlocks; 1 is all, 0 is off (0)", NUMBER, AT(mutex_fraction), 0,
     INT64_C(1) << 40},
    {"--memtrace", "LEAKPROF_TRACE", "PERIOD",
     "interval for a line of the profiler's figures on standard error, like 1s (none)", PERIOD,
     AT(memtrace_ms), 100, 3600000},
    {"--snapshot-every", "LEAKPROF_SNAPSHOT_EVERY", "PERIOD",
     "interval for automatic snapshots, like 10s (none)", PERIOD, AT(snapshot_every_ms), 100,
     3600000},
    {"--snapshot-keep", "LEAKPROF_SNAPSHOT_KEEP", "N",
     "number of automatic snapshots to keep; older ones are thinned (60)", NUMBER,
     AT(snapshot_keep), 7, 200},
    {"--budget-mem", "LEAKYARD_BUDGET_MEM", "BYTES",
     "memory that all scenes together may hold (a quarter of the limit)", SIZE, AT(budget_mem), 0,
     INT64_C(1) << 50},
    {"--budget-threads", "LEAKYARD_BUDGET_THREADS", "N",
     "threads that all scenes together may hold (a quarter of the limit, at most 4096)", NUMBER,
     AT(budget_threads), 0, 1000000},
    {"--budget-fds", "LEAKYARD_BUDGET_FDS", "N",
     "descriptors that all scenes together may hold (half of the limit, at most 16384)", NUMBER,
     AT(budget_fds), 0, 1000000},
    {"--token-file", "LEAKYARD_TOKEN_FILE", "FILE",
     "file whose first line is the token that clients must present; required to listen "
     "beyond loopback",
     TOKEN_FILE, AT(token), 0, 0},
    {"--read-token-file", "LEAKYARD_READ_TOKEN_FILE", "FILE",
     "file with a second token, whose clients may only read: they cannot leak or reset anything; "
     "needs --token-file",
     TOKEN_FILE, AT(read_token), 0, 0},
#undef AT
};

enum { NOPTIONS = sizeof(table) / sizeof(table[0]) };

static bool read_value(const struct option_spec *spec, const char *name, const char *text,
                       struct options *options, char *why, size_t why_size)
{
    void *field = (char *)options + spec->offset;
    int64_t number;
    int err;

    switch (spec->kind) {
    case ADDRESS:
        if (leakprof_address_parse(text, field) == 0)
            return true;
        snprintf(why, why_size,
                 "%s: \"%.80s\" is not an address and a port. Use one like 127.0.0.1:8080 or "
                 "[::1]:0.",
                 name, text);
        return false;
    case TOKEN_FILE:
        err = leakprof_token_read(text, field, sizeof(options->token));
        if (err < 0)
            snprintf(why, why_size, "%s: %s: %s", name, text, leakprof_token_refused(err));
        return err == 0;
    case NUMBER:
    case SIZE:
    case RATE:
    case PERIOD:
        break;
    }
    number = spec->kind == PERIOD ? leakprof_period_parse(text)
             : spec->kind == RATE ? leakprof_rate_parse(text)
                                  : leakprof_number_parse(text, spec->kind == SIZE);
    if ((number >= spec->min && number <= spec->max) ||
        (spec->kind == RATE && number == LEAKPROF_RATE_AUTO)) {
        *(int64_t *)field = number;
        return true;
    }
    if (spec->kind == PERIOD)
        snprintf(why, why_size,
                 "%s: \"%.80s\" is %s. Use a number with ms, s, m or h, from 100ms to 1h.", name,
                 text, number == -EINVAL ? "not a period" : "out of range");
    else
        snprintf(why, why_size,
                 "%s: \"%.80s\" is %s. Use a number from %" PRId64 " to %" PRId64 "%s", name, text,
                 number == -EINVAL ? "not a number" : "out of range", spec->min, spec->max,
                 spec->kind == SIZE   ? ". K, M and G may follow it."
                 : spec->kind == RATE ? ", or auto. K, M and G may follow the number."
                                      : ".");
    return false;
}

static const struct option_spec *find(const char *name, size_t length)
{
    for (int i = 0; i < NOPTIONS; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static void print_help(void)
{
    printf("leakyard: a web service that leaks on purpose, and the profiler that finds it\n\n"
           "usage: leakyard [option value]...\n\n");
    for (int i = 0; i < NOPTIONS; i++)
        printf("  %s %s\n      %s  [%s]\n", table[i].name, table[i].value, table[i].about,
               table[i].env);
    printf("  --help, --version\n\n"
           "BYTES may end in K, M or G. In brackets: the environment variable for the same.\n"
           "SIGINT, SIGTERM and the end of its terminal stop it. Without a terminal, SIGHUP is "
           "ignored.\n");
}

static bool open_without_token(const struct options *options, char *why, size_t why_size)
{
    const struct leakprof_address *addresses[] = {&options->listen, &options->pprof};

    for (int i = 0; i < 2; i++)
        if (!addresses[i]->loopback && !options->token[0]) {
            snprintf(why, why_size,
                     "%s: anyone can reach %s, which is not a loopback address. Use --token-file.",
                     table[i].name, addresses[i]->text);
            return true;
        }
    return false;
}

static bool useless_read_token(const struct options *options, char *why, size_t why_size)
{
    if (!options->read_token[0])
        return false;
    if (options->token[0] && strcmp(options->token, options->read_token) != 0)
        return false;
    snprintf(why, why_size, "--read-token-file: %s",
             options->token[0] ? "it is the token of --token-file. Use another one."
                               : "the token for everything is missing. Use --token-file too.");
    return true;
}

enum options_verdict options_read(int argc, char **argv, struct options *options, char *why,
                                  size_t why_size)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    memset(options, 0, sizeof(*options));
    leakprof_address_parse("127.0.0.1:8080", &options->listen);
    leakprof_address_parse("127.0.0.1:6060", &options->pprof);
    options->threads = cores < 1 ? 1 : cores > 256 ? 256 : cores;
    options->rate = options->block_rate = options->mutex_fraction = options->budget_mem =
        options->budget_threads = options->budget_fds = OPTIONS_UNSET;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            return OPTIONS_DONE;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("leakyard %s\n", LEAKPROF_VERSION);
            return OPTIONS_DONE;
        }
    }
    for (int i = 0; i < NOPTIONS; i++) {
        const char *text = getenv(table[i].env);

        if (text && *text && !read_value(&table[i], table[i].env, text, options, why, why_size))
            return OPTIONS_BAD;
    }
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        const struct option_spec *spec =
            find(argv[i], equals ? (size_t)(equals - argv[i]) : strlen(argv[i]));
        const char *text = equals ? equals + 1 : argv[i + 1];

        if (!spec) {
            snprintf(why, why_size, "there is no option \"%.80s\". --help lists them.", argv[i]);
            return OPTIONS_BAD;
        }
        if (!text) {
            snprintf(why, why_size, "%s needs a value: %s", spec->name, spec->value);
            return OPTIONS_BAD;
        }
        if (!read_value(spec, spec->name, text, options, why, why_size))
            return OPTIONS_BAD;
        i += !equals;
    }
    return open_without_token(options, why, why_size) || useless_read_token(options, why, why_size)
               ? OPTIONS_BAD
               : OPTIONS_RUN;
}
