#include "inspect/task.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inspect/program.h"
#include "sys/file.h"
#include "sys/peek.h"
#include "sys/clock.h"
#include "sys/syscall.h"

ssize_t lp_task_read(pid_t tid, const char *file, char *text, size_t capacity)
{
    char path[LP_PROGRAM_PATH];
    return lp_file_read(lp_program_path(path, tid, "%s", file), text, capacity);
}

bool lp_task_blocks(pid_t tid, int signal)
{
    char text[4096];
    unsigned long long blocked;
    if (lp_task_read(tid, "status", text, sizeof text) <= 0)
        return false;
    const char *line = strstr(text, "\nSigBlk:");
    return line && sscanf(line, "\nSigBlk: %llx", &blocked) == 1 && (blocked >> (signal - 1) & 1);
}

/* Meanwhile the kernel shows the signals that it waits for as not blocked. */
bool lp_task_awaits(pid_t tid, int signal)
{
    struct lp_task_wait wait;
    uint64_t set = 0;
    if (!lp_task_wait(tid, &wait) || wait.call != SYS_rt_sigtimedwait)
        return false;
    bool read = lp_peek_begin() && lp_peek(wait.args[0], &set, sizeof set);
    lp_peek_end();
    return !read || (set >> (signal - 1) & 1);
}

bool lp_task_wait(pid_t tid, struct lp_task_wait *wait)
{
    char text[256];
    uintptr_t *a = wait->args;
    return lp_task_read(tid, "syscall", text, sizeof text) > 0 &&
           sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &wait->call, &a[0], &a[1], &a[2],
                  &a[3], &a[4], &a[5], &wait->sp, &wait->next) == 9;
}

long lp_task_switches(pid_t tid)
{
    char text[4096];
    long switches;
    if (lp_task_read(tid, "status", text, sizeof text) <= 0)
        return -1;
    const char *line = strstr(text, "\nvoluntary_ctxt_switches:");
    return line && sscanf(line, "\nvoluntary_ctxt_switches: %ld", &switches) == 1 ? switches : -1;
}

/* What follows the name in N/stat: field 3 on. NULL: it has gone. */
static const char *read_stat(pid_t tid, char *text, size_t capacity)
{
    char *name_end;
    if (lp_task_read(tid, "stat", text, capacity) <= 0 || !(name_end = strrchr(text, ')')))
        return NULL;
    return name_end[1] ? name_end + 2 : NULL;
}

static const char *field(const char *stat, int wanted)
{
    for (int i = 3; i < wanted && stat; i++)
        if ((stat = strchr(stat, ' ')))
            stat++;
    return stat;
}

bool lp_task_ended(pid_t tid)
{
    enum { FLAGS = 9, PF_EXITING = 4 };
    char text[512];
    unsigned flags;
    const char *value = field(read_stat(tid, text, sizeof text), FLAGS);
    return !value || sscanf(value, "%u", &flags) != 1 || (flags & PF_EXITING);
}

bool lp_task_stuck(pid_t tid)
{
    char text[512];
    const char *state = read_stat(tid, text, sizeof text);
    return !state || strchr("DTtZX", *state);
}

int64_t lp_task_age(pid_t tid)
{
    enum { START = 22 };
    char text[512];
    unsigned long long ticks;
    const char *start = field(read_stat(tid, text, sizeof text), START);
    if (!start || sscanf(start, "%llu", &ticks) != 1)
        return -1;
    int64_t began, age;
    if (__builtin_mul_overflow(ticks, 1000000000 / sysconf(_SC_CLK_TCK), &began))
        return -1;
    age = lp_clock_ns(CLOCK_BOOTTIME) - began;
    return age > 0 ? age : 0;
}

static int64_t ran(pid_t tid)
{
    char text[512];
    long long ms, ns;
    int64_t sum;
    if (lp_task_read(tid, "sched", text, sizeof text) <= 0)
        return -1;
    const char *line = strstr(text, "se.exec_start");
    if (!line || sscanf(line, "se.exec_start : %lld.%lld", &ms, &ns) != 2)
        return -1;
    return __builtin_mul_overflow(ms, 1000000, &sum) || __builtin_add_overflow(sum, ns, &sum) ? -1
                                                                                              : sum;
}

/* Each processor's clock less lp_now_ns(); NOT_READ where this thread may not run. */
#define NOT_READ INT64_MIN
static int64_t clocks[CPU_SETSIZE];

void lp_task_clocks(void)
{
    cpu_set_t all, one;
    bool known = sched_getaffinity(0, sizeof all, &all) == 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        clocks[cpu] = NOT_READ;
        if (!known || !CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) == 0) {
            int64_t clock = ran(lp_gettid());
            clocks[cpu] = clock < 0 ? NOT_READ : clock - lp_now_ns();
        }
    }
    if (known)
        sched_setaffinity(0, sizeof all, &all);
}

int64_t lp_task_rest(pid_t tid)
{
    enum { PROCESSOR = 39 };
    char text[512];
    int cpu;
    int64_t last = ran(tid);
    const char *processor = last < 0 ? NULL : field(read_stat(tid, text, sizeof text), PROCESSOR);
    if (!processor || sscanf(processor, "%d", &cpu) != 1 || cpu < 0 || cpu >= CPU_SETSIZE ||
        clocks[cpu] == NOT_READ)
        return -1;
    int64_t rest = lp_now_ns() + clocks[cpu] - last;
    return rest > 0 ? rest : 0;
}
