/* Claim: the line of life says what the figures are, and starts when options or environment ask. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "write/trace.h"
#include "leakprof.h"

static void test_line(void **state)
{
    (void)state;
    char line[LP_TRACE_LINE_MAX], wanted[LP_TRACE_LINE_MAX];
    struct lp_trace trace = {.number = 12, .dropped = 3, .heap_bytes = 1500};
    struct lp_vitals vitals = {.uptime_ns = 12003400000,
                               .heap_bytes = 1000,
                               .heap_error = 10,
                               .heap_objects = 7,
                               .rss_bytes = 5000,
                               .threads = 4,
                               .unjoined = 1,
                               .fds = 9,
                               .mappings = 80,
                               .snapshot_cost_ns = 3210499};
    snprintf(wanted, sizeof wanted,
             "memtrace 12 pid %d time 12.003 heap 1000 error 10 change -500 objects 7 rss 5000 "
             "nonheap 4000 threads 4 unjoined 1 fds 9 mappings 80 snapshot 3.210 dropped 3\n",
             (int)getpid());
    assert_int_equal(lp_trace_line(line, &trace, &vitals), strlen(wanted));
    assert_string_equal(line, wanted);
    vitals.snapshot_cost_ns = -1;
    lp_trace_line(line, &trace, &vitals);
    assert_non_null(strstr(line, " snapshot - "));
}

static void test_largest_line_fits(void **state)
{
    (void)state;
    char line[LP_TRACE_LINE_MAX];
    int64_t most = INT64_MIN / 2;
    struct lp_trace trace = {most, most, -most};
    struct lp_vitals vitals = {.uptime_ns = most,
                               .heap_bytes = most,
                               .heap_error = most,
                               .heap_objects = most,
                               .rss_bytes = most,
                               .threads = most,
                               .unjoined = most,
                               .fds = most,
                               .mappings = most,
                               .snapshot_cost_ns = INT64_MAX};
    size_t length = lp_trace_line(line, &trace, &vitals);
    assert_true(length < sizeof line);
    assert_int_equal(line[length - 1], '\n');
}

/* This program's standard error is a pipe; returns where it is read. */
static int pipe_errout(int *kept)
{
    int ends[2];
    *kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void restore_errout(int kept)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
}

/* What comes in the next 20 seconds, at the latest: what one write() wrote. */
static const char *next(int fd)
{
    static char line[PIPE_BUF];
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&ready, 1, 20000) == 1 ? read(fd, line, sizeof line - 1) : 0;
    line[n > 0 ? n : 0] = '\0';
    return line;
}

static void test_alone(void **state)
{
    (void)state;
    int kept, fd = pipe_errout(&kept);
    const struct leakprof_options options = {.rate = LEAKPROF_RATE_KEEP, .trace_ms = 100};
    int error = leakprof_start(&options);
    char line[PIPE_BUF];
    snprintf(line, sizeof line, "%s", next(fd));
    const char *url = leakprof_url();
    leakprof_stop();
    restore_errout(kept);
    close(fd);
    assert_int_equal(error, 0);
    assert_string_equal(url, "");
    assert_int_equal(strncmp(line, "memtrace 1 pid ", 15), 0);
}

static void test_refused_options(void **state)
{
    (void)state;
    static const int64_t bad[] = {1, 99, 3600001, -2, INT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(leakprof_start(&(struct leakprof_options){.listen = "127.0.0.1:0",
                                                                   .rate = LEAKPROF_RATE_KEEP,
                                                                   .trace_ms = bad[i]}),
                         -EINVAL);
    struct leakprof_options nothing = {.rate = LEAKPROF_RATE_KEEP, .trace_ms = LEAKPROF_TRACE_OFF};
    assert_int_equal(leakprof_start(&nothing), -EINVAL);
}

static void test_environment(void **state)
{
    (void)state;
    static const struct {
        const char *value, *said;
        int64_t trace_ms;
    } cases[] = {
        {"100ms", "memtrace 1 pid ", 0},
        {"never", "leakprof: LEAKPROF_TRACE: \"never\": not a period. ", 0},
        {"never", "memtrace 1 pid ", 100}, /* the option wins, and the variable is not read */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int kept, fd = pipe_errout(&kept);
        setenv("LEAKPROF_TRACE", cases[i].value, 1);
        lp_config_read(environ); /* as before main() */
        const struct leakprof_options options = {
            .listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP, .trace_ms = cases[i].trace_ms};
        int error = leakprof_start(&options);
        const char *line = next(fd);
        leakprof_stop();
        unsetenv("LEAKPROF_TRACE");
        lp_config_read(environ);
        restore_errout(kept);
        close(fd);
        assert_int_equal(error, 0);
        assert_int_equal(strncmp(line, cases[i].said, strlen(cases[i].said)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),        cmocka_unit_test(test_largest_line_fits),
        cmocka_unit_test(test_alone),       cmocka_unit_test(test_refused_options),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
