/* Claim: an address is parsed or refused, loopback is recognized, the URL is where it listens. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "serve/listen.h"

static void test_good_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback;
        const char *numeric; /* NULL: the same text */
    } good[] = {
        {"127.0.0.1:6060", true, NULL},       {"localhost:0", true, "127.0.0.1:0"},
        {"127.9.9.9:65535", true, NULL},      {"127.0.0.1:00080", true, "127.0.0.1:80"},
        {"[::1]:6060", true, NULL},           {"[0:0:0:0:0:0:0:1]:6060", true, "[::1]:6060"},
        {"0.0.0.0:6060", false, NULL},        {"[::]:6060", false, NULL},
        {"10.0.0.1:1", false, NULL},          {"[fe80::1]:80", false, NULL},
        {"[::ffff:127.0.0.1]:1", false, NULL}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct leakprof_address address;
        assert_int_equal(leakprof_address_parse(good[i].text, &address), 0);
        assert_int_equal(address.loopback, good[i].loopback);
        assert_string_equal(address.text, good[i].numeric ? good[i].numeric : good[i].text);
    }
}

static void test_bad_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,           "",
                                      "127.0.0.1",    "6060",
                                      ":6060",        "127.0.0.1:",
                                      "::1:6060",     "[::1]",
                                      "[::1:6060",    "[]:1",
                                      "nowhere:1",    "127.0.0.1:65536",
                                      "127.0.0.1:-1", "127.0.0.1:1x",
                                      "127.0.0.1: 1", "1.2.3:4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct leakprof_address address;
        assert_int_equal(leakprof_address_parse(bad[i], &address), -EINVAL);
    }
}

static void test_a_port_in_use_is_an_error(void **state)
{
    (void)state;
    struct lp_listen listen;
    struct leakprof_address bound;
    char url[LP_URL_MAX], again[LP_URL_MAX];
    assert_int_equal(lp_listen_parse("127.0.0.1:0", &listen), 0);
    int fd = lp_listen_open(&listen, url);
    assert_true(fd >= 0);
    assert_int_equal(lp_listen_parse(url + sizeof "http://" - 1, &listen), 0);
    assert_int_equal(lp_listen_open(&listen, again), -EADDRINUSE);
    assert_int_equal(leakprof_address_bound(fd, &bound), 0);
    assert_string_equal(bound.text, listen.tcp.text);
    assert_true(bound.loopback);
    close(fd);
    assert_int_equal(leakprof_address_bound(fd, &bound), -EBADF);
    fd = lp_listen_open(&listen, again);
    assert_true(fd >= 0);
    assert_string_equal(url, again);
    close(fd);
}

static void test_unix_paths(void **state)
{
    (void)state;
    struct lp_listen listen;
    char wanted[108], text[200] = "unix:/";
    assert_int_equal(lp_listen_parse("unix:/tmp/%p.%p", &listen), 0);
    snprintf(wanted, sizeof wanted, "/tmp/%d.%d", (int)getpid(), (int)getpid());
    assert_string_equal(listen.path, wanted);
    assert_true(listen.tcp.loopback);
    assert_int_equal(lp_listen_parse("127.0.0.1:1", &listen), 0);
    assert_string_equal(listen.path, "");
    static const char *const bad[] = {"unix:", "unix:x", "unix:./x", "unix:%p", "UNIX:/x", "/x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(lp_listen_parse(bad[i], &listen), -EINVAL);
    size_t prefix = strlen(text), longest = sizeof "unix:" - 1 + 107;
    memset(text + prefix, 'x', longest - prefix);
    assert_int_equal(lp_listen_parse(text, &listen), 0);
    text[longest] = 'x';
    assert_int_equal(lp_listen_parse(text, &listen), -EINVAL);
    text[longest] = '\0';
    memcpy(text + longest - 2, "%p", 2);
    assert_int_equal(lp_listen_parse(text, &listen), getpid() < 100 ? 0 : -EINVAL);
}

static void test_which_addresses_are_a_process_s_own(void **state)
{
    (void)state;
    assert_true(lp_listen_own("127.0.0.1:0"));
    assert_true(lp_listen_own("[::1]:0"));
    assert_true(lp_listen_own("unix:/run/%p.sock"));
    assert_false(lp_listen_own("127.0.0.1:6060"));
    assert_false(lp_listen_own("127.0.0.1:10"));
    assert_false(lp_listen_own("unix:/run/x:0"));
}

static void test_a_unix_socket(void **state)
{
    (void)state;
    char directory[] = "/tmp/leakprof.XXXXXX", text[64], url[LP_URL_MAX], again[LP_URL_MAX];
    struct lp_listen listen;
    struct stat file;
    assert_non_null(mkdtemp(directory));
    snprintf(text, sizeof text, "unix:%s/s", directory);
    assert_int_equal(lp_listen_parse(text, &listen), 0);
    mode_t mask = umask(0);
    int fd = lp_listen_open(&listen, url);
    umask(mask);
    assert_true(fd >= 0);
    assert_string_equal(url, text);
    assert_int_equal(stat(listen.path, &file), 0);
    assert_int_equal(file.st_mode, S_IFSOCK | 0600);
    assert_int_equal(lp_listen_open(&listen, again), -EADDRINUSE);
    close(fd); /* now the file is stale */
    fd = lp_listen_open(&listen, url);
    assert_true(fd >= 0);
    close(fd);
    lp_listen_remove("http://127.0.0.1:1");
    assert_int_equal(access(listen.path, F_OK), 0);
    lp_listen_remove(url);
    assert_int_equal(access(listen.path, F_OK), -1);
    assert_int_equal(close(open(listen.path, O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(lp_listen_open(&listen, url), -EADDRINUSE); /* not a socket, so it stays */
    assert_int_equal(unlink(listen.path), 0);
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(lp_listen_open(&listen, url), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_a_port_in_use_is_an_error),
        cmocka_unit_test(test_unix_paths),
        cmocka_unit_test(test_which_addresses_are_a_process_s_own),
        cmocka_unit_test(test_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
