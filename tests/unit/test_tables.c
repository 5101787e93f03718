/* The tables by themselves: stacks, sites, blocks, descriptors. */
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "record/blocks.h"
#include "sys/pages.h"
#include "record/fds.h"
#include "sys/losses.h"
#include "record/sites.h"
#include "record/hooktime.h"
#include "record/stacks.h"

enum { THREADS = 4, STACKS = 2000 };

static uint32_t make_stack(uintptr_t seed)
{
    uintptr_t frames[12];
    for (int i = 0; i < 12; i++)
        frames[i] = seed * 1000 + (uintptr_t)i;
    return lp_stack_intern(frames, 12);
}

static void a_stack_has_one_number(void **state)
{
    (void)state;
    uintptr_t frames[] = {0x1000, 0x2000, 0x3000}, other[] = {0x1000, 0x2000, 0x3001};
    uint32_t id = lp_stack_intern(frames, 3);
    assert_true(id >= LP_STACK_FIRST);
    assert_int_equal(lp_stack_intern(frames, 3), id);
    assert_int_not_equal(lp_stack_intern(other, 3), id);
    assert_int_not_equal(lp_stack_intern(frames, 2), id);

    struct lp_stack back = lp_stack_get(id);
    assert_int_equal(back.nframes, 3);
    assert_memory_equal(back.frames, frames, sizeof frames);
    assert_int_equal(lp_stack_get(UINT32_MAX).nframes, 0);
    assert_non_null(lp_stack_special(LP_STACK_EARLIER));
    assert_null(lp_stack_special(id));
}

static void *intern_all(void *arg)
{
    uint32_t *ids = arg;
    for (uint32_t i = 0; i < STACKS; i++)
        ids[i] = make_stack(77 + i);
    return NULL;
}

static void threads_that_race_agree_on_the_numbers(void **state)
{
    (void)state;
    static uint32_t ids[THREADS][STACKS];
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, intern_all, ids[t]);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 1; t < THREADS; t++)
        assert_memory_equal(ids[t], ids[0], sizeof ids[0]);
    for (uint32_t i = 1; i < STACKS; i++)
        assert_int_not_equal(ids[0][i], ids[0][i - 1]);
}

/* Every call one of two, twenty deep, as a search in a tree makes them: a hash that is a sum of
 * products takes a few thousand values for all of these. */
static void a_million_similar_stacks_are_a_few_steps_away(void **state)
{
    (void)state;
    enum { LEVELS = 20, MANY = 1 << LEVELS };
    static uint32_t ids[MANY];
    uint64_t all = 0;
    uint32_t most = 0, before = lp_stack_count();
    for (uint32_t path = 0; path < MANY; path++) {
        uintptr_t frames[LEVELS];
        for (int level = 0; level < LEVELS; level++)
            frames[level] = path >> level & 1 ? 0x401139 : 0x401143;
        ids[path] = lp_stack_intern(frames, LEVELS);
    }
    assert_int_equal(lp_stack_count() - before, MANY);
    for (uint32_t path = 0; path < MANY; path += 97) {
        uint32_t steps = lp_stack_steps(ids[path]);
        all += steps;
        most = steps > most ? steps : most;
    }
    assert_in_range(all / (MANY / 97), 1, 5);
    assert_in_range(most, 1, 20);
}

static void what_was_freed_leaves_nothing_in_use(void **state)
{
    (void)state;
    uint32_t site = lp_site_get(make_stack(1), 1337);
    struct lp_site_figures f;
    for (int i = 0; i < 1000; i++)
        lp_site_alloc(site, 1337, 392.65f);
    lp_site_read(site, &f);
    assert_in_range(f.inuse_objects, 392649, 392651);
    assert_true(f.inuse_bytes_var > 0);
    for (int i = 0; i < 1000; i++)
        lp_site_free(site, 1337, 392.65f);
    lp_site_read(site, &f);
    assert_int_equal(f.inuse_objects, 0);
    assert_int_equal(f.inuse_bytes, 0);
    assert_true(f.inuse_bytes_var == 0 && f.inuse_objects_var == 0);
    assert_true(f.alloc_bytes > 0);
}

static void random_sizes_do_not_make_endless_sites(void **state)
{
    (void)state;
    uint32_t stack = make_stack(2), before = lp_site_count();
    for (uint64_t size = 1; size <= 100000; size += 3)
        assert_int_not_equal(lp_site_get(stack, size), LP_SITE_NONE);
    assert_in_range(lp_site_count() - before, LP_SITE_SIZES, LP_SITE_SIZES + 64 + 8 * 8);

    uint32_t first = lp_site_get(stack, 1);
    struct lp_site_figures f;
    lp_site_read(first, &f);
    assert_int_equal(f.size, 1); /* the first sizes stay exact for ever */
    lp_site_read(lp_site_get(stack, 99999), &f);
    assert_in_range(f.size, 99999, 99999 + 99999 / 8);
}

static struct lp_block block_at(uintptr_t address)
{
    return (struct lp_block){
        .address = address, .size = 100, .site = lp_site_get(make_stack(3), 100), .weight = 1};
}

static void a_block_is_found_once(void **state)
{
    (void)state;
    struct lp_block b = block_at(0x10000), out;
    uint32_t before = lp_blocks_live();
    assert_int_equal(lp_block_insert(&b), 0);
    assert_int_equal(lp_blocks_live(), before + 1);
    assert_int_equal(lp_block_remove(0x20000, &out), -ENOENT);
    assert_int_equal(lp_block_remove(0x10000, &out), 0);
    assert_int_equal(out.size, 100);
    assert_int_equal(lp_block_remove(0x10000, &out), -ENOENT);
    assert_int_equal(lp_blocks_live(), before);
}

static void a_missed_free_is_counted_when_the_address_returns(void **state)
{
    (void)state;
    struct lp_block b = block_at(0x40000), out;
    struct lp_site_figures f;
    lp_block_insert(&b);
    lp_site_alloc(b.site, b.size, b.weight);
    lp_site_read(b.site, &f);
    int64_t in_use = f.inuse_objects;
    uint64_t missed = lp_losses(LP_LOSS_FREE_MISSED);
    lp_block_insert(&b);
    assert_int_equal(lp_losses(LP_LOSS_FREE_MISSED), missed + 1);
    lp_site_read(b.site, &f);
    assert_int_equal(f.inuse_objects, in_use - 1);
    lp_block_remove(0x40000, &out);
}

/* A removal that finds the lock taken is done by the next holder. */
static void *insert_and_remove(void *arg)
{
    uintptr_t base = (uintptr_t)arg << 32;
    uint32_t site = lp_site_get(make_stack(4), 100);
    for (uintptr_t i = 1; i <= 20000; i++) {
        struct lp_block b = {.address = base + i * LP_PAGE, .size = i, .site = site, .weight = 1};
        if (lp_block_insert(&b) != 0)
            return "insert failed";
    }
    for (uintptr_t i = 1; i <= 20000; i++) {
        struct lp_block out;
        if (lp_block_absent(base + i * LP_PAGE))
            return "does not see a block";
        int result = lp_block_remove(base + i * LP_PAGE, &out);
        if (result != -EAGAIN && (result != 0 || out.size != i))
            return "lost a block";
    }
    return NULL;
}

static void no_block_is_lost_among_threads(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint32_t before = lp_blocks_live();
    for (uintptr_t t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, insert_and_remove, (void *)(t + 1));
    for (int t = 0; t < THREADS; t++) {
        void *complaint;
        pthread_join(threads[t], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(lp_blocks_live(), before);
}

static void *spend(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++)
        lp_hooktime_end(lp_hooktime_begin());
    return NULL;
}

/* By chance, and not the same events in each thread: threads that have but a few count too. */
static void one_event_in_so_many_is_timed(void **state)
{
    (void)state;
    enum { SHORT = 3000 };
    struct lp_hooktime before = lp_hooktime_read();
    int few = 20, many = 200000;
    for (int i = 0; i < SHORT; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, spend, &few);
        pthread_join(thread, NULL);
    }
    int64_t timed = lp_hooktime_read().timed - before.timed, all = SHORT * few;
    assert_in_range(timed, all / LP_HOOKTIME_EVERY * 8 / 10, all / LP_HOOKTIME_EVERY * 12 / 10);
    before = lp_hooktime_read();
    spend(&many);
    timed = lp_hooktime_read().timed - before.timed, all = many;
    assert_in_range(timed, all / LP_HOOKTIME_EVERY * 9 / 10, all / LP_HOOKTIME_EVERY * 11 / 10);

    /* One known time among them: it stands for as many. */
    before = lp_hooktime_read();
    int64_t began;
    while ((began = lp_hooktime_begin()) == 0)
        ;
    lp_hooktime_end(began - 1000000000);
    assert_true(lp_hooktime_read().ns - before.ns > (int64_t)LP_HOOKTIME_EVERY * 900000000);
    assert_int_equal(lp_hooktime_read().timed, before.timed + 1);
    lp_hooktime_end(0);
    assert_int_equal(lp_hooktime_read().timed, before.timed + 1);
}

static void a_descriptor_row_keeps_its_stack_until_closed(void **state)
{
    (void)state;
    struct lp_fd row;
    lp_fd_opened(700, 4711, true);
    assert_true(lp_fd_get(700, &row));
    assert_int_equal(row.stack, 4711);
    assert_true(row.own);
    lp_fd_closed(700);
    assert_false(lp_fd_get(700, &row));
    lp_fd_opened(701, 1, false);
    lp_fd_opened(702, 1, false);
    lp_fd_closed_range(701, UINT32_MAX);
    assert_false(lp_fd_get(701, &row) || lp_fd_get(702, &row));
    assert_false(lp_fd_get(-1, &row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_has_one_number),
        cmocka_unit_test(threads_that_race_agree_on_the_numbers),
        cmocka_unit_test(a_million_similar_stacks_are_a_few_steps_away),
        cmocka_unit_test(what_was_freed_leaves_nothing_in_use),
        cmocka_unit_test(random_sizes_do_not_make_endless_sites),
        cmocka_unit_test(a_block_is_found_once),
        cmocka_unit_test(a_missed_free_is_counted_when_the_address_returns),
        cmocka_unit_test(no_block_is_lost_among_threads),
        cmocka_unit_test(one_event_in_so_many_is_timed),
        cmocka_unit_test(a_descriptor_row_keeps_its_stack_until_closed),
    };
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
