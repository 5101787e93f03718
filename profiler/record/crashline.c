/*
 * A handler may have interrupted anything, so this calls no function of libc that takes a lock. It
 * reads memory that it does not know only after lp_sys_readable().
 *
 * A write can leave a signal behind: SIGPIPE, SIGXFSZ. It would end the program in place of its own
 * signal, so it is taken back.
 */
#include "record/crashline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "record/code.h"
#include "record/findobject.h"
#include "record/framepointers.h"
#include "record/stacks.h"
#include "record/unwind.h"
#include "sys/file.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum {
    FRAMES_SHOWN = 64,
    LINE_MAX_BYTES = 2040, /* of each part; both together are less than PIPE_BUF */
    WRITE_MS = 100         /* the longest wait for a pipe or a terminal that is full */
};

static struct stat remembered; /* all zero: standard error was closed */

static LP_APART struct {
    char text[LINE_MAX_BYTES];
    size_t n;
} line;

/* All or nothing: a name that is cut is of no use. */
static bool add(const char *text)
{
    size_t n = strlen(text);
    if (n >= sizeof line.text - line.n)
        return false;
    memcpy(line.text + line.n, text, n);
    line.n += n;
    return true;
}

static bool add_number(uint64_t number, unsigned base)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = "0123456789abcdef"[number % base];
    while (number /= base);
    return (base == 10 || add("0x")) && add(at);
}

/* A process chooses its file's path and its threads' names. Its terminal must not obey them. */
static bool add_harmless(char *name)
{
    for (char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    return add(name);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
           a->st_rdev == b->st_rdev;
}

void lp_crash_note_stderr(void)
{
    if (lp_syscall(SYS_fstat, STDERR_FILENO, &remembered) != 0)
        remembered = (struct stat){0};
}

/* A pipe or a terminal is opened again, because a write to it may wait, and O_NONBLOCK would apply
 * to all processes that share 2. */
static int open_anew(void)
{
    if (!S_ISFIFO(remembered.st_mode) && !S_ISCHR(remembered.st_mode))
        return -1;
    return (int)lp_syscall(SYS_openat, AT_FDCWD, LP_PROC_SELF "fd/2",
                           O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void take_back(int signal)
{
    const uint64_t set = UINT64_C(1) << (signal - 1);
    const struct timespec none = {0};
    lp_syscall(SYS_rt_sigtimedwait, &set, NULL, &none, LP_SIGSET_BYTES);
}

static bool pending(int signal)
{
    uint64_t set = 0;
    lp_syscall(SYS_rt_sigpending, &set, LP_SIGSET_BYTES);
    return set >> (signal - 1) & 1;
}

static void put(void)
{
    struct stat now = {0};
    if (lp_syscall(SYS_fstat, STDERR_FILENO, &now) == 0 && same_file(&now, &remembered)) {
        bool pipe_before = pending(SIGPIPE), size_before = pending(SIGXFSZ);
        int anew = open_anew(), fd = anew >= 0 ? anew : STDERR_FILENO;
        struct pollfd state = {.fd = fd, .events = POLLOUT};
        long written = 0;
        if (lp_syscall(SYS_poll, &state, 1, WRITE_MS) == 1)
            written = lp_syscall(SYS_write, fd, line.text, line.n);
        if (written == -EPIPE && !pipe_before)
            take_back(SIGPIPE);
        if (written == -EFBIG && !size_before)
            take_back(SIGXFSZ);
        if (anew >= 0)
            lp_syscall(SYS_close, anew);
    }
    line.n = 0;
}

static const char *name_of(int signal)
{
    switch (signal) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGILL:
        return "SIGILL";
    case SIGFPE:
        return "SIGFPE";
    default:
        return "SIGABRT";
    }
}

static void add_cause(const siginfo_t *info)
{
    add(name_of(info->si_signo));
    add(" (code ");
    if (info->si_code < 0)
        add("-");
    add_number((uint64_t)(info->si_code < 0 ? -(int64_t)info->si_code : info->si_code), 10);
    if (info->si_code > 0) {
        add(", address ");
        add_number((uintptr_t)info->si_addr, 16);
    } else {
        add(", sent by process ");
        add_number((uint64_t)info->si_pid, 10);
    }
    add(")");
}

static void add_head(const siginfo_t *info, int snapshot)
{
    char name[17] = "";
    add("leakprof: ");
    add_cause(info);
    add(" ends process ");
    add_number((uint64_t)lp_syscall(SYS_getpid), 10);
    add(" in thread ");
    add_number((uint64_t)lp_gettid(), 10);
    if (lp_syscall(SYS_prctl, PR_GET_NAME, name) == 0) {
        add(" \"");
        add_harmless(name);
        add("\"");
    }
    add(snapshot ? ". Last snapshot: " : ". No snapshot");
    if (snapshot)
        add_number((uint64_t)snapshot, 10);
    add(". Stack:");
}

static bool add_object(const struct link_map *object)
{
    static LP_APART char file[PATH_MAX];
    const char *name = object->l_name;
    size_t n = strlen(name);
    if (n == 0) { /* the program */
        long length = lp_syscall(SYS_readlink, "/proc/self/exe", file, sizeof file - 1);
        n = length > 0 ? (size_t)length : 0;
    } else if (n < sizeof file) {
        memcpy(file, name, n);
    }
    if (n >= sizeof file)
        return false;
    file[n] = '\0';
    return add_harmless(file);
}

/* In an object, the offset is what addr2line expects, for any kind of object. */
static bool add_frame(uintptr_t address)
{
    struct lp_found object;
    size_t before = line.n;
    bool known = lp_find_object((const void *)address, &object);
    bool whole = add(" ") && (!known || (add_object(object.map) && add("+"))) &&
                 add_number(known ? address - object.map->l_addr : address, 16);
    if (!whole)
        line.n = before;
    return whole;
}

/* A call of a bad pointer leaves nothing to unwind from, but its caller is on top of the stack. */
static bool step_back(ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    const uintptr_t *top = (const uintptr_t *)registers[REG_RSP];
    if (lp_code_at((uintptr_t)registers[REG_RIP]) || !lp_sys_readable(top) ||
        !lp_code_at(*top - 1) || !lp_code_after_call(*top))
        return false;
    registers[REG_RIP] = (greg_t)(*top - 1);
    registers[REG_RSP] += (greg_t)sizeof *top;
    return true;
}

static int walk(uintptr_t *frames, int max, const ucontext_t *context)
{
    const greg_t *registers = context->uc_mcontext.gregs;
    struct lp_registers r = {(uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RSP],
                             (uintptr_t)registers[REG_RBP]};
    int n = 0;
    frames[n++] = r.ip;
    while (n < max && lp_frame_above(&r))
        frames[n++] = r.ip - 1;
    return n;
}

static void add_stack(const ucontext_t *interrupted)
{
    static LP_APART uintptr_t frames[LP_FRAMES_MAX];
    static LP_APART ucontext_t context;
    context = *interrupted;
    uintptr_t bad = (uintptr_t)context.uc_mcontext.gregs[REG_RIP];
    if (step_back(&context))
        add_frame(bad);
    int n = lp_stack_interrupted(frames, LP_FRAMES_MAX, &context);
    if (n <= 1) /* it has interrupted the profiler, or there is no unwinder */
        n = walk(frames, LP_FRAMES_MAX, &context);
    int shown = 0;
    while (shown < n && shown < FRAMES_SHOWN && frames[shown] > LP_FRAME_DEEPER &&
           add_frame(frames[shown]))
        shown++;
    if (shown < n)
        add(" ...");
}

void lp_crash_write_line(const siginfo_t *info, void *context, int snapshot)
{
    add_head(info, snapshot);
    put();
    add_stack(context);
    line.text[line.n++] = '\n'; /* add() keeps room for it */
    put();
}
