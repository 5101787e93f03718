/* The kernel refuses memory for the tables: the program, which has enough of its own, goes on
 * unharmed; what could not be recorded is counted; and when there is memory again all is well. */
#include "unit.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "record/self.h"
#include "crowd.h"
#include "heap.h"
#include "record/blocks.h"
#include "record/fds.h"
#include "sys/pages.h"
#include "record/stacks.h"

enum { LEVELS = 12, STACKS = 1 << LEVELS, SIZE = 1337, ENOUGH = 64 << 20 };

static unsigned char *kept[STACKS];

static void refuse(bool on)
{
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = on ? 1 << 20 : limit.rlim_max;
    MUST(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* What the program itself is going to need, so that only the profiler has to ask. */
static void provide(void)
{
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 2 * ENOUGH);
    free(opaque(malloc(ENOUGH)));
}

static int64_t objects_in_use(void)
{
    int64_t objects = 0;
    int previous = lp_own_enter();
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    for (size_t i = 0; i < heap->nrows; i++)
        objects += heap->rows[i].label_num == SIZE ? heap->rows[i].value[2] : 0;
    lp_profile_free(heap);
    lp_own_leave(previous);
    return objects;
}

static void allocate_here(unsigned number)
{
    errno = 4711;
    kept[number] = opaque(malloc(SIZE));
    MUST(kept[number] != NULL);
    MUST_EQUAL(errno, 4711);
    memset(kept[number], (int)(number % 251), SIZE);
}

static void free_all(void)
{
    for (unsigned n = 0; n < STACKS; n++) {
        for (unsigned i = 0; i < SIZE; i++)
            MUST(kept[n][i] == n % 251);
        errno = 4711;
        free(kept[n]);
        MUST_EQUAL(errno, 4711);
    }
}

static void refused_at_rate(int64_t rate)
{
    provide();
    lp_rate_set(rate);
    refuse(true);
    int64_t bytes = lp_own_bytes(LP_OWN_STACKS) + lp_own_bytes(LP_OWN_SITES);
    crowd(LEVELS, 0, allocate_here);
    MUST(lp_losses(LP_LOSS_NO_MEMORY) > 0);
    MUST_EQUAL(lp_own_bytes(LP_OWN_STACKS) + lp_own_bytes(LP_OWN_SITES), bytes);
    if (rate == 1) /* each block is in the figures or among the losses */
        MUST_EQUAL(objects_in_use() + lp_losses(LP_LOSS_SITES_FULL) +
                       lp_losses(LP_LOSS_BLOCKS_FULL),
                   STACKS);
    free_all();
    MUST_EQUAL(objects_in_use(), 0);
    refuse(false);
}

/* Blocks of one site, until there is no place for their records. */
static void more_blocks_than_places(void)
{
    enum { MANY = 40000 };
    static void *many[MANY];
    refuse(true);
    for (int i = 0; i < MANY; i++)
        MUST((many[i] = opaque(malloc(100))) != NULL);
    MUST(lp_losses(LP_LOSS_BLOCKS_FULL) > 0);
    for (int i = 0; i < MANY; i++)
        free(many[i]);
    refuse(false);
}

static void refused(void)
{
    lp_rate_set(1); /* a little of each table is there already */
    crowd(4, 0, allocate_here);
    for (int n = 0; n < 1 << 4; n++)
        free(kept[n]);
    refused_at_rate(1);
    MUST(lp_losses(LP_LOSS_STACKS_FULL) > 0);
    more_blocks_than_places();

    uint64_t before = lp_losses_total();
    crowd(LEVELS, 0, allocate_here);
    MUST_EQUAL(objects_in_use(), STACKS);
    free_all();
    MUST_EQUAL(objects_in_use(), 0);
    MUST_EQUAL(lp_losses_total(), before);
}

static void refused_from_the_start(void)
{
    refused_at_rate(1);
    MUST_EQUAL(lp_losses(LP_LOSS_SITES_FULL), STACKS);
}

static void refused_sampled(void)
{
    refused_at_rate(65536);
}

/* Half way: what was recorded before is there after, and its frees are seen meanwhile. */
static void refused_for_a_while(void)
{
    provide();
    lp_rate_set(1);
    crowd(LEVELS - 1, 0, allocate_here);
    MUST_EQUAL(objects_in_use(), STACKS / 2);
    refuse(true);
    for (unsigned n = 0; n < STACKS / 4; n++)
        free(kept[n]);
    MUST_EQUAL(objects_in_use(), STACKS / 4);
    crowd(LEVELS - 2, 0, allocate_here);
    refuse(false);
    MUST(objects_in_use() >= STACKS / 4);
    for (unsigned n = 0; n < STACKS / 2; n++)
        free(kept[n]);
    MUST_EQUAL(objects_in_use(), 0);
}

static void refused_for_descriptors(void)
{
    enum { HIGH = 5000 };
    struct rlimit limit = {HIGH + 1, HIGH + 1};
    struct lp_fd row;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return; /* so many are not to be had here */
    lp_rate_set(0);
    refuse(true);
    MUST_EQUAL(dup2(0, HIGH), HIGH);
    refuse(false);
    MUST_EQUAL(lp_losses(LP_LOSS_FDS_FULL), 1);
    MUST_EQUAL(lp_losses(LP_LOSS_NO_MEMORY), 1);
    MUST(!lp_fd_get(HIGH, &row));
    MUST(close(HIGH) == 0);
    MUST_EQUAL(dup2(0, HIGH), HIGH);
    MUST(lp_fd_get(HIGH, &row));
}

/* There is nowhere to write a thread's stack to. */
static void refused_for_threads(void)
{
    provide();
    lp_rate_set(0);
    int previous = lp_own_enter();
    refuse(true);
    struct lp_profile *threads = lp_take(lp_kind_find("threads"));
    refuse(false);
    MUST(threads != NULL);
    MUST_EQUAL(threads->nitems, 1);
    MUST_EQUAL(threads->items[0].stack, LP_STACK_SILENT);
    MUST_EQUAL(lp_losses(LP_LOSS_THREAD_SILENT), 1);
    lp_profile_free(threads);
    threads = lp_take(lp_kind_find("threads"));
    MUST(threads->items[0].stack >= LP_STACK_FIRST);
    lp_profile_free(threads);
    lp_own_leave(previous);
}

IN_A_CHILD(exact_when_memory_is_refused, refused)
IN_A_CHILD(from_the_start_when_memory_is_refused, refused_from_the_start)
IN_A_CHILD(sampled_when_memory_is_refused, refused_sampled)
IN_A_CHILD(what_was_recorded_outlasts_it, refused_for_a_while)
IN_A_CHILD(descriptors_when_memory_is_refused, refused_for_descriptors)
IN_A_CHILD(threads_when_memory_is_refused, refused_for_threads)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_when_memory_is_refused),
        cmocka_unit_test(from_the_start_when_memory_is_refused),
        cmocka_unit_test(sampled_when_memory_is_refused),
        cmocka_unit_test(what_was_recorded_outlasts_it),
        cmocka_unit_test(descriptors_when_memory_is_refused),
        cmocka_unit_test(threads_when_memory_is_refused),
    };
    lp_rate_set(0);
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
