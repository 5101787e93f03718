/* What the kernel and malloc say of the whole process, and the totals behind leakprof_stats(). */
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/rate.h"
#include "capture/self.h"
#include "leakprof.h"
#include "snapshot/kinds.h"
#include "snapshot/weight.h"
#include "tables/losses.h"
#include "tables/maps.h"
#include "tables/sites.h"
#include "tables/threads.h"

static bool read_file(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, room - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

int64_t lp_rss_bytes(void)
{
    char text[128];
    long long resident = 0;
    if (read_file("/proc/self/statm", text, sizeof text))
        sscanf(text, "%*d %lld", &resident);
    return resident * sysconf(_SC_PAGESIZE);
}

struct fd_counts {
    int64_t fds, sockets, own;
};

static void count_fd(int fd, bool own, void *arg)
{
    struct fd_counts *counts = arg;
    char path[32];
    struct stat st;
    counts->own += own;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (own || stat(path, &st) != 0)
        return;
    counts->fds++;
    counts->sockets += S_ISSOCK(st.st_mode);
}

void lp_process_figures(struct lp_process_figures *figures)
{
    char text[1024], *p;
    long long pages[2] = {0}, threads = 0;
    struct fd_counts counts = {0};
    int previous = lp_own_enter();

    if (read_file("/proc/self/statm", text, sizeof text))
        sscanf(text, "%lld %lld", &pages[0], &pages[1]);
    if (read_file("/proc/self/stat", text, sizeof text) && (p = strrchr(text, ')')))
        sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %lld",
               &threads);
    lp_each_fd(count_fd, &counts);
    int64_t zombies, children = lp_children(&zombies);
    int64_t own_thread_fds = lp_own_thread_fds();
    struct mallinfo2 info = mallinfo2();
    lp_own_leave(previous);

    long page = sysconf(_SC_PAGESIZE);
    *figures = (struct lp_process_figures){
        .mapped_bytes = pages[0] * page,
        .rss_bytes = pages[1] * page,
        .malloc_arena_bytes = (int64_t)(info.arena + info.hblkhd),
        .malloc_free_bytes = (int64_t)info.fordblks,
        .threads = threads - lp_own_threads(),
        .unjoined = lp_threads_unjoined(),
        .fds = counts.fds,
        .sockets = counts.sockets,
        .mappings = lp_ranges_live(&lp_maps),
        .children = children,
        .zombies = zombies,
        .own_threads = lp_own_threads(),
        .own_fds = counts.own + own_thread_fds,
    };
}

void leakprof_stats(struct leakprof_stats *stats)
{
    struct lp_process_figures figures;
    double variance[4] = {0};
    lp_process_figures(&figures);
    struct lp_weight weight = lp_weight_now();
    *stats = (struct leakprof_stats){
        .rate = lp_rate(),
        .threads = figures.threads,
        .fds = figures.fds,
        .sockets = figures.sockets,
        .mappings = figures.mappings,
        .children = figures.children,
        .zombies = figures.zombies,
        .own_table_bytes = lp_weight_mapped(&weight),
        .own_unwinder_bytes = weight.unwinder,
        .own_heap_bytes = weight.heap,
        .own_threads = figures.own_threads,
        .own_fds = figures.own_fds,
        .own_hook_ns = weight.spent.ns,
        .own_hook_events_timed = weight.spent.timed,
        .live_samples = weight.live_samples,
        .stacks = weight.stacks,
        .sites = weight.sites,
        .losses = (int64_t)lp_losses_total(),
    };
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

void leakprof_each_loss(void (*visit)(const char *cause, uint64_t count, void *arg), void *arg)
{
    for (int cause = 0; cause < LP_LOSS_COUNT; cause++)
        visit(lp_loss_name(cause), lp_losses(cause), arg);
}

void leakprof_each_table(void (*visit)(const char *table, int64_t bytes, void *arg), void *arg)
{
    for (int kind = 0; kind < LP_OWN_COUNT; kind++)
        visit(lp_own_name(kind), lp_own_bytes(kind), arg);
}
