/*
 * The parsers of /proc and of cgroup limits. The first byte chooses the parser. The rest is the
 * file, whatever its path. lp_file_lines() is real and gets the bytes from a file of its own.
 */
#include "fuzz.h"

#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "inspect/children.h"
#include "inspect/describe.h"
#include "inspect/process.h"
#include "inspect/sockets.h"
#include "inspect/task.h"
#include "inspect/vmas.h"
#include "judge/limits.h"
#include "sys/file.h"

int __wrap_lp_file_lines(const char *path, char end, char *buffer, size_t capacity,
                         int (*visit)(const char *line, size_t length, void *arg), void *arg);
int __real_lp_file_lines(const char *path, char end, char *buffer, size_t capacity,
                         int (*visit)(const char *line, size_t length, void *arg), void *arg);
ssize_t __wrap_lp_file_read(const char *path, char *text, size_t capacity);
ssize_t __real_lp_file_read(const char *path, char *text, size_t capacity);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);

static const uint8_t *bytes;
static size_t nbytes;
static int memory = -1;
static char memory_path[64];

static void fill(void)
{
    CHECK(ftruncate(memory, 0) == 0);
    CHECK(pwrite(memory, bytes, nbytes, 0) == (ssize_t)nbytes);
}

/* The buffer is as large as its user says, so that AddressSanitizer sees its end. */
int __wrap_lp_file_lines(const char *path, char end, char *buffer, size_t capacity,
                         int (*visit)(const char *line, size_t length, void *arg), void *arg)
{
    if (!bytes)
        return __real_lp_file_lines(path, end, buffer, capacity, visit, arg);
    char *own = malloc(capacity);
    CHECK(own);
    int result = __real_lp_file_lines(memory_path, end, own, capacity, visit, arg);
    free(own);
    return result;
}

ssize_t __wrap_lp_file_read(const char *path, char *text, size_t capacity)
{
    return __real_lp_file_read(bytes ? memory_path : path, text, capacity);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (!bytes)
        return __real_fopen(path, mode);
    return strncmp(path, "/proc/", 6) && nbytes % 3 == 0 ? NULL : __real_fopen(memory_path, mode);
}

static void check_range(uintptr_t start, uintptr_t end, void *arg)
{
    (void)arg;
    CHECK(start < end);
}

static void vmas(void)
{
    struct lp_vmas list;
    lp_vmas_read(&list);
    for (size_t i = 0; i < list.n; i++) {
        const struct lp_vma *vma = &list.at[i];
        CHECK(vma->start < vma->end && (i == 0 || vma->start >= vma[-1].end));
        CHECK(vma->protection[4] == '\0' && vma->name < list.used);
        CHECK(memchr(lp_vma_name(&list, vma), 0, list.used - vma->name));
    }
    lp_vmas_release(&list);
}

static void smaps(void)
{
    lp_resident_spread(check_range, NULL);
}

static void sockets(void)
{
    static const uint32_t wanted[] = {1, 2, 10, 1234, 12345, 99999, UINT32_MAX};
    static const struct lp_socket_source sources[] = {
        {"TCP", "tcp socket", AF_INET, 6, "net/tcp"},
        {"UNIX", "unix socket", AF_UNIX, 0, "net/unix"},
        {"NETLINK", "netlink socket", AF_NETLINK, 0, "net/netlink"}};
    struct lp_sockets list;
    lp_sockets_begin(&list, getpid(), wanted, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        lp_procnet_read(&list, &sources[i]);
    const struct lp_socket *all = list.list.at;
    for (size_t i = 0; i < list.list.n; i++) {
        struct lp_fd_seen seen = {.kind = all[i].source->kind};
        CHECK(all[i].name_length <= LP_UNIX_NAME_MAX);
        lp_socket_describe(&list, &all[i], &seen);
        CHECK(memchr(seen.state, 0, sizeof seen.state));
    }
    lp_sockets_release(&list);
}

static void fdinfo(void)
{
    static const char *const kinds[] = {"file",     "tcp socket", "epoll",    "inotify",
                                        "fanotify", "eventfd",    "timerfd",  "signalfd",
                                        "pidfd",    "memfd",      "directory"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct lp_fd_seen seen = {.kind = kinds[i]};
        lp_fdinfo_describe(getpid(), 0, &seen);
        CHECK(memchr(seen.state, 0, sizeof seen.state));
    }
}

static void task(void)
{
    struct lp_task_wait wait;
    struct lp_child_seen seen;
    pid_t tid = getpid();
    for (int signal = 1; signal <= 64; signal += 21)
        lp_task_blocks(tid, signal);
    lp_task_wait(tid, &wait);
    lp_task_switches(tid);
    lp_task_ended(tid);
    lp_task_stuck(tid);
    CHECK(lp_task_age(tid) >= -1);
    CHECK(lp_task_rest(tid) >= -1);
    if (lp_process_look(tid, &seen))
        CHECK(memchr(seen.name, 0, sizeof seen.name));
    lp_thread_count();
    lp_rss_bytes();
}

static void limits(void)
{
    struct lp_limits all;
    lp_limits_read(&all);
    for (int i = 0; i < LP_BOUNDS; i++)
        CHECK(all.at[i] > 0);
}

static void link_text(void)
{
    char target[128];
    size_t n = nbytes < sizeof target - 1 ? nbytes : sizeof target - 1;
    memcpy(target, bytes, n);
    target[n] = '\0';
    char *exact = strdup(target);
    CHECK(exact);
    lp_socket_inode(exact);
    free(exact);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    memory = memfd_create("proc", MFD_CLOEXEC);
    CHECK(memory >= 0);
    snprintf(memory_path, sizeof memory_path, "/proc/self/fd/%d", memory);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(void) = {vmas, smaps, sockets, fdinfo, task, limits, link_text};
    if (size < 2)
        return 0;
    bytes = data + 1;
    nbytes = size - 1;
    fill();
    parsers[data[0] % (sizeof parsers / sizeof *parsers)]();
    bytes = NULL;
    return 0;
}
