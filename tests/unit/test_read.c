/* What inspect/ reads with: memory that may be unmapped, and text files of any length of line. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/peek.h"
#include "inspect/program.h"
#include "sys/file.h"

enum { PAGE = 4096 };

static void memory_that_is_not_there_is_refused(void **state)
{
    (void)state;
    static char copy[PAGE];
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    memset(pages, 7, PAGE);
    assert_int_equal(munmap(pages + PAGE, PAGE), 0);
    assert_int_equal(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE), 0);

    assert_false(lp_peek((uintptr_t)pages, copy, 1)); /* not begun */
    lp_peek_begin();
    for (int i = 0; i < 50; i++) { /* more than a pipe has places */
        assert_false(lp_peek((uintptr_t)pages + PAGE, copy, PAGE));
        assert_false(lp_peek((uintptr_t)pages + PAGE - 8, copy, 16));
        assert_false(lp_peek((uintptr_t)pages + 2 * PAGE, copy, 4));
    }
    assert_true(lp_peek((uintptr_t)pages, copy, PAGE));
    assert_memory_equal(copy, pages, PAGE);
    assert_true(lp_peek((uintptr_t)pages + 3, copy, 1));
    lp_peek_end();
    munmap(pages, 3 * PAGE);
}

struct lines {
    int n;
    char text[200];
};

static int add_line(const char *line, size_t length, void *arg)
{
    struct lines *lines = arg;
    assert_int_equal(strlen(line), length);
    strcat(lines->text, line);
    strcat(lines->text, "|");
    return ++lines->n == 9 ? -7 : 0;
}

static void lines_come_whole_or_in_pieces(void **state)
{
    (void)state;
    char path[] = "/tmp/leakprof-lines-XXXXXX", buffer[8];
    static const char text[] = "one tw\n\n1234567890\nlast";
    struct lines lines = {0};
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)(sizeof text - 1));
    close(fd);

    assert_int_equal(lp_file_lines(path, '\n', buffer, sizeof buffer, add_line, &lines), 0);
    assert_string_equal(lines.text, "one tw||1234567|890|last|");
    lines = (struct lines){0};
    assert_int_equal(lp_file_lines(path, ' ', buffer, sizeof buffer, add_line, &lines), 0);
    assert_memory_equal(lines.text, "one|tw", 6);
    lines = (struct lines){.n = 8}; /* a visit that ends the reading */
    assert_int_equal(lp_file_lines(path, '\n', buffer, sizeof buffer, add_line, &lines), -7);
    assert_string_equal(lines.text, "one tw|");
    unlink(path);
    assert_true(lp_file_lines(path, '\n', buffer, sizeof buffer, add_line, &lines) < 0);
}

static void the_first_thread_is_the_programs(void **state)
{
    (void)state;
    char path[LP_PROGRAM_PATH], wanted[LP_PROGRAM_PATH];
    assert_int_equal(lp_program_thread(), getpid());
    snprintf(wanted, sizeof wanted, "/proc/self/task/%d/fd/12", (int)getpid());
    assert_string_equal(lp_program_path(path, lp_program_thread(), "fd/%d", 12), wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_not_there_is_refused),
        cmocka_unit_test(lines_come_whole_or_in_pieces),
        cmocka_unit_test(the_first_thread_is_the_programs),
    };
    return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
