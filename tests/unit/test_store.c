/* Snapshots are their process's: a forked child begins without any. */
#include "unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "leakprof.h"
#include "snapshot/store.h"

static void child_has_none_of_its_parents(void **state)
{
    (void)state;
    const struct leakprof_options options = {.listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP};
    const struct lp_snapshot *taken;
    int status = -1;

    /* Nobody asks the profiler's thread for anything meanwhile. */
    assert_int_equal(leakprof_start(&options), 0);
    assert_int_equal(lp_store_take("before", &taken), 0);
    pid_t child = fork();
    if (child == 0) {
        if (lp_store_at(0) || lp_store_find(1))
            _exit(1);
        _exit(lp_store_take("after", &taken) != 0 || lp_store_at(0) != taken ? 2 : 0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ptr_equal(lp_store_at(0), taken);
    leakprof_stop();
    assert_int_equal(lp_store_drop(taken->id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(child_has_none_of_its_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
