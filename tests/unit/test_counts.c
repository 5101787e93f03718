/* The counts that spare a free the table (record/blockcounts.h): never too low, whatever else they
 * are.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/blockcounts.h"
#include "record/blocks.h"
#include "record/rate.h"
#include "record/sites.h"
#include "record/stacks.h"

enum { NOT_COUNTED = -LP_BLOCKS_NONE };

static int count_of(uintptr_t address)
{
    return *lp_blocks_count(address) - LP_BLOCKS_NONE;
}

static uint32_t site;

static void insert(uintptr_t address)
{
    const struct lp_block block = {.address = address, .size = 1, .site = site, .weight = 1};
    assert_int_equal(lp_block_insert(&block), 0);
}

static int drop(uintptr_t address)
{
    struct lp_block block;
    return lp_block_remove(address, &block);
}

/* The next address after this one that has the same count. */
static uintptr_t like(uintptr_t address)
{
    uintptr_t other = address + 16;
    while (lp_blocks_count(other) != lp_blocks_count(address))
        other += 16;
    return other;
}

static void nothing_is_counted_with_libc(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP(); /* else it is not libc's */
    for (int i = 0; i < LP_BLOCKS_COUNTS; i++)
        assert_int_equal(lp_blocks_counts[i], 0);
    insert(0x1230);
    assert_int_equal(count_of(0x1230), NOT_COUNTED);
    assert_int_equal(drop(0x1230), 0);
    assert_int_equal(count_of(0x1230), NOT_COUNTED);
}

static void records_are_counted(void **state)
{
    (void)state;
    lp_blocks_count_begin();
    assert_int_equal(count_of(0), NOT_COUNTED);
    uintptr_t one = 0x10010, two = like(one);
    assert_int_equal(count_of(one), 0);
    insert(one);
    insert(two);
    insert(two); /* its free was missed */
    assert_int_equal(count_of(one), 2);
    assert_int_equal(drop(one), 0);
    assert_int_equal(count_of(one), 1);
    assert_int_equal(drop(one), -ENOENT);
    assert_int_equal(count_of(one), 1);
    assert_int_equal(drop(two), 0);
    assert_int_equal(count_of(one), 0);
}

static void many_stay_many(void **state)
{
    (void)state;
    enum { RECORDS = 300 };
    uintptr_t first = 0x20010, address = first;
    for (int i = 0; i < RECORDS; i++, address = like(address))
        insert(address);
    assert_int_equal(count_of(first), NOT_COUNTED);
    address = first;
    for (int i = 0; i < RECORDS; i++, address = like(address)) {
        assert_int_equal(count_of(first), NOT_COUNTED);
        assert_int_equal(drop(address), 0);
    }
}

static void *insert_and_drop(void *arg)
{
    enum { ROUNDS = 2000, EACH = 16 };
    uintptr_t mine = (uintptr_t)arg;
    for (int round = 0; round < ROUNDS; round++) {
        for (uintptr_t i = 0; i < EACH; i++) {
            const struct lp_block block = {
                .address = mine + i * 4096 + 16, .size = 1, .site = site, .weight = 1};
            if (lp_block_insert(&block) != 0 || *lp_blocks_count(block.address) == LP_BLOCKS_NONE)
                return "too low";
        }
        for (uintptr_t i = 0; i < EACH; i++)
            drop(mine + i * 4096 + 16); /* or later, if another thread has the lock for long */
    }
    return NULL;
}

static void threads_count_together(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    void *complaint;
    uint32_t live = lp_blocks_live(), counted = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, insert_and_drop, (void *)(0x40000000 + (i << 24)));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(lp_blocks_live(), live);
    for (int i = 0; i < LP_BLOCKS_COUNTS; i++)
        counted += lp_blocks_counts[i] ? lp_blocks_counts[i] - (uint32_t)LP_BLOCKS_NONE : 0;
    assert_int_equal(counted, 0);
}

static void a_child_has_them(void **state)
{
    (void)state;
    uintptr_t address = 0x50010;
    int status;
    insert(address);
    pid_t child = fork();
    if (child == 0)
        _exit(count_of(address) == 1 && drop(address) == 0 && count_of(address) == 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(count_of(address), 1);
    assert_int_equal(drop(address), 0);
}

static int off(void **state)
{
    (void)state;
    const uintptr_t frames[] = {0x1000};
    lp_rate_set(0); /* the blocks of this program are libc's */
    site = lp_site_get(lp_stack_intern(frames, 1), 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_with_libc),
        cmocka_unit_test(records_are_counted),
        cmocka_unit_test(many_stay_many),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(a_child_has_them),
    };
    return cmocka_run_group_tests_name("counts", tests, off, NULL);
}
