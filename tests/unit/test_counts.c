/* The counts that spare a free the table (record/blockcounts.h): never too low, whatever else they
 * are.
 */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/blockcounts.h"
#include "record/blocks.h"
#include "record/rate.h"
#include "record/sites.h"
#include "record/stacks.h"
#include "sys/pages.h"

static unsigned count_of(uintptr_t address)
{
    return lp_blocks_count(&lp_blocks_counts, address);
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

/* Addresses that share a count. */
static uintptr_t like(uintptr_t address, int i)
{
    return address + (uintptr_t)i * LP_BLOCKS_COUNTS * 128;
}

/* The VmFlags of the mapping that has this address. */
static bool has_flag(uintptr_t address, const char *flag)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[4096];
    unsigned long start, end;
    bool inside = false, found = false;
    assert_non_null(smaps);
    while (fgets(line, sizeof line, smaps)) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = address >= start && address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(smaps);
    return found;
}

/* A filter of system calls that the program installs later may kill it for this call. */
static void huge_pages_are_refused_at_the_start(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    assert_false(lp_blocks_counted());
    if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
        skip(); /* the kernel has no huge pages */
    assert_true(has_flag((uintptr_t)&lp_blocks_counts, " nh"));
}

/* No page is touched before the first record. */
static void none_is_written_before_it_is_needed(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    int64_t bytes = lp_own_bytes(LP_OWN_BLOCKS);
    assert_false(lp_blocks_counted());
    insert(0x70000010);
    assert_true(lp_blocks_counted());
    assert_in_range(lp_own_bytes(LP_OWN_BLOCKS), bytes + LP_PAGE, bytes + (1 << 20));
    assert_int_equal(drop(0x70000010), 0);
}

static void records_are_counted(void **state)
{
    (void)state;
    uintptr_t one = 0x10010, two = like(one, 1);
    assert_int_equal(count_of(one), 0);
    insert(one);
    insert(one); /* its free was missed */
    assert_int_equal(count_of(one), 1);
    insert(two);
    assert_int_equal(count_of(one), 2);
    assert_int_equal(drop(one), 0);
    assert_int_equal(count_of(one), 1);
    assert_int_equal(drop(one), -ENOENT);
    assert_int_equal(count_of(one), 1);
    assert_int_equal(drop(two), 0);
    assert_int_equal(count_of(one), 0);
}

/* libc's malloc begins at most one block in 32 bytes, so no other block has the count of one that
 * is recorded. */
static void neighbours_are_told_apart(void **state)
{
    (void)state;
    for (uintptr_t address = 0x60000; address < 0x60400; address += 16) {
        insert(address);
        for (uintptr_t other = 0x60000; other < 0x60400; other += 16)
            assert_int_equal(count_of(other), other / 32 == address / 32);
        assert_int_equal(drop(address), 0);
    }
}

/* A count that came to its largest value stays there. Records are found all the same. */
static void many_stay_many(void **state)
{
    (void)state;
    enum { RECORDS = 10 };
    uintptr_t first = 0x20010;
    for (int i = 0; i < RECORDS; i++)
        insert(like(first, i));
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(count_of(first), LP_BLOCKS_COUNT_FULL);
        assert_int_equal(drop(like(first, i)), 0);
    }
    assert_int_equal(count_of(first), LP_BLOCKS_COUNT_FULL);
    for (uintptr_t beside = 32; beside < 128; beside += 32)
        assert_int_equal(count_of((first & ~(uintptr_t)127) + (first + beside) % 128), 0);
}

static _Atomic bool go_on; /* longer than the least */

static void *insert_and_drop(void *arg)
{
    enum { ROUNDS = 2000, EACH = 16 };
    uintptr_t mine = (uintptr_t)arg;
    for (int round = 0; round < ROUNDS || go_on; round++) {
        for (uintptr_t i = 0; i < EACH; i++) {
            const struct lp_block block = {
                .address = mine + i * 4096 + 16, .size = 1, .site = site, .weight = 1};
            if (lp_block_insert(&block) != 0 || count_of(block.address) == 0)
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
    uint32_t live = lp_blocks_live();
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, insert_and_drop, (void *)(0x40000000 + (i << 24)));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(lp_blocks_live(), live);
    for (uintptr_t i = 0; i < THREADS; i++)
        for (uintptr_t at = 0; at < 16 * 4096; at += 16)
            assert_int_equal(count_of(0x40000000 + (i << 24) + at), 0);
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

static void none_is_too_low(const struct lp_block *block, void *bad)
{
    *(bool *)bad |= count_of(block->address) == 0 || block->site != site || block->weight != 1;
}

/* Other threads insert and remove while this one forks. In the child each record has a count, and
 * is found by its address. */
static void a_child_of_busy_threads_misses_none(void **state)
{
    (void)state;
    enum { THREADS = 3, FORKS = 100, KEPT = 64 };
    pthread_t threads[THREADS];
    void *complaint;
    for (uintptr_t i = 0; i < KEPT; i++)
        insert(0x60000010 + (i << 17));
    go_on = true;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, insert_and_drop, (void *)(0x40000000 + (i << 24)));
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            bool bad = false;
            go_on = false;
            lp_blocks_each(none_is_too_low, &bad);
            for (uintptr_t k = 0; k < KEPT; k++)
                bad |= lp_block_absent(0x60000010 + (k << 17)) || drop(0x60000010 + (k << 17)) != 0;
            bad |= insert_and_drop((void *)0x40000000) != NULL;
            _exit(bad ? 1 : 0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    go_on = false;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    for (uintptr_t i = 0; i < KEPT; i++)
        assert_int_equal(drop(0x60000010 + (i << 17)), 0);
}

static int off(void **state)
{
    (void)state;
    const uintptr_t frames[] = {0x1000};
    lp_rate_set(0);
    site = lp_site_get(lp_stack_intern(frames, 1), 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(huge_pages_are_refused_at_the_start),
        cmocka_unit_test(none_is_written_before_it_is_needed),
        cmocka_unit_test(records_are_counted),
        cmocka_unit_test(neighbours_are_told_apart),
        cmocka_unit_test(many_stay_many),
        cmocka_unit_test(threads_count_together),
        cmocka_unit_test(a_child_has_them),
        cmocka_unit_test(a_child_of_busy_threads_misses_none),
    };
    return cmocka_run_group_tests_name("counts", tests, off, NULL);
}
