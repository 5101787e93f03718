/* The configuration: what is read from an environment, and what is said of a value that is refused.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "leakprof.h"
#include "unit.h"

/* The configuration by these entries, of which NULL is the last. */
static const struct lp_config *read_entries(char **environment)
{
    lp_config_read(environment);
    return lp_config();
}

#define READ(...) read_entries((char *[]){__VA_ARGS__, NULL})

static const char *message(enum lp_variable variable)
{
    static char line[LP_CONFIG_LINE_MAX + 1];
    line[lp_config_refused(line, variable)] = '\0';
    return line;
}

static void assert_defaults(const struct lp_config *config)
{
    assert_null(config->listen);
    assert_null(config->token_file);
    assert_null(config->read_token_file);
    assert_null(config->program);
    assert_int_equal(config->rate, LEAKPROF_RATE_DEFAULT);
    assert_int_equal(config->trace_ms, 0);
    assert_int_equal(config->snapshot_every_ms, 0);
    assert_int_equal(config->snapshot_keep, 60);
    assert_int_equal(config->crash, 0);
    assert_int_equal(config->block_rate, 0);
    assert_int_equal(config->mutex_fraction, 0);
    for (int v = 0; v < LP_VARS; v++)
        assert_string_equal(message(v), "");
}

static void unset_and_empty_are_the_default(void **state)
{
    (void)state;
    lp_config_read(NULL);
    assert_defaults(lp_config());
    assert_defaults(READ("LEAKPROF_LISTEN=", "LEAKPROF_RATE=", "LEAKPROF_TRACE=",
                         "LEAKPROF_SNAPSHOT_EVERY=", "LEAKPROF_SNAPSHOT_KEEP="));
    assert_defaults(READ("LEAKPROF_RATE", "LEAKPROF_RATE2=7", "XLEAKPROF_RATE=7", "LEAKPROF_RAT=7",
                         "", "=", "leakprof_rate=7"));
}

static void every_variable_is_read(void **state)
{
    (void)state;
    const struct lp_config *config =
        READ("PATH=/bin", "LEAKPROF_MUTEX_FRACTION=10", "LEAKPROF_BLOCK_RATE=1099511627776",
             "LEAKPROF_SNAPSHOT_KEEP=7", "LEAKPROF_SNAPSHOT_EVERY=2m", "LEAKPROF_TRACE=100ms",
             "LEAKPROF_RATE=0", "LEAKPROF_CRASH=1", "LEAKPROF_PROGRAM=a=b",
             "LEAKPROF_TOKEN_FILE=/t", "LEAKPROF_READ_TOKEN_FILE=/r", "LEAKPROF_LISTEN=[::1]:0",
             "LEAKPROF_RATE=1" /* the first one counts */);
    assert_string_equal(config->listen, "[::1]:0");
    assert_string_equal(config->token_file, "/t");
    assert_string_equal(config->read_token_file, "/r");
    assert_string_equal(config->program, "a=b");
    assert_int_equal(config->rate, 0);
    assert_int_equal(config->trace_ms, 100);
    assert_int_equal(config->crash, 1);
    assert_int_equal(config->snapshot_every_ms, 120000);
    assert_int_equal(config->snapshot_keep, 7);
    assert_int_equal(config->block_rate, INT64_C(1) << 40);
    assert_int_equal(config->mutex_fraction, 10);
    assert_defaults(READ("PATH=/bin")); /* nothing is left of it */
}

static void bytes_take_units(void **state)
{
    (void)state;
    static const struct {
        const char *entry;
        int64_t rate;
    } cases[] = {{"LEAKPROF_RATE=512K", 512 << 10},
                 {"LEAKPROF_RATE=3M", 3 << 20},
                 {"LEAKPROF_RATE=1024G", INT64_C(1) << 40},
                 {"LEAKPROF_RATE=000001", 1},
                 {"LEAKPROF_RATE=auto", LEAKPROF_RATE_AUTO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(READ((char *)cases[i].entry)->rate, cases[i].rate);
}

static void a_refused_value_is_the_default_and_is_reported_once(void **state)
{
    (void)state;
#define BYTES "Use a number from 0 to 1099511627776, or auto. K, M and G may follow the number.\n"
#define PERIOD "Use a number with ms, s, m or h, from 100ms to 1h.\n"
    static const struct {
        enum lp_variable variable;
        const char *entry, *said;
    } cases[] = {
        {LP_VAR_TRACE, "LEAKPROF_TRACE=5x", "\"5x\": not a period. " PERIOD},
        {LP_VAR_TRACE, "LEAKPROF_TRACE=2h", "\"2h\": out of range. " PERIOD},
        {LP_VAR_SNAPSHOT_EVERY, "LEAKPROF_SNAPSHOT_EVERY=0", "\"0\": not a period. " PERIOD},
        {LP_VAR_SNAPSHOT_KEEP, "LEAKPROF_SNAPSHOT_KEEP=6",
         "\"6\": out of range. Use a number from 7 to 200.\n"},
        {LP_VAR_SNAPSHOT_KEEP, "LEAKPROF_SNAPSHOT_KEEP=99999999999999999999",
         "\"99999999999999999999\": out of range. Use a number from 7 to 200.\n"},
        {LP_VAR_BLOCK_RATE, "LEAKPROF_BLOCK_RATE=1K",
         "\"1K\": not a number. Use a number from 0 to 1099511627776.\n"},
        {LP_VAR_MUTEX_FRACTION, "LEAKPROF_MUTEX_FRACTION=-1",
         "\"-1\": not a number. Use a number from 0 to 1099511627776.\n"},
        {LP_VAR_RATE, "LEAKPROF_RATE=1T", "\"1T\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=autos", "\"autos\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=-2", "\"-2\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=1KK", "\"1KK\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=K", "\"K\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE= 1", "\" 1\": not a number. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=184467440737095516161", /* 1 in 64 bits */
         "\"184467440737095516161\": out of range. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=1025G", "\"1025G\": out of range. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=9223372036854775807G",
         "\"9223372036854775807G\": out of range. " BYTES},
        {LP_VAR_RATE, "LEAKPROF_RATE=99999999999999999999G",
         "\"99999999999999999999G\": out of range. " BYTES},
    };
    char wanted[LP_CONFIG_LINE_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum lp_variable variable = cases[i].variable;
        const struct lp_config *config = READ((char *)cases[i].entry);
        snprintf(wanted, sizeof wanted, "leakprof: %s: %s", lp_config_rows[variable].name,
                 cases[i].said);
        assert_string_equal(message(variable), wanted);
        assert_defaults(config); /* and no message is left */
    }
    READ("LEAKPROF_RATE=x");
    READ("PATH=/bin");
    assert_defaults(lp_config());
}

static void a_long_value_is_cut(void **state)
{
    (void)state;
    char entry[4096] = "LEAKPROF_MUTEX_FRACTION=";
    size_t length = strlen(entry);
    memset(entry + length, '9', sizeof entry - 1 - length);
    READ(entry);
    const char *line = message(LP_VAR_MUTEX_FRACTION);
    assert_int_equal(strspn(strchr(line, '"') + 1, "9"), 80);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_true(strlen(line) < LP_CONFIG_LINE_MAX);
}

static void periods(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"100ms", 100},
                 {"1s", 1000},
                 {"2m", 120000},
                 {"1h", 3600000},
                 {"60m", 3600000},
                 {"3600000ms", 3600000},
                 {"99ms", -ERANGE},
                 {"0s", -ERANGE},
                 {"61m", -ERANGE},
                 {"2h", -ERANGE},
                 {"1000000000ms", -ERANGE},
                 {"9223372036854775807h", -ERANGE},
                 {"99999999999999999999s", -ERANGE},
                 {"", -EINVAL},
                 {"s", -EINVAL},
                 {"1", -EINVAL},
                 {"1.5s", -EINVAL},
                 {"1S", -EINVAL},
                 {"1 s", -EINVAL},
                 {" 1s", -EINVAL},
                 {"+1s", -EINVAL},
                 {"-1s", -EINVAL},
                 {"1sx", -EINVAL},
                 {"1mss", -EINVAL},
                 {"1sm", -EINVAL},
                 {"0x1s", -EINVAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(lp_parse_period(cases[i].text), cases[i].ms);
}

static void the_table_is_in_the_order_of_the_names(void **state)
{
    (void)state;
    static const char *const names[LP_VARS] = {
        [LP_VAR_LISTEN] = "LEAKPROF_LISTEN",
        [LP_VAR_TOKEN_FILE] = "LEAKPROF_TOKEN_FILE",
        [LP_VAR_READ_TOKEN_FILE] = "LEAKPROF_READ_TOKEN_FILE",
        [LP_VAR_PROGRAM] = "LEAKPROF_PROGRAM",
        [LP_VAR_RATE] = "LEAKPROF_RATE",
        [LP_VAR_TRACE] = "LEAKPROF_TRACE",
        [LP_VAR_SNAPSHOT_EVERY] = "LEAKPROF_SNAPSHOT_EVERY",
        [LP_VAR_SNAPSHOT_KEEP] = "LEAKPROF_SNAPSHOT_KEEP",
        [LP_VAR_SNAPSHOT_STACKS] = "LEAKPROF_SNAPSHOT_STACKS",
        [LP_VAR_BLOCK_RATE] = "LEAKPROF_BLOCK_RATE",
        [LP_VAR_MUTEX_FRACTION] = "LEAKPROF_MUTEX_FRACTION",
        [LP_VAR_DEBUGINFOD] = "LEAKPROF_DEBUGINFOD",
        [LP_VAR_CRASH] = "LEAKPROF_CRASH",
    };
    for (int v = 0; v < LP_VARS; v++)
        assert_string_equal(lp_config_rows[v].name, names[v]);
    assert_true(lp_config_allows(LP_VAR_SNAPSHOT_KEEP, 7));
    assert_true(lp_config_allows(LP_VAR_SNAPSHOT_KEEP, 200));
    assert_false(lp_config_allows(LP_VAR_SNAPSHOT_KEEP, 6));
    assert_false(lp_config_allows(LP_VAR_SNAPSHOT_KEEP, 201));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unset_and_empty_are_the_default),
        cmocka_unit_test(every_variable_is_read),
        cmocka_unit_test(bytes_take_units),
        cmocka_unit_test(a_refused_value_is_the_default_and_is_reported_once),
        cmocka_unit_test(a_long_value_is_cut),
        cmocka_unit_test(periods),
        cmocka_unit_test(the_table_is_in_the_order_of_the_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
