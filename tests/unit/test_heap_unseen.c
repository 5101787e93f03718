/* The heap's hooks as the program has them: glibc's malloc as it always was, its errors, errno,
 * zeros, and the program's descriptors. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"

enum { SIZE = 1337 };

static void errors_are_glibcs(void **state)
{
    (void)state;
    void *out = &out;
    volatile size_t huge = PTRDIFF_MAX, big = SIZE_MAX / 2 + 2;
    assert_int_equal(posix_memalign(&out, 3, 100), EINVAL);
    assert_int_equal(posix_memalign(&out, 0, 100), EINVAL);
    assert_int_equal(posix_memalign(&out, 24, 100), EINVAL);
    assert_ptr_equal(out, &out);
    errno = 0;
    assert_null(opaque(malloc(huge)));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(opaque(calloc(big, 2)));
    assert_int_equal(errno, ENOMEM);
    errno = 0;
    assert_null(opaque(reallocarray(NULL, big, 2)));
    assert_int_equal(errno, ENOMEM);
}

static void *allocate_with_errno(void *arg)
{
    errno = 4711;
    void *block = opaque(malloc(SIZE));
    if (errno != 4711)
        return "changed by malloc";
    free(block);
    return errno == 4711 ? arg : "changed by free";
}

/* In a new thread, where the unwinder has yet to look at the stack's pages. */
static void errno_survives_a_sample(void **state)
{
    (void)state;
    pthread_t thread;
    void *complaint;
    for (int i = 0; i < 4; i++) {
        pthread_create(&thread, NULL, allocate_with_errno, NULL);
        pthread_join(thread, &complaint);
        assert_null(complaint);
    }
}

static void *allocate_deep(void *arg)
{
    volatile char pages[3 * 4096];
    pages[0] = pages[sizeof pages - 1] = 1;
    free(opaque(malloc(SIZE)));
    return pages[0] ? arg : NULL;
}

/* libunwind would keep a pipe open, and use whatever has its numbers after this. */
static void closing_all_descriptors_is_safe(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int ends[2], left = -1;
        pthread_t thread;
        close_range(3, ~0U, 0);
        if (pipe(ends) != 0 || ends[0] != 3)
            _exit(1);
        for (int i = 0; i < 50; i++) {
            pthread_create(&thread, NULL, allocate_deep, NULL);
            pthread_join(thread, NULL);
        }
        if (ioctl(ends[0], FIONREAD, &left) != 0 || left != 0)
            _exit(2);
        _exit(write(ends[1], "x", 1) == 1 && read(ends[0], &left, 1) == 1 ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void calloc_is_zero_at_every_rate(void **state)
{
    (void)state;
    static const int64_t rates[] = {0, 1, 4096, 65536};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++) {
        lp_rate_set(rates[r]);
        for (int i = 0; i < 200; i++) {
            size_t size = (size_t)(i + 1) * 1000;
            unsigned char *block = opaque(malloc(size));
            memset(block, 0xff, size);
            free(block);
            block = opaque(calloc(10, size / 10));
            for (size_t at = 0; at < size / 10 * 10; at++)
                if (block[at] != 0)
                    fail_msg("byte %zu of %zu is %d at rate %d", at, size, block[at],
                             (int)rates[r]);
            free(block);
        }
    }
    lp_rate_set(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_glibcs),
        cmocka_unit_test(errno_survives_a_sample),
        cmocka_unit_test(closing_all_descriptors_is_safe),
        cmocka_unit_test(calloc_is_zero_at_every_rate),
        cmocka_unit_test(nothing_was_lost_on_the_way),
    };
    return cmocka_run_group_tests_name("heap_unseen", tests, exact, NULL);
}
