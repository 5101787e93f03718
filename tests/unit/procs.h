/* What the tests of the procs profile share: what it says of a child, and children to look at. */
#ifndef TESTS_UNIT_PROCS_H
#define TESTS_UNIT_PROCS_H

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaf.h"
#include "profile/take.h"
#include "record/procs.h"

struct seen {
    char state[16], function[64], name[32];
    int children;
};

static inline struct seen look(pid_t pid)
{
    struct seen seen = {0};
    struct lp_profile *profile = lp_take(lp_kind_find("procs"));
    assert_non_null(profile);
    for (size_t i = 0; i < profile->nitems; i++) {
        const struct lp_item *item = &profile->items[i];
        seen.children++;
        if (item->id != pid)
            continue;
        assert_string_equal(seen.state, ""); /* nothing twice */
        assert_true(item->age_ns >= 0);
        snprintf(seen.state, sizeof seen.state, "%s", item->state);
        snprintf(seen.name, sizeof seen.name, "%s", item->name);
        snprintf(seen.function, sizeof seen.function, "%s", leaf_of(item->stack));
    }
    assert_int_equal(lp_profile_total(profile, 0, NULL), seen.children);
    lp_profile_free(profile);
    return seen;
}

/* Has ended, and is still to be waited for. */
static inline void ended(pid_t pid)
{
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
}

static inline void expect(pid_t pid, const char *state, const char *function)
{
    struct seen seen = look(pid);
    assert_string_equal(seen.state, state);
    assert_string_equal(seen.function, function);
}

static inline void expect_nothing(pid_t pid)
{
    assert_string_equal(look(pid).state, "");
    assert_int_equal(lp_ranges_live(&lp_procs), 0);
}

/* A child that lives until it is killed, or the test ends. */
_Noreturn static inline void linger(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

pid_t fork_here(void);
__attribute__((noinline)) pid_t fork_here(void)
{
    pid_t pid = fork();
    if (pid == 0)
        linger();
    return pid;
}

#endif
