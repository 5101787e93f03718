/*
 * The configuration that a process gets from its environment: one table of variables, read once.
 * The table also produces the documentation (scripts/config-text).
 *
 * The recorder needs the sampling rate at the first malloc of the process, so every room may use
 * this one and it uses none of them. It calls no function of libc, because a program may define a
 * function of the same name and would be called before its main(). It allocates nothing.
 */
#ifndef LP_CONFIG_H
#define LP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LP_RATE_MAX (INT64_C(1) << 40)
#define LP_WAITS_RATE_MAX (INT64_C(1) << 40)

enum {
    LP_PERIOD_MS_MIN = 100,
    LP_PERIOD_MS_MAX = 3600000,
    LP_PERIODIC_KEEP = 60,
    LP_PERIODIC_KEEP_MIN = 7, /* as many as a verdict needs */
    LP_PERIODIC_KEEP_MAX = 200
};
#define LP_PERIOD_USE "Use a number with ms, s, m or h, from 100ms to 1h."

/* In the order of the table. */
enum lp_variable {
    LP_VAR_LISTEN,
    LP_VAR_TOKEN_FILE,
    LP_VAR_READ_TOKEN_FILE,
    LP_VAR_PROGRAM,
    LP_VAR_RATE,
    LP_VAR_TRACE,
    LP_VAR_SNAPSHOT_EVERY,
    LP_VAR_SNAPSHOT_KEEP,
    LP_VAR_SNAPSHOT_STACKS,
    LP_VAR_BLOCK_RATE,
    LP_VAR_MUTEX_FRACTION,
    LP_VAR_DEBUGINFOD,
    LP_VAR_CRASH,
    LP_VARS
};

/* A variable that is unset, empty or refused has its default here. The texts point into the
 * environment: use them before the program's main() can change it. */
struct lp_config {
    const char *listen, *token_file, *read_token_file, *program; /* NULL by default */
    int64_t rate, block_rate, mutex_fraction;
    int64_t trace_ms, snapshot_every_ms, debuginfod_ms; /* 0: none */
    int64_t snapshot_keep;
    int64_t snapshot_stacks; /* 0: automatic snapshots leave the stacks of threads out */
    int64_t crash;           /* 1: a line is written if a signal ends the program */
};

/* Reads all variables. For constructors: the loader passes them the environment before getenv()
 * works. */
void lp_config_read(char **environment);

/* Returns the configuration. If lp_config_read() was not called, reads `environ`, or before libc
 * has set that, the environment that the process was started with. Never NULL. */
const struct lp_config *lp_config(void);

/* May the variable have this value? The matching members of struct leakprof_options have the same
 * bounds. */
bool lp_config_allows(enum lp_variable variable, int64_t value);

/* If the value of the variable was refused, writes the message, with its newline, into `line` and
 * returns its length. Otherwise returns 0. Each message is returned once. */
enum { LP_CONFIG_LINE_MAX = 320 };
size_t lp_config_refused(char line[LP_CONFIG_LINE_MAX], enum lp_variable variable);

/* "auto" is LEAKPROF_RATE_AUTO; otherwise as lp_parse_number(text, true). */
int64_t lp_parse_rate(const char *text);

/* A whole number in decimal digits. bytes: K, M or G may follow it. -EINVAL if it is no number,
 * -ERANGE if it does not fit. */
int64_t lp_parse_number(const char *text, bool bytes);

/* "1s", "250ms", "2m", "1h" in milliseconds; -EINVAL if it is no period, -ERANGE if it is out of
 * bounds. */
int64_t lp_parse_period(const char *text);

/* LP_RATE: LP_BYTES, or "auto", which is LEAKPROF_RATE_AUTO. */
enum lp_config_type { LP_TEXT, LP_NUMBER, LP_BYTES, LP_RATE, LP_PERIOD };

struct lp_config_row {
    const char *name; /* of the variable */
    const char *about;
    const char *value;  /* the value's syntax, for LP_TEXT */
    const char *option; /* the member or function of leakprof.h that sets the same; NULL: none */
    enum lp_config_type type;
    size_t offset; /* in struct lp_config */
    int64_t least, most, standard;
};
extern const struct lp_config_row lp_config_rows[LP_VARS] __attribute__((visibility("hidden")));

#endif
