#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "leakprof.h"

#define AT(member) offsetof(struct lp_config, member)

const struct lp_config_row lp_config_rows[LP_VARS] = {
    {"LEAKPROF_LISTEN",
     "Address to listen on, or a Unix socket to make, with mode 0600. Port 0 picks a free port. %p "
     "in "
     "the path is replaced by the process id. If unset, the profiler does not listen. Only the "
     "trace "
     "line is produced.",
     "ADDRESS:PORT or unix:/PATH", "listen", LP_TEXT, AT(listen), 0, 0, 0},
    {"LEAKPROF_TOKEN_FILE",
     "File whose first line is the token that clients must present: 16 or more characters without "
     "spaces. Required to listen beyond "
     "loopback.",
     "FILE", "token", LP_TEXT, AT(token_file), 0, 0, 0},
    {"LEAKPROF_READ_TOKEN_FILE",
     "File with a second token, whose clients may only read: GET and HEAD. Needs "
     "LEAKPROF_TOKEN_FILE.",
     "FILE", "read_token", LP_TEXT, AT(read_token_file), 0, 0, 0},
    {"LEAKPROF_PROGRAM",
     "Name of the only program that listens and traces. The programs that a shell or make starts "
     "inherit these variables.",
     "NAME", NULL, LP_TEXT, AT(program), 0, 0, 0},
    {"LEAKPROF_RATE",
     "Mean number of bytes between two samples of the heap. 1 records every allocation, 0 none. "
     "auto: as fine as a budget of CPU time and memory allows.",
     NULL, "rate", LP_RATE, AT(rate), 0, LP_RATE_MAX, LEAKPROF_RATE_DEFAULT},
    {"LEAKPROF_TRACE",
     "Interval for the trace line on standard error. Works without LEAKPROF_LISTEN.", NULL,
     "trace_ms", LP_PERIOD, AT(trace_ms), LP_PERIOD_MS_MIN, LP_PERIOD_MS_MAX, 0},
    {"LEAKPROF_SNAPSHOT_EVERY", "Interval for automatic snapshots. Older snapshots are thinned.",
     NULL, "snapshot_every_ms", LP_PERIOD, AT(snapshot_every_ms), LP_PERIOD_MS_MIN,
     LP_PERIOD_MS_MAX, 0},
    {"LEAKPROF_SNAPSHOT_KEEP", "At most this many automatic snapshots are kept.", NULL,
     "snapshot_keep", LP_NUMBER, AT(snapshot_keep), LP_PERIODIC_KEEP_MIN, LP_PERIODIC_KEEP_MAX,
     LP_PERIODIC_KEEP},
    {"LEAKPROF_SNAPSHOT_STACKS",
     "1: automatic snapshots have the stacks of the threads. 0: they do not, and no signal is sent "
     "to the threads.",
     NULL, NULL, LP_NUMBER, AT(snapshot_stacks), 0, 1, 1},
    {"LEAKPROF_BLOCK_RATE",
     "Enable the block profile (off by default). Waits of this many nanoseconds or more are "
     "recorded, shorter ones in proportion to their length. 1 records every wait.",
     NULL, "leakprof_set_block_rate()", LP_NUMBER, AT(block_rate), 0, LP_WAITS_RATE_MAX, 0},
    {"LEAKPROF_MUTEX_FRACTION",
     "Enable the mutex profile (off by default). One in this many contended unlocks is recorded.",
     NULL, "leakprof_set_mutex_fraction()", LP_NUMBER, AT(mutex_fraction), 0, LP_WAITS_RATE_MAX, 0},
    {"LEAKPROF_DEBUGINFOD",
     "Fetch missing debug files from the servers in DEBUGINFOD_URLS, and wait for each file at "
     "most "
     "this long. If unset, no server is contacted.",
     NULL, NULL, LP_PERIOD, AT(debuginfod_ms), LP_PERIOD_MS_MIN, LP_PERIOD_MS_MAX, 0},
    {"LEAKPROF_CRASH",
     "1: if SIGSEGV, SIGBUS, SIGILL, SIGFPE or SIGABRT ends the program, one line on standard "
     "error "
     "has the signal, the number of the last snapshot and the stack. Then the default action "
     "follows.",
     NULL, "crash", LP_NUMBER, AT(crash), 0, 1, 0},
};

static struct lp_config config;
/* The refused value. NULL: none, or its message was already written. */
static const char *refused[LP_VARS];
static atomic_bool ready;

/* Parses digits and sets *end behind them. -1: no digits. -ERANGE: more than 64 bits. */
static int64_t parse_digits(const char *text, const char **end)
{
    int64_t number = 0;
    bool fits = true;
    for (*end = text; **end >= '0' && **end <= '9'; ++*end)
        fits = fits && !__builtin_mul_overflow(number, 10, &number) &&
               !__builtin_add_overflow(number, **end - '0', &number);
    return *end == text ? -EINVAL : fits ? number : -ERANGE;
}

int64_t lp_parse_number(const char *text, bool bytes)
{
    const char *end;
    int64_t number = parse_digits(text, &end);
    int shift = !bytes ? 0 : *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (end[shift > 0])
        return -EINVAL;
    return number > INT64_MAX >> shift ? -ERANGE : number < 0 ? number : number << shift;
}

static bool starts_with(const char *text, const char *start)
{
    while (*start && *text == *start)
        text++, start++;
    return !*start;
}

int64_t lp_parse_rate(const char *text)
{
    static const char automatic[] = "auto";
    if (starts_with(text, automatic) && !text[sizeof automatic - 1])
        return LEAKPROF_RATE_AUTO;
    return lp_parse_number(text, true);
}

int64_t lp_parse_period(const char *text)
{
    const char *end;
    int64_t number = parse_digits(text, &end), ms = 0;
    if (end[0] == 'm' && end[1] == 's')
        ms = 1, end++;
    else if (*end)
        ms = *end == 's' ? 1000 : *end == 'm' ? 60000 : *end == 'h' ? 3600000 : 0;
    if (ms == 0 || end[1] || number == -EINVAL)
        return -EINVAL;
    return number < 0 || __builtin_mul_overflow(number, ms, &number) || number < LP_PERIOD_MS_MIN ||
                   number > LP_PERIOD_MS_MAX
               ? -ERANGE
               : number;
}

static int64_t parse(enum lp_config_type type, const char *text)
{
    return type == LP_PERIOD ? lp_parse_period(text)
           : type == LP_RATE ? lp_parse_rate(text)
                             : lp_parse_number(text, type == LP_BYTES);
}

bool lp_config_allows(enum lp_variable variable, int64_t value)
{
    const struct lp_config_row *row = &lp_config_rows[variable];
    return (value >= row->least && value <= row->most) ||
           (row->type == LP_RATE && value == LEAKPROF_RATE_AUTO);
}

/* Returns what follows "NAME=" in an entry of the environment. NULL: it is another variable. */
static const char *value_in(const char *entry, const char *name)
{
    for (; *name; name++, entry++)
        if (*entry != *name)
            return NULL;
    return *entry == '=' ? entry + 1 : NULL;
}

/* Fills in the value of each variable that is set. Like getenv(), takes the first match. */
static void find_values(char **environment, const char *values[LP_VARS])
{
    for (; environment && *environment; environment++)
        for (int v = 0; v < LP_VARS && starts_with(*environment, "LEAKPROF_"); v++)
            if (!values[v])
                values[v] = value_in(*environment, lp_config_rows[v].name);
}

static void read_variable(enum lp_variable variable, const char *text)
{
    const struct lp_config_row *row = &lp_config_rows[variable];
    char *member = (char *)&config + row->offset;
    refused[variable] = NULL;
    if (row->type == LP_TEXT) {
        *(const char **)member = text;
        return;
    }
    int64_t value = text ? parse(row->type, text) : row->standard;
    if (text && !lp_config_allows(variable, value)) {
        value = row->standard;
        refused[variable] = text;
    }
    *(int64_t *)member = value;
}

void lp_config_read(char **environment)
{
    const char *values[LP_VARS] = {0};
    find_values(environment, values);
    for (int v = 0; v < LP_VARS; v++) /* an empty value counts as unset */
        read_variable(v, values[v] && *values[v] ? values[v] : NULL);
    atomic_store(&ready, true);
}

/* The loader's, of glibc: where the process found its arguments, followed by its environment. */
extern const intptr_t *__libc_stack_end __attribute__((weak));

/* The environment before libc knows it, when the loader calls a program's resolvers of functions.
 */
static char **first_environment(void)
{
    if (!&__libc_stack_end || !__libc_stack_end)
        return NULL;
    intptr_t argc = __libc_stack_end[0];
    return (char **)&__libc_stack_end[1 + argc + 1];
}

const struct lp_config *lp_config(void)
{
    if (!atomic_load(&ready))
        lp_config_read(environ ? environ : first_environment());
    return &config;
}

struct line {
    char *at, *end;
};

static void add(struct line *line, const char *text, size_t most)
{
    for (; *text && most > 0 && line->at < line->end; most--)
        *line->at++ = *text++;
}

static void add_number(struct line *line, int64_t number)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    add(line, at, SIZE_MAX);
}

/* The message has three parts: what happened, why, what to do. */
size_t lp_config_refused(char out[LP_CONFIG_LINE_MAX], enum lp_variable variable)
{
    enum { SHOWN = 80 };
    const struct lp_config_row *row = &lp_config_rows[variable];
    struct line line = {out, out + LP_CONFIG_LINE_MAX};
    const char *text = refused[variable];
    if (!text)
        return 0;
    refused[variable] = NULL;
    add(&line, "leakprof: ", SIZE_MAX);
    add(&line, row->name, SIZE_MAX);
    add(&line, ": \"", SIZE_MAX);
    add(&line, text, SHOWN);
    add(&line,
        parse(row->type, text) != -EINVAL ? "\": out of range. "
        : row->type == LP_PERIOD          ? "\": not a period. "
                                          : "\": not a number. ",
        SIZE_MAX);
    if (row->type == LP_PERIOD) {
        add(&line, LP_PERIOD_USE, SIZE_MAX);
    } else {
        add(&line, "Use a number from ", SIZE_MAX);
        add_number(&line, row->least);
        add(&line, " to ", SIZE_MAX);
        add_number(&line, row->most);
        add(&line,
            row->type == LP_RATE    ? ", or auto. K, M and G may follow the number."
            : row->type == LP_BYTES ? ". K, M and G may follow it."
                                    : ".",
            SIZE_MAX);
    }
    add(&line, "\n", 1);
    return (size_t)(line.at - out);
}
