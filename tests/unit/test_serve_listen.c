/* Claim: an address is understood or refused, loopback is told from the rest, a URL leads there. */
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
    } good[] = {{"127.0.0.1:6060", true}, {"localhost:0", true},   {"127.9.9.9:65535", true},
                {"[::1]:6060", true},     {"0.0.0.0:6060", false}, {"[::]:6060", false},
                {"10.0.0.1:1", false},    {"[fe80::1]:80", false}, {"[::ffff:127.0.0.1]:1", false}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct lp_address address;
        assert_int_equal(lp_address_parse(good[i].text, &address), 0);
        assert_int_equal(address.loopback, good[i].loopback);
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
        struct lp_address address;
        assert_int_equal(lp_address_parse(bad[i], &address), -EINVAL);
    }
}

static void test_a_port_in_use_is_told(void **state)
{
    (void)state;
    struct lp_address address;
    char url[LP_URL_MAX], again[LP_URL_MAX];
    assert_int_equal(lp_address_parse("127.0.0.1:0", &address), 0);
    int fd = lp_address_listen(&address, url);
    assert_true(fd >= 0);
    assert_int_equal(lp_address_parse(url + sizeof "http://" - 1, &address), 0);
    assert_int_equal(lp_address_listen(&address, again), -EADDRINUSE);
    close(fd);
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
        cmocka_unit_test(test_a_port_in_use_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
