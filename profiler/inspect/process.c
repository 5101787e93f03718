/* Figures of the whole process, from the kernel and malloc. */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "record/allocator.h"
#include "record/loader.h"
#include "sys/file.h"
#include "sys/pages.h"
#include "record/requests.h"
#include "record/self.h"
#include "leakprof.h"
#include "inspect/children.h"
#include "inspect/fds.h"
#include "inspect/mallinfo.h"
#include "inspect/process.h"
#include "inspect/program.h"
#include "record/maps.h"
#include "record/sites.h"
#include "record/threads.h"

/* A number of pages. */
static int64_t bytes_of(long long pages)
{
    int64_t bytes;
    return __builtin_mul_overflow(pages, LP_PAGE, &bytes) ? INT64_MAX : bytes;
}

int64_t lp_rss_bytes(void)
{
    char text[128];
    long long resident = 0;
    if (lp_file_read(LP_PROC_SELF "statm", text, sizeof text) > 0)
        sscanf(text, "%*d %lld", &resident);
    return bytes_of(resident);
}

/* The program may have a copy of libc's variable, and then that copy is in use. The reporter's own
 * reference would find libc's. */
const char *lp_program_name(void)
{
    static char *const *_Atomic place;
    char *const *name = atomic_load(&place);
    if (!name)
        atomic_store(&place,
                     name = dlsym(lp_loader_open(NULL, RTLD_NOW), "program_invocation_short_name"));
    return name && *name ? *name : "";
}

const char *lp_program_file(char out[LP_PROGRAM_FILE_MAX])
{
    ssize_t n = readlink(LP_PROC_SELF "exe", out, LP_PROGRAM_FILE_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    return out;
}

struct fd_counts {
    pid_t program; /* the thread whose descriptors are counted */
    int64_t fds, sockets, own;
    bool numbers_only; /* do not check which ones are sockets */
};

static void count_fd(int fd, bool own, void *arg)
{
    struct fd_counts *counts = arg;
    char path[LP_PROGRAM_PATH];
    struct stat st;
    counts->own += own;
    lp_program_path(path, counts->program, "fd/%d", fd);
    if (own || (!counts->numbers_only && stat(path, &st) != 0))
        return;
    counts->fds++;
    if (counts->numbers_only)
        return;
    counts->sockets += S_ISSOCK(st.st_mode);
}

/* Read from `status`, because `stat` adds up the times of all threads, which takes 3 ms for 10,000
 * of them. The first thread's file is used on purpose: it stays, and is counted after it has ended,
 * as a zombie. */
int64_t lp_thread_count(void)
{
    char text[4096], *line;
    int threads = 0;
    if (lp_file_read("/proc/self/status", text, sizeof text) > 0 &&
        (line = strstr(text, "\nThreads:")))
        sscanf(line, "\nThreads: %d", &threads);
    return (int64_t)threads - lp_own_threads() - (strstr(text, "\nState:\tZ") != NULL);
}

/* Since Linux 6.2 the size of the directory is the number of descriptors. If the profiler's are in
 * the same table, it includes them. */
int64_t lp_fd_count(void)
{
    char path[LP_PROGRAM_PATH];
    struct stat st;
    struct fd_counts counts = {.program = lp_program_thread(), .numbers_only = true};
    lp_program_path(path, counts.program, "fd");
    if (lp_own_apart() && stat(path, &st) == 0 && st.st_size > 0)
        return st.st_size;
    lp_each_fd(counts.program, count_fd, &counts);
    return counts.fds;
}

int64_t lp_mapping_count(void)
{
    return lp_maps_live();
}

static int64_t fds_of(pid_t tid)
{
    char path[LP_PROGRAM_PATH];
    int64_t n = 0;
    DIR *dir = lp_open_dir(lp_program_path(path, tid, "fd"));
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

/* The number of descriptors in the profiler's threads' own tables. */
static int64_t own_thread_fds(void)
{
    int64_t n = 0;
#ifdef __SANITIZE_THREAD__
    return 0; /* they are in the program's table and counted there */
#endif
    for (int i = 0; i < LP_OWN_THREADS_MAX; i++) {
        pid_t tid = lp_own_thread_at(i);
        n += tid && !lp_own_thread_shares(i) ? fds_of(tid) : 0;
    }
    return n;
}

void lp_process_figures(struct lp_process_figures *figures)
{
    char text[128];
    long long pages[2] = {0};
    struct fd_counts counts = {.program = lp_program_thread()};
    int previous = lp_own_enter();

    if (lp_file_read(LP_PROC_SELF "statm", text, sizeof text) > 0)
        sscanf(text, "%lld %lld", &pages[0], &pages[1]);
    lp_each_fd(counts.program, count_fd, &counts);
    int64_t zombies, children = lp_children(&zombies);
    bool libc = !lp_allocator_name();
    struct lp_mallinfo info = {0};
    if (libc)
        info = lp_mallinfo();
    *figures = (struct lp_process_figures){
        .mapped_bytes = bytes_of(pages[0]),
        .rss_bytes = bytes_of(pages[1]),
        .malloc_arena_bytes = libc ? info.arena + info.hblkhd : -1,
        .malloc_free_bytes = libc ? info.fordblks : -1,
        .malloc_top_bytes = info.keepcost,
        .threads = lp_thread_count(),
        .unjoined = lp_threads_unjoined(),
        .fds = counts.fds,
        .sockets = counts.sockets,
        .mappings = lp_mapping_count(),
        .children = children,
        .zombies = zombies,
        .requests = lp_requests(),
        .own_threads = lp_own_threads(),
        .own_fds = counts.own + own_thread_fds(),
    };
    lp_own_leave(previous);
}

void lp_heap_totals(struct leakprof_stats *stats)
{
    double variance[4] = {0};
    stats->heap_inuse_bytes = stats->heap_inuse_objects = 0;
    stats->heap_alloc_bytes = stats->heap_alloc_objects = 0;
    for (uint32_t i = 0, n = lp_site_count(); i < n; i++) {
        struct lp_site_figures f;
        lp_site_read(i, &f);
        stats->heap_inuse_bytes += f.inuse_bytes;
        stats->heap_inuse_objects += f.inuse_objects;
        stats->heap_alloc_bytes += f.alloc_bytes;
        stats->heap_alloc_objects += f.alloc_objects;
        variance[0] += f.inuse_bytes_var;
        variance[1] += f.inuse_objects_var;
        variance[2] += f.alloc_bytes_var;
        variance[3] += f.alloc_objects_var;
    }
    stats->heap_inuse_bytes_error = llround(sqrt(variance[0]));
    stats->heap_inuse_objects_error = llround(sqrt(variance[1]));
    stats->heap_alloc_bytes_error = llround(sqrt(variance[2]));
    stats->heap_alloc_objects_error = llround(sqrt(variance[3]));
}
