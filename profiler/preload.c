/*
 * What libleakprof.so does when it is loaded into a program that was not built with it. With
 * LEAKPROF_LISTEN it starts the HTTP server and reports the address. With LEAKPROF_TRACE it starts
 * the trace. An error is reported in one line, and the program runs on.
 *
 * The programs that a shell or make starts inherit the environment. Most of them end soon, and to
 * start the server takes longer than many of them run. So they are served when they live on.
 * LEAKPROF_PROGRAM names the only program that listens and traces.
 */
#include "leakprof.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "config.h"
#include "hooks/credentials.h"
#include "hooks/exit.h"
#include "hooks/hook.h"
#include "hooks/main.h"
#include "record/allocator.h"
#include "record/self.h"
#include "record/served.h"
#include "record/unwind.h"
#include "sys/file.h"
#include "sys/keep_errno.h"
#include "sys/syscall.h"
#include "sys/token.h"
#include "sys/valgrind.h"

/* The path of a Unix socket's address, "unix:/PATH". NULL: another address. */
static const char *unix_path(const char *address)
{
    const char *prefix = "unix:";
    while (*prefix && *prefix == *address)
        prefix++, address++;
    return *prefix ? NULL : address;
}

static const char *reason(int error, const char *listen)
{
    if (error != -EINVAL && listen && unix_path(listen))
        return strerror(-error);
    switch (error) {
    case -EINVAL:
        return "not an address; use ADDRESS:PORT, like 127.0.0.1:6060, or unix:/PATH";
    case -EACCES:
        return "not a loopback address; set LEAKPROF_TOKEN_FILE to a file with a token, or use "
               "127.0.0.1";
    case -ENOSYS:
        return "the profiler's thread needs close_range() (Linux 5.9) or unshare(); a filter of "
               "system calls may refuse both";
    default:
        return strerror(-error);
    }
}

static int is_same(const char *line, size_t length, void *variable)
{
    (void)length;
    return strcmp(line, variable) == 0;
}

/* Was the parent started with the same entry in its environment? 1 or 0, or -EACCES if its
 * environment belongs to another user. */
static int parent_has(const char *variable)
{
    char path[64], buffer[4096];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
    return lp_file_lines(path, '\0', buffer, sizeof buffer, is_same, (void *)variable);
}

/* Does a parent or sibling listen at this address, which is in use? Of a parent of another user,
 * only a service of the init process counts as started on purpose: su, sshd and similar programs
 * start others under another user, and helpers leave their parent. */
static bool inherited(const char *listen)
{
    int found = parent_has(listen - strlen("LEAKPROF_LISTEN="));
    return found == -EACCES ? getppid() != 1 || lp_syscall(SYS_getsid, 0) != getpid() : found == 1;
}

/* Was this process started by one that has the profiler, with the same address? */
static bool is_helper(const struct lp_config *config, char **environment)
{
    static const char preload[] = "LD_PRELOAD=";
    if (!config->listen || config->program ||
        parent_has(config->listen - strlen("LEAKPROF_LISTEN=")) != 1)
        return false;
    while (*environment && strncmp(*environment, preload, sizeof preload - 1) != 0)
        environment++;
    return *environment && parent_has(*environment) == 1;
}

/* Reports refused values. Their defaults are used. */
static void report_refused(void)
{
    char line[LP_CONFIG_LINE_MAX];
    size_t size;
    for (int variable = 0; variable < LP_VARS; variable++)
        if ((size = lp_config_refused(line, variable)) > 0 && write(STDERR_FILENO, line, size) < 0)
            return; /* standard error cannot be written */
}

/* Reports that the heap cannot be recorded. */
static void report_unseen(void)
{
    char why[LP_ALLOCATOR_WHY];
    if (lp_allocator()->unseen && lp_allocator_why(why)[0])
        dprintf(STDERR_FILENO, "leakprof: %s\n", why);
}

enum { TOKEN_SIZE = 512 };

/* false: a token cannot be used, and that was reported. Without a file, the token is "". */
static bool read_tokens(const struct lp_config *config, char token[TOKEN_SIZE],
                        char read_token[TOKEN_SIZE])
{
    const char *files[] = {config->token_file, config->read_token_file}, *why = NULL;
    char *tokens[] = {token, read_token};
    int n = 0;
    for (; n < 2 && !why; n++) {
        int error = files[n] ? lp_token_read(files[n], tokens[n], TOKEN_SIZE) : 0;
        if (!files[n])
            *tokens[n] = '\0';
        if (error)
            why = lp_token_refused(error);
        else if (n == 1 && files[1] && !files[0])
            why = "set LEAKPROF_TOKEN_FILE too";
        else if (n == 1 && files[1] && strcmp(token, read_token) == 0)
            why = "it is the token of LEAKPROF_TOKEN_FILE. Use another one";
    }
    if (why)
        dprintf(STDERR_FILENO, "leakprof: %s: %s: %s\n",
                lp_config_rows[n == 1 ? LP_VAR_TOKEN_FILE : LP_VAR_READ_TOKEN_FILE].name,
                files[n - 1], why);
    return !why;
}

static void report_address(void)
{
    char line[LP_SERVED_LINE_MAX];
    size_t size = lp_served_line(line, leakprof_url());
    if (write(STDERR_FILENO, line, size) < 0)
        return; /* standard error cannot be written */
}

/* Has each process an address of its own? Otherwise the first one's list has all of them. */
static bool has_own_address(const char *listen)
{
    size_t length = strlen(listen);
    return unix_path(listen) ? strstr(listen, "%p") != NULL
                             : length > 2 && strcmp(listen + length - 2, ":0") == 0;
}

static void start(const struct lp_config *config, bool helper)
{
    char token[TOKEN_SIZE] = "", read_token[TOKEN_SIZE] = "";
    const char *listen = config->listen, *why = NULL;
    if (listen && !read_tokens(config, token, read_token))
        return;
    const struct leakprof_options options = {.listen = listen,
                                             .rate = LEAKPROF_RATE_KEEP,
                                             .token = *token ? token : NULL,
                                             .read_token = *read_token ? read_token : NULL,
                                             .trace_ms = config->trace_ms,
                                             .snapshot_every_ms = config->snapshot_every_ms,
                                             .snapshot_keep = config->snapshot_keep,
                                             .crash = config->crash};
    if (listen)
        lp_agent_follow();
    if (helper && listen) {
        lp_agent_start_later(&options, has_own_address(listen));
        return;
    }
    int error = lp_agent_start(&options, &why);
    if (error == -EPERM)
        return; /* a part of a sandbox */
    if (error == -EADDRINUSE && listen && inherited(listen)) {
        lp_agent_start_later(&options, false);
        return;
    }
    if (!error && listen)
        report_address();
    if (!error)
        report_unseen();
    else
        dprintf(STDERR_FILENO, "leakprof: %s: %s: %s\n",
                listen ? "LEAKPROF_LISTEN" : "LEAKPROF_TRACE", listen ? listen : "not started",
                why ? why : reason(error, listen));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Is this the program's name, or the name of its file? */
static bool called(const char *name, int argc, char **argv)
{
    char file[PATH_MAX];
    if (argc > 0 && strcmp(last_part(argv[0]), name) == 0)
        return true;
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    file[n > 0 ? n : 0] = '\0';
    return strcmp(last_part(file), name) == 0;
}

static void at_main(int argc, char **argv, char **environment)
{
    const struct lp_config *config = lp_config();
    lp_unwind_not_early();
    LP_KEEP_ERRNO;
    int previous = lp_own_enter();
    if (!config->program || called(config->program, argc, argv)) {
        report_refused();
        if (config->listen || config->trace_ms)
            start(config, is_helper(config, environment));
    }
    lp_own_leave(previous);
}

/* Another allocator may call a hook, such as that of mmap(), while it holds its lock. A library
 * that is loaded then would allocate. */
static bool libc_allocates(void)
{
    return lp_allocator()->libc && lp_allocator()->unseen == LP_SEEN;
}

/* Removes the file of the Unix socket. The profiler's thread may be busy, so it is not waited for.
 */
static void remove_socket(void)
{
    const char *path = unix_path(lp_agent_url());
    if (path)
        lp_syscall(SYS_unlink, path);
}

/* valgrind counts a thread that runs at the end as an error: its memory is possibly lost. */
__attribute__((destructor)) static void at_exit(void)
{
    if (!lp_hooks_process())
        return;
    if (lp_sys_valgrind())
        lp_hooks_bar_thread();
    remove_socket();
}

/* Runs after the constructor in hooks/start.c, which reads the environment. */
__attribute__((constructor)) static void preload(void)
{
    lp_hooks_at_main(at_main);
    lp_hooks_at_exit(remove_socket);
    if (!lp_config()->listen || !libc_allocates())
        lp_unwind_not_early();
}
