/* Claim: a token is the first line of its file, and one that is short, long or not plain is
 * refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "leakprof_server.h"

enum { SIZE = 256 };
#define SIXTEEN "0123456789abcdef"

static int read_back(const char *text, char token[SIZE])
{
    char path[] = "/tmp/leakprof-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    int result = leakprof_token_read(path, token, SIZE);
    unlink(path);
    close(fd);
    return result;
}

static void test_first_line(void **state)
{
    (void)state;
    static const char *const texts[] = {SIXTEEN, SIXTEEN "\n", SIXTEEN "\r\n", SIXTEEN "\nmore\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char token[SIZE] = "";
        assert_int_equal(read_back(texts[i], token), 0);
        assert_string_equal(token, SIXTEEN);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n" SIXTEEN, "0123456789abcde\n",
                                        "01234567 89abcdef\n", "0123456789abcde\303\244\n"};
    char token[SIZE], text[2000];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(read_back(texts[i], token), -EINVAL);
    for (int n = 0; n < 3; n++) {
        size_t length = (size_t[]){SIZE - 1, SIZE, sizeof text - 1}[n];
        memset(text, 'x', length);
        text[length] = '\0';
        assert_int_equal(read_back(text, token), n == 0 ? 0 : -EINVAL);
    }
    assert_int_equal(leakprof_token_read("/nonexistent/token", token, SIZE), -ENOENT);
    assert_int_equal(leakprof_token_read("/", token, SIZE), -EISDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_line),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
