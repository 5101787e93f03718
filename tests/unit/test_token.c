/* Claim: a token is the first line of its file. One that is short, long or not plain is refused,
 * and so is a file that is not a regular one or that other users can read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
}

static void test_other_kinds_of_files(void **state)
{
    (void)state;
    char token[SIZE], directory[] = "/tmp/leakprof-token-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(leakprof_token_read(path, token, SIZE), -ENXIO); /* and does not wait */
    unlink(path);
    assert_int_equal(leakprof_token_read(directory, token, SIZE), -EISDIR);
    rmdir(directory);
    assert_int_equal(leakprof_token_read("/", token, SIZE), -EISDIR);
    assert_int_equal(leakprof_token_read("/dev/zero", token, SIZE), -ENXIO);
}

static void test_files_of_others(void **state)
{
    (void)state;
    static const mode_t good[] = {0400, 0600, 0700}, bad[] = {0777, 0666, 0644, 0640, 0620, 0604};
    char token[SIZE], path[] = "/tmp/leakprof-token-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, SIXTEEN, 16), 16);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(fchmod(fd, good[i]), 0);
        assert_int_equal(leakprof_token_read(path, token, SIZE), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fchmod(fd, bad[i]), 0);
        assert_int_equal(leakprof_token_read(path, token, SIZE), -EPERM);
    }
    assert_non_null(strstr(leakprof_token_refused(-EPERM), "chmod 600"));
    if (geteuid() == 0) {
        fchmod(fd, 0600);
        assert_int_equal(fchown(fd, 1, 1), 0);
        assert_int_equal(leakprof_token_read(path, token, SIZE), -EPERM);
        fchown(fd, 0, 1); /* what root gives to a service */
        fchmod(fd, 0640);
        assert_int_equal(leakprof_token_read(path, token, SIZE), -EPERM); /* it runs as root */
        assert_int_equal(setegid(1), 0);
        assert_int_equal(seteuid(1), 0);
        assert_int_equal(leakprof_token_read(path, token, SIZE), 0);
        seteuid(0);
        setegid(0);
    }
    unlink(path);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_line), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_kinds_of_files), cmocka_unit_test(test_files_of_others)};
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
