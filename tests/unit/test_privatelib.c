/* A library for the profiler alone: its calls are overridden and nobody else's, and one with
 * thread-local variables that have no place is refused. */
#include "unit.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "record/privatelib.h"

static void *(*original)(size_t);
static int calls;

static void *counted(size_t size)
{
    calls++;
    return original(size);
}

static const struct lp_override overrides[] = {
    {"malloc", counted, (void **)&original},
    {NULL, NULL, NULL},
};

static void its_calls_alone_are_overridden(void **state)
{
    char self[PATH_MAX], path[PATH_MAX + 32];
    (void)state;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/fixtures/hidden.so", dirname(dirname(self)));
    void *library = lp_privatelib_load(path, overrides, 0);
    assert_non_null(library);
    void *(*keep)(size_t) = (void *(*)(size_t))dlsym(library, "keep");
    assert_non_null(keep);
    free(malloc(100));
    assert_int_equal(calls, 0);
    free(keep(100));
    assert_int_equal(calls, 1);
}

/* libc has more thread-local variables than one word, and some that begin with a value. */
static void thread_local_variables_need_room(void **state)
{
    original = NULL;
    (void)state;
    assert_null(lp_privatelib_load("libc.so.6", overrides, sizeof(long)));
    assert_null(lp_privatelib_load("libc.so.6", overrides, SIZE_MAX));
    assert_null(original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_calls_alone_are_overridden),
        cmocka_unit_test(thread_local_variables_need_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
