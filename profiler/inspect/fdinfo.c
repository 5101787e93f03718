/* What fdinfo shows about a descriptor: the flags and offset of a file, epoll registrations,
 * watches, a count, a timer, signals, a process. It needs only the number. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "inspect/describe.h"
#include "inspect/program.h"
#include "sys/file.h"

struct info {
    unsigned flags;
    int clock;
    long pid;
    long long offset;
    unsigned long long count, mask;
    int64_t registered;
    long long next[2], every[2]; /* seconds, nanoseconds */
};

static bool begins(const char *line, const char *key, const char **value)
{
    size_t n = strlen(key);
    *value = line + n;
    return !strncmp(line, key, n);
}

static int take_line(const char *line, size_t length, void *arg)
{
    struct info *info = arg;
    (void)length;
    const char *value;
    if (begins(line, "tfd:", &value) || begins(line, "inotify wd:", &value) ||
        begins(line, "fanotify ino:", &value) || begins(line, "fanotify mnt_id:", &value) ||
        begins(line, "fanotify sdev:", &value))
        info->registered++;
    else if (begins(line, "pos:", &value))
        info->offset = strtoll(value, NULL, 10);
    else if (begins(line, "flags:", &value))
        info->flags = (unsigned)strtoul(value, NULL, 8);
    else if (begins(line, "eventfd-count:", &value))
        info->count = strtoull(value, NULL, 16);
    else if (begins(line, "sigmask:", &value))
        info->mask = strtoull(value, NULL, 16);
    else if (begins(line, "Pid:", &value))
        info->pid = strtol(value, NULL, 10);
    else if (begins(line, "clockid:", &value))
        info->clock = (int)strtol(value, NULL, 10);
    else if (begins(line, "it_value:", &value))
        sscanf(value, " (%lld, %lld)", &info->next[0], &info->next[1]);
    else if (begins(line, "it_interval:", &value))
        sscanf(value, " (%lld, %lld)", &info->every[0], &info->every[1]);
    return 0;
}

static bool read_info(pid_t program, int fd, struct info *info)
{
    char path[LP_PROGRAM_PATH], buffer[16384];
    lp_program_path(path, program, "fdinfo/%d", fd);
    return lp_file_lines(path, '\n', buffer, sizeof buffer, take_line, info) == 0;
}

static void say_flags(struct lp_fd_seen *seen, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{O_APPEND, "O_APPEND"},   {O_NONBLOCK, "O_NONBLOCK"},   {O_DIRECT, "O_DIRECT"},
                 {O_SYNC, "O_SYNC"},       {O_DSYNC, "O_DSYNC"},         {O_PATH, "O_PATH"},
                 {O_TMPFILE, "O_TMPFILE"}, {O_DIRECTORY, "O_DIRECTORY"}, {O_CLOEXEC, "O_CLOEXEC"}};
    static const char *const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    char text[160];
    int n = snprintf(text, sizeof text, "%s", modes[flags & O_ACCMODE]);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((flags & names[i].flag) != names[i].flag)
            continue;
        flags &= ~names[i].flag; /* O_SYNC has O_DSYNC's bit, O_TMPFILE has O_DIRECTORY's */
        n += snprintf(text + n, sizeof text - (size_t)n, "|%s", names[i].name);
    }
    lp_fd_say(seen, "%s", text);
}

static int64_t ns(const long long time[2])
{
    int64_t ns;
    return __builtin_mul_overflow(time[0], 1000000000, &ns) ||
                   __builtin_add_overflow(ns, time[1], &ns)
               ? INT64_MAX
               : ns;
}

static void say_timer(struct lp_fd_seen *seen, const struct info *info)
{
    static const struct {
        int id;
        const char *name;
    } clocks[] = {{CLOCK_REALTIME, "CLOCK_REALTIME"},
                  {CLOCK_MONOTONIC, "CLOCK_MONOTONIC"},
                  {CLOCK_BOOTTIME, "CLOCK_BOOTTIME"},
                  {CLOCK_REALTIME_ALARM, "CLOCK_REALTIME_ALARM"},
                  {CLOCK_BOOTTIME_ALARM, "CLOCK_BOOTTIME_ALARM"}};
    char text[LP_SECONDS_MAX];
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        if (clocks[i].id == info->clock)
            lp_fd_say(seen, "%s", clocks[i].name);
    if (ns(info->next))
        lp_fd_say(seen, "next in %s", lp_seconds_text(text, ns(info->next)));
    else
        lp_fd_say(seen, "not armed");
    if (ns(info->every))
        lp_fd_say(seen, "every %s", lp_seconds_text(text, ns(info->every)));
}

#if !__GLIBC_PREREQ(2, 32)
/* Signals below 32, without "SIG". */
static const char *sigabbrev_np(int signal)
{
    static const char names[][8] = {
        "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
        "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
        "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "POLL", "PWR",  "SYS"};
    return signal > 0 && signal < 32 ? names[signal] : NULL;
}
#endif

static void say_signals(struct lp_fd_seen *seen, unsigned long long mask)
{
    char text[400] = "no signal";
    int n = 0;
    for (int signal = 1; signal <= 64 && n < (int)sizeof text; signal++) {
        const char *name = sigabbrev_np(signal);
        if (!(mask >> (signal - 1) & 1))
            continue;
        n += name
                 ? snprintf(text + n, sizeof text - (size_t)n, "%sSIG%s", n ? " " : "", name)
                 : snprintf(text + n, sizeof text - (size_t)n, "%ssignal %d", n ? " " : "", signal);
    }
    lp_fd_say(seen, "%s", text);
}

int lp_fdinfo_describe(pid_t program, int fd, struct lp_fd_seen *seen)
{
    struct info info = {0};
    const char *kind = seen->kind;
    if (!read_info(program, fd, &info))
        return -1;
    seen->registered = info.registered;

    if (strstr(kind, "socket")) {
        if (info.flags & O_NONBLOCK)
            lp_fd_say(seen, "nonblocking");
    } else if (!strcmp(kind, "epoll"))
        lp_fd_say(seen, "%lld registered", (long long)info.registered);
    else if (!strcmp(kind, "inotify"))
        lp_fd_say(seen, "%lld watches", (long long)info.registered);
    else if (!strcmp(kind, "fanotify"))
        lp_fd_say(seen, "%lld marks", (long long)info.registered);
    else if (!strcmp(kind, "eventfd"))
        lp_fd_say(seen, "count %llu", info.count);
    else if (!strcmp(kind, "timerfd"))
        say_timer(seen, &info);
    else if (!strcmp(kind, "signalfd"))
        say_signals(seen, info.mask);
    else if (!strcmp(kind, "pidfd") && info.pid > 0)
        lp_fd_say(seen, "of process %ld", info.pid);
    else if (!strcmp(kind, "pidfd"))
        lp_fd_say(seen, "of a process that %s",
                  info.pid < 0 ? "has ended" : "is in another pid namespace");
    else
        say_flags(seen, info.flags);
    if (!strcmp(kind, "file") || !strcmp(kind, "memfd") || !strcmp(kind, "shared memory"))
        lp_fd_say(seen, "offset %lld", info.offset);
    return (int)info.flags;
}
