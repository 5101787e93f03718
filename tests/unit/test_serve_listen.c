/* Claim: an address is parsed or refused, loopback is recognized, the URL is where it listens. */
#include "unit.h"

#include <errno.h>
#include <unistd.h>

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
    struct leakprof_address address, bound;
    char url[LP_URL_MAX], again[LP_URL_MAX];
    assert_int_equal(leakprof_address_parse("127.0.0.1:0", &address), 0);
    int fd = lp_address_listen(&address, url);
    assert_true(fd >= 0);
    assert_int_equal(leakprof_address_parse(url + sizeof "http://" - 1, &address), 0);
    assert_int_equal(lp_address_listen(&address, again), -EADDRINUSE);
    assert_int_equal(leakprof_address_bound(fd, &bound), 0);
    assert_string_equal(bound.text, address.text);
    assert_true(bound.loopback);
    close(fd);
    assert_int_equal(leakprof_address_bound(fd, &bound), -EBADF);
    fd = lp_address_listen(&address, again);
    assert_true(fd >= 0);
    assert_string_equal(url, again);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_addresses),
        cmocka_unit_test(test_bad_addresses),
        cmocka_unit_test(test_a_port_in_use_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
