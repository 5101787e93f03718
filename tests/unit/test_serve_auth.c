/* Claim: pages of other sites are refused, and if there is a token, so are clients without it. */
#include "unit.h"

#include "leakprof_server.h"

static const struct leakprof_guard local = {.loopback = true};
static const struct leakprof_guard local_token = {.loopback = true, .token = "s3cret:x"};
static const struct leakprof_guard remote_token = {.token = "s3cret:x"};

static const struct leakprof_guard nothing;

static int check(const struct leakprof_guard *guard, struct leakprof_headers headers)
{
    const char *why = NULL;
    int error = leakprof_guard_check(guard, &headers, &why);
    if (error)
        assert_non_null(why);
    return error;
}

static int host(const char *name)
{
    return check(&local, (struct leakprof_headers){.host = name});
}

static void test_host_must_name_this_machine(void **state)
{
    (void)state;
    static const char *const good[] = {
        "localhost",  "LOCALHOST:6060", "127.0.0.1:6060", "127.1.2.3",
        "[::1]:6060", "[::1]",          "localhost:9999", NULL};
    static const char *const bad[] = {"evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "evil.example:6060",
                                      "[::2]:6060",
                                      "[::1",
                                      "10.0.0.1",
                                      "128.0.0.1",
                                      "",
                                      "localhost:60x",
                                      "user@localhost",
                                      NULL};
    for (int i = 0; good[i]; i++)
        assert_int_equal(host(good[i]), 0);
    for (int i = 0; bad[i]; i++)
        assert_int_equal(host(bad[i]), 403);
    assert_int_equal(host(NULL), 0);
}

static void test_origin_must_be_ours(void **state)
{
    (void)state;
    struct leakprof_headers headers = {.host = "127.0.0.1:6060", .origin = "http://127.0.0.1:6060"};
    assert_int_equal(check(&local, headers), 0);
    static const char *const bad[] = {
        "http://127.0.0.1:8080", "http://evil.example", "null", "", "http://localhost:6060", NULL};
    for (int i = 0; bad[i]; i++) {
        headers.origin = bad[i];
        assert_int_equal(check(&local, headers), 403);
    }
}

static void test_other_sites_are_refused(void **state)
{
    (void)state;
    struct leakprof_headers headers = {.host = "localhost", .sec_fetch_site = "cross-site"};
    assert_int_equal(check(&local, headers), 403);
    headers.sec_fetch_site = "whatever";
    assert_int_equal(check(&local, headers), 403);
    headers.sec_fetch_site = "none";
    assert_int_equal(check(&local, headers), 0);
    headers.sec_fetch_site = "same-origin";
    assert_int_equal(check(&local, headers), 0);
    headers.changes = true;
    assert_int_equal(check(&local, headers), 0);
}

static void test_same_site_may_look_but_not_change(void **state)
{
    (void)state;
    struct leakprof_headers headers = {.host = "localhost", .sec_fetch_site = "same-site"};
    assert_int_equal(check(&local, headers), 0);
    headers.changes = true;
    assert_int_equal(check(&local, headers), 403);
}

/* An older browser does not send Sec-Fetch-Site, and no browser does to a server that has neither a
 * certificate nor a loopback address. */
static void test_a_browser_must_show_its_page_before_it_changes_anything(void **state)
{
    (void)state;
    static const struct leakprof_headers browsers[] = {
        {.host = "localhost",
         .user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:78.0) Firefox/78.0"},
        {.host = "localhost", .user_agent = "mozilla/4.0"},
        {.host = "localhost", .user_agent = "AppleCoreMedia/1.0.0", .accept_language = "en-us"},
    };
    static const struct leakprof_headers tools[] = {
        {.host = "localhost"},
        {.host = "localhost", .user_agent = ""},
        {.host = "localhost", .user_agent = "curl/7.88.1"},
        {.host = "localhost", .user_agent = "Wget/1.21 (not Mozilla/5.0)"},
    };
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        struct leakprof_headers headers = tools[i];
        headers.changes = true;
        assert_int_equal(check(&local, headers), 0);
    }
    for (size_t i = 0; i < sizeof browsers / sizeof *browsers; i++) {
        struct leakprof_headers headers = browsers[i];
        assert_int_equal(check(&local, headers), 0);
        headers.changes = true;
        assert_int_equal(check(&local, headers), 403);
        headers.sec_fetch_site = "none";
        assert_int_equal(check(&local, headers), 0);
        headers.sec_fetch_site = NULL;
        headers.origin = "http://localhost";
        assert_int_equal(check(&local, headers), 0);
        headers.origin = NULL;
        headers.authorization = "Bearer s3cret:x"; /* a browser keeps passwords for all pages */
        assert_int_equal(check(&remote_token, headers), 403);
    }
}

static int authorization(const char *text)
{
    struct leakprof_headers headers = {.host = "example.org", .authorization = text};
    return check(&remote_token, headers);
}

static void test_token_by_bearer_and_basic(void **state)
{
    (void)state;
    assert_int_equal(authorization("Bearer s3cret:x"), 0);
    assert_int_equal(authorization("bearer  s3cret:x"), 0);
    assert_int_equal(authorization("Basic YW55Om1vcmU="), 401);       /* any:more */
    assert_int_equal(authorization("Basic YW55OnMzY3JldDp4"), 0);     /* any:s3cret:x */
    assert_int_equal(authorization("Basic OnMzY3JldDp4"), 0);         /* :s3cret:x */
    assert_int_equal(authorization("Basic czNjcmV0Ong="), 401);       /* s3cret:x */
    assert_int_equal(authorization("Basic YW55OnMzY3JldDp4=x"), 401); /* not base64 */
    assert_int_equal(authorization("Basic YW55OnMzY3JldDp4=="), 0);   /* any padding */
    assert_int_equal(authorization("Basic YW55OnMzY3JldDp4 "), 401);
    assert_int_equal(authorization("Basic YW55OnMzY3JldDp4x"), 401); /* a digit too many */
}

static void test_wrong_tokens_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {NULL,
                                      "",
                                      "Bearer",
                                      "Bearer ",
                                      "Bearer s3cret:",
                                      "Bearer s3cret:xs3cret:x",
                                      "Bearer S3cret:x",
                                      "Bearer s3cret:x ",
                                      "Basic",
                                      "Basic !!!!",
                                      "Digest s3cret:x",
                                      "s3cret:x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(authorization(bad[i]), 401);
}

static void test_the_second_token_is_for_reading(void **state)
{
    (void)state;
    const struct leakprof_guard guards[] = {
        {.loopback = true, .token = "s3cret:x", .read_token = "looking"},
        {.token = "s3cret:x", .read_token = "looking"}};
    for (int i = 0; i < 2; i++) {
        struct leakprof_headers headers = {.host = "localhost", .authorization = "Bearer looking"};
        assert_int_equal(check(&guards[i], headers), 0);
        headers.changes = true;
        assert_int_equal(check(&guards[i], headers), 403);
        headers.authorization = "Basic YW55Omxvb2tpbmc="; /* any:looking */
        assert_int_equal(check(&guards[i], headers), 403);
        headers.authorization = "Bearer s3cret:x";
        assert_int_equal(check(&guards[i], headers), 0);
        headers.authorization = "Bearer lookin";
        assert_int_equal(check(&guards[i], headers), 401);
        headers.authorization = NULL;
        assert_int_equal(check(&guards[i], headers), 401);
    }
}

static void test_an_empty_guard_refuses_all(void **state)
{
    (void)state;
    assert_int_equal(check(&nothing, (struct leakprof_headers){.host = "localhost"}), 403);
    assert_int_equal(check(&nothing, (struct leakprof_headers){0}), 403);
}

static void test_the_token_does_not_excuse_another_site(void **state)
{
    (void)state;
    struct leakprof_headers headers = {.host = "evil.example", .authorization = "Bearer s3cret:x"};
    assert_int_equal(check(&local_token, headers), 403);
    headers.host = "localhost";
    assert_int_equal(check(&local_token, headers), 0);
    headers.origin = "http://evil.example";
    assert_int_equal(check(&local_token, headers), 403);
}

static void test_a_unix_socket_has_no_host(void **state)
{
    (void)state;
    const struct leakprof_guard guard = {.loopback = true, .unix_socket = true};
    struct leakprof_headers headers = {.host = "container"};
    assert_int_equal(check(&guard, headers), 0);
    headers.origin = "http://evil.example";
    assert_int_equal(check(&guard, headers), 403);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_must_name_this_machine),
        cmocka_unit_test(test_origin_must_be_ours),
        cmocka_unit_test(test_other_sites_are_refused),
        cmocka_unit_test(test_same_site_may_look_but_not_change),
        cmocka_unit_test(test_a_browser_must_show_its_page_before_it_changes_anything),
        cmocka_unit_test(test_token_by_bearer_and_basic),
        cmocka_unit_test(test_wrong_tokens_are_refused),
        cmocka_unit_test(test_the_second_token_is_for_reading),
        cmocka_unit_test(test_an_empty_guard_refuses_all),
        cmocka_unit_test(test_the_token_does_not_excuse_another_site),
        cmocka_unit_test(test_a_unix_socket_has_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
