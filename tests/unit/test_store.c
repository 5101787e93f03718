/* Snapshots are their process's: a forked child begins without any. Of large ones fewer are kept.
 */
#include "unit.h"
#include "store.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leakprof.h"
#include "link.h"

static void child_has_none_of_its_parents(void **state)
{
    (void)state;
    const struct leakprof_options options = {.listen = "127.0.0.1:0", .rate = LEAKPROF_RATE_KEEP};
    const struct lp_snapshot *taken;
    int status = -1;

    /* Nobody asks the profiler's thread for anything meanwhile. */
    assert_int_equal(leakprof_start(&options), 0);
    assert_int_equal(store_take("before", &taken), 0);
    pid_t child = fork();
    if (child == 0) {
        lp_reporter_functions.forked(); /* as before the thread starts in it */
        if (lp_store_at(0) || lp_store_find(taken->id))
            _exit(1);
        _exit(store_take("after", &taken) != 0 || lp_store_at(0) != taken ? 2 : 0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_ptr_equal(lp_store_at(0), taken);
    leakprof_stop();
    assert_int_equal(lp_store_drop(taken->id), 0);
}

static size_t count(void)
{
    size_t n = 0;

    while (lp_store_at(n))
        n++;
    return n;
}

static int store_take_periodic(size_t keep, int64_t bytes)
{
    struct lp_snapshot *snapshot = lp_snapshot_now(true);
    return snapshot ? lp_store_put_periodic(snapshot, keep, bytes) : -errno;
}

static void periodic_ones_have_so_much_memory(void **state)
{
    (void)state;
    const struct lp_snapshot *named;

    for (int i = 0; i < 12; i++)
        assert_int_equal(store_take_periodic(8, INT64_MAX), 0);
    assert_int_equal(count(), 8);
    assert_int_equal(store_take("mine", &named), 0);
    int first = lp_store_at(0)->id;

    /* Room for about four that are as large as this one. */
    assert_int_equal(store_take_periodic(8, lp_store_at(7)->bytes * 4), 0);
    assert_in_range(count(), LP_PERIODIC_KEEP_MIN + 1, 8);

    /* Room for none: the verdict's remain, and what somebody has asked for. */
    assert_int_equal(store_take_periodic(8, 1), 0);
    assert_int_equal(count(), LP_PERIODIC_KEEP_MIN + 1);
    assert_int_equal(lp_store_at(0)->id, first);
    assert_ptr_equal(lp_store_find(named->id), named);
    while (lp_store_at(0))
        assert_int_equal(lp_store_drop(lp_store_at(0)->id), 0);
}

static void all_have_a_share_of_what_is_allowed(void **state)
{
    (void)state;
    const struct lp_snapshot *taken;

    lp_store_set_max(INT64_MAX);
    assert_int_equal(lp_store_max(), 1 << 30);
    assert_int_equal(store_take(NULL, &taken), 0);
    lp_store_set_max(taken->bytes * 8 * 3 / 2); /* room for one and a half */
    assert_int_equal(store_take(NULL, &taken), 0);
    assert_int_equal(store_take(NULL, &taken), -ENOSPC);
    assert_int_equal(count(), 2);
    lp_store_set_max(INT64_MAX);
    while (lp_store_at(0))
        assert_int_equal(lp_store_drop(lp_store_at(0)->id), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periodic_ones_have_so_much_memory),
        cmocka_unit_test(all_have_a_share_of_what_is_allowed),
        cmocka_unit_test(child_has_none_of_its_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
