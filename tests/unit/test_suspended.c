/* A thread is suspended while it holds a lock of the tables, as a garbage collector would suspend
 * it: the others go on, and what they could not record is counted. */
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "maps.h"
#include "record/blocks.h"
#include "record/maps.h"
#include "record/procs.h"
#include "record/threads.h"

/* A thread that takes locks and holds them until it is told. */
struct holder {
    pthread_t thread;
    sem_t holds, go_on;
    void (*take)(struct holder *holder);
    void (*give)(struct holder *holder);
    struct lp_ranges *ranges;
    struct lp_held held;
    struct lp_blocks_held blocks;
    enum lp_fork_lock threads;
};

static void *hold(void *arg)
{
    struct holder *holder = arg;
    holder->take(holder);
    sem_post(&holder->holds);
    while (sem_wait(&holder->go_on) != 0)
        ;
    holder->give(holder);
    return NULL;
}

static void suspend(struct holder *holder)
{
    sem_init(&holder->holds, 0, 0);
    sem_init(&holder->go_on, 0, 0);
    assert_int_equal(pthread_create(&holder->thread, NULL, hold, holder), 0);
    sem_wait(&holder->holds);
}

static void resume(struct holder *holder)
{
    sem_post(&holder->go_on);
    pthread_join(holder->thread, NULL);
}

static void take_ranges(struct holder *holder)
{
    assert_true(lp_hold(&holder->ranges->lock, LP_HOLD_PROFILER, &holder->held));
}

static void give_ranges(struct holder *holder)
{
    lp_release(&holder->held);
}

static void memory_is_mapped_all_the_same(void **state)
{
    (void)state;
    NEEDS_HOOKED_MAPS();
    struct holder holder = {.take = take_ranges, .give = give_ranges, .ranges = &lp_maps};
    char *stale = map_here(3);
    suspend(&holder);
    uint64_t lost = lp_losses(LP_LOSS_WAITED);
    char *start = map_here(10);
    assert_true(start != MAP_FAILED);
    start[9 * PAGE] = 1;
    assert_int_equal(munmap(stale, 3 * PAGE), 0);
    start = mremap(start, 10 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
    assert_true(start != MAP_FAILED);
    assert_int_equal(start[9 * PAGE], 1);
    assert_true(lp_losses(LP_LOSS_WAITED) >= lost + 3);
    resume(&holder);

    expect_nothing(stale); /* the kernel does not have it */
    map_there(stale, 3);
    expect(stale, 3, "anonymous", "map_there");
    munmap(stale, 3 * PAGE);
    munmap(start, 20 * PAGE);
}

/* A child has no thread that holds the lock: it begins with an empty table. */
static void children_are_waited_for_all_the_same(void **state)
{
    (void)state;
    struct holder holder = {.take = take_ranges, .give = give_ranges, .ranges = &lp_procs};
    suspend(&holder);
    uint64_t lost = lp_losses(LP_LOSS_WAITED);
    int status;
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0)
            _exit(0);
        bool known = lp_ranges_live(&lp_procs) == 1;
        _exit(waitpid(grandchild, NULL, 0) == grandchild && known && lp_ranges_live(&lp_procs) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(lp_losses(LP_LOSS_WAITED) >= lost + 2);
    resume(&holder);
}

static void take_blocks(struct holder *holder)
{
    lp_hold_begin_fork();
    lp_blocks_before_fork(&holder->blocks);
    lp_hold_end_fork(false);
}

static void give_blocks(struct holder *holder)
{
    lp_blocks_after_fork(&holder->blocks, false);
}

enum { N = 100, SIZE = 4711 };

/* Nothing of the heap is lost: the next holder does it. */
static void blocks_are_recorded_later(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    static void *kept[N];
    struct holder holder = {.take = take_blocks, .give = give_blocks};
    lp_rate_set(1);
    for (int i = 0; i < N; i++)
        kept[i] = opaque(malloc(SIZE));
    lp_rate_set(0);
    suspend(&holder);
    uint64_t lost = lp_losses_total();
    lp_rate_set(1);
    for (int i = 0; i < N; i++) {
        if (i % 2)
            free(kept[i]);
        else
            kept[i] = opaque(realloc(kept[i], 2 * SIZE)); /* at the same address or elsewhere */
        free(opaque(malloc(3 * SIZE)));
    }
    lp_rate_set(0);
    resume(&holder);
    assert_int_equal(in_use(SIZE, NULL), 0);
    assert_int_equal(in_use(2 * SIZE, NULL), N / 2 * 2 * SIZE);
    assert_int_equal(in_use(3 * SIZE, NULL), 0);
    for (int i = 0; i < N; i += 2)
        free(kept[i]);
    assert_int_equal(in_use(2 * SIZE, NULL), 0);
    assert_int_equal(lp_losses_total(), lost);
}

/* A child makes the chains anew whose holder it does not have. */
static void a_child_finds_every_block(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    static void *kept[N];
    struct holder holder = {.take = take_blocks, .give = give_blocks};
    lp_rate_set(1);
    for (int i = 0; i < N; i++)
        kept[i] = opaque(malloc(SIZE));
    suspend(&holder);
    free(kept[0]); /* late work when the process forks */
    kept[0] = opaque(malloc(SIZE));
    int status;
    pid_t child = fork();
    if (child == 0) {
        if (in_use(SIZE, NULL) != N * SIZE)
            _exit(1);
        for (int i = 0; i < N; i++)
            free(kept[i]);
        _exit(in_use(SIZE, NULL) == 0 ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    resume(&holder);
    for (int i = 0; i < N; i++)
        free(kept[i]);
    assert_int_equal(in_use(SIZE, NULL), 0);
    lp_rate_set(0);
}

static void take_blocks_for_a_fork(struct holder *holder)
{
    lp_hold_begin_fork();
    lp_blocks_before_fork(&holder->blocks);
}

static void give_blocks_after_a_fork(struct holder *holder)
{
    lp_blocks_after_fork(&holder->blocks, false);
    lp_hold_end_fork(false);
}

static long waits(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
    return usage.ru_nvcsw;
}

/* A fork may wait for a lock of libc that a thread keeps while it allocates again and again. So
 * that thread hardly waits for the fork, and what it leaves to do takes the same memory each
 * time. */
static void a_fork_is_not_held_up(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    enum { FORKS = 30, PAIRS = 1000 };
    struct holder holder = {.take = take_blocks_for_a_fork, .give = give_blocks_after_a_fork};
    int64_t bytes = 0;
    for (int i = 0; i < FORKS; i++) {
        suspend(&holder);
        uint64_t lost = lp_losses_total();
        long waited = waits();
        lp_rate_set(1);
        for (int n = 0; n < PAIRS; n++)
            free(opaque(malloc(SIZE)));
        lp_rate_set(0);
        waited = waits() - waited;
        resume(&holder);
        assert_int_equal(lp_losses_total(), lost);
        assert_in_range(waited, 0, PAIRS / 10);
        assert_int_equal(in_use(SIZE, NULL), 0);
        if (i == 0)
            bytes = lp_own_bytes(LP_OWN_BLOCKS);
    }
    assert_int_equal(lp_own_bytes(LP_OWN_BLOCKS), bytes);
}

static void take_threads(struct holder *holder)
{
    lp_hold_begin_fork();
    holder->threads = lp_threads_before_fork();
    lp_hold_end_fork(false);
}

static void give_threads(struct holder *holder)
{
    lp_threads_after_fork(holder->threads, false);
}

static void *itself(void *arg)
{
    return arg;
}

static void threads_come_and_go_all_the_same(void **state)
{
    (void)state;
    struct holder holder = {.take = take_threads, .give = give_threads};
    pthread_t before, thread;
    void *result = NULL;
    pthread_create(&before, NULL, itself, &holder);
    suspend(&holder);
    uint64_t lost = lp_losses(LP_LOSS_WAITED);
    assert_int_equal(pthread_create(&thread, NULL, itself, &lost), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &lost);
    assert_int_equal(pthread_join(before, &result), 0);
    assert_ptr_equal(result, &holder);
    assert_true(lp_losses(LP_LOSS_WAITED) > lost);
    resume(&holder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_mapped_all_the_same),
        cmocka_unit_test(children_are_waited_for_all_the_same),
        cmocka_unit_test(blocks_are_recorded_later),
        cmocka_unit_test(a_child_finds_every_block),
        cmocka_unit_test(a_fork_is_not_held_up),
        cmocka_unit_test(threads_come_and_go_all_the_same),
    };
    return cmocka_run_group_tests_name("suspended", tests, NULL, NULL);
}
