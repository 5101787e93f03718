/* A signal handler may fork while the code that it interrupted is in fork(), too: just before or
 * after the system call. All of the processes go on recording, with no lock left behind. */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap.h"
#include "record/blocks.h"
#include "record/rate.h"
#include "sys/losses.h"

enum { BLOCKS = 1000 }; /* some in every stripe of the table */

enum { NEVER, BEFORE, AFTER };
static int when;
static pid_t inner = -1;

static void fork_here(int now)
{
    if (when != now)
        return;
    when = NEVER;
    inner = fork();
}

static void before(void)
{
    fork_here(BEFORE);
}

static void after(void)
{
    fork_here(AFTER);
}

/* Earlier than the profiler's, and thus inside of it: handlers are called from the last to the
 * first before a fork, from the first to the last after it. */
__attribute__((constructor(101))) static void come_first(void)
{
    pthread_atfork(before, after, NULL);
}

/* Blocks are recorded, with stacks, and their frees, too. */
static bool records(void)
{
    static void *blocks[BLOCKS];
    uint32_t live = lp_blocks_live();
    uint64_t lost = lp_losses_total();
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = opaque(malloc(777));
    bool all = lp_blocks_live() == live + BLOCKS;
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return all && lp_blocks_live() == live && lp_losses_total() == lost;
}

static void check(int now)
{
    pid_t test = getpid();
    int status = -1;
    NEEDS_HOOKED_HEAP();
    lp_rate_set(1);
    assert_true(records());
    inner = -1;
    when = now;
    pid_t child = fork();
    bool good = records();
    const pid_t children[] = {inner, child}; /* of this process, or of another one */
    for (int i = 0; i < 2; i++)
        if (children[i] > 0 && waitpid(children[i], &status, 0) > 0)
            good = good && status == 0;
    if (getpid() != test)
        _exit(good ? 0 : 1);
    assert_true(inner > 0);
    assert_true(good);
}

static void in_a_fork_that_has_not_happened(void **state)
{
    (void)state;
    check(BEFORE);
}

static void in_a_fork_that_has_just_happened(void **state)
{
    (void)state;
    check(AFTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_fork_that_has_not_happened),
        cmocka_unit_test(in_a_fork_that_has_just_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
