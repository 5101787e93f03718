#include "inspect/rest.h"

#include <string.h>

#include "inspect/task.h"
#include "record/self.h"
#include "sys/clock.h"
#include "sys/syscall.h"

/* Where the kernel counts ticks, two calls in a row see the same time. */
bool lp_rest_known(void)
{
    clockid_t own = lp_cpu_clock_of((pid_t)lp_syscall(SYS_gettid));
    int64_t before = lp_clock_ns(own);
    return before > 0 && lp_clock_ns(own) > before;
}

bool lp_rest_lasts(pid_t tid, int64_t cpu_ns)
{
    return cpu_ns > 0 && lp_clock_ns(lp_cpu_clock_of(tid)) == cpu_ns;
}

/* It may wait with less time than before, so its arguments are not compared. If it has gone to
 * sleep more than once since its answer, it may have been elsewhere. */
int64_t lp_rest_begins(struct lp_interrupted *answer)
{
    struct lp_task_wait wait = {0};
    int64_t cpu_ns = lp_clock_ns(lp_cpu_clock_of(answer->tid));
    if (!lp_task_wait(answer->tid, &wait) || wait.sp != answer->sp || wait.next != answer->next ||
        (answer->call >= 0 && wait.call != answer->call) ||
        lp_task_switches(answer->tid) != answer->switches_now + 1 ||
        !lp_rest_lasts(answer->tid, cpu_ns))
        return 0;
    if (answer->call == LP_CALL_UNKNOWN) {
        answer->call = wait.call;
        memcpy(answer->args, wait.args, sizeof answer->args);
    }
    return cpu_ns;
}
