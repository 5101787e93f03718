#include "inspect/tasks.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "sys/array.h"
#include "inspect/task.h"
#include "record/self.h"
#include "sys/syscall.h"

static int by_number(const void *x, const void *y)
{
    pid_t a = *(const pid_t *)x, b = *(const pid_t *)y;
    return (a > b) - (a < b);
}

static int by_tid(const void *x, const void *y)
{
    return by_number(&((const struct lp_thread *)x)->tid, &((const struct lp_thread *)y)->tid);
}

/* The first thread stays here after it has ended, as a zombie that takes no signal. Others go. */
static bool is_running(pid_t tid)
{
    return tid > 0 && !lp_own_thread(tid) && (tid != getpid() || !lp_task_ended(tid));
}

/* By malloc and not in a struct lp_array: threads are to be seen also when the kernel refuses
 * memory. */
static int add(struct lp_tasks *tasks, size_t *capacity, pid_t tid)
{
    if (!lp_array_reserve(&tasks->tids, capacity, tasks->ntids + 1, sizeof *tasks->tids))
        return -ENOMEM;
    tasks->tids[tasks->ntids++] = tid;
    return 0;
}

int lp_tasks_read(struct lp_tasks *tasks)
{
    *tasks = (struct lp_tasks){0};
    DIR *dir = lp_open_dir("/proc/self/task");
    if (!dir)
        return -errno;
    int result = 0;
    size_t capacity = 0;
    for (struct dirent *entry; !result && (entry = readdir(dir));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (is_running(tid))
            result = add(tasks, &capacity, tid);
    }
    closedir(dir);
    if (result)
        return result;
    if (tasks->ntids)
        qsort(tasks->tids, tasks->ntids, sizeof *tasks->tids, by_number);

    uint32_t rows = lp_threads_rows() + 64; /* room for threads that start meanwhile */
    if (!(tasks->known = calloc(rows, sizeof *tasks->known)))
        return -ENOMEM;
    tasks->nknown = lp_threads_copy(tasks->known, rows);
    qsort(tasks->known, tasks->nknown, sizeof *tasks->known, by_tid);
    return 0;
}

void lp_tasks_release(struct lp_tasks *tasks)
{
    free(tasks->tids);
    free(tasks->known);
}

const struct lp_thread *lp_tasks_known(const struct lp_tasks *tasks, pid_t tid)
{
    struct lp_thread key = {.tid = tid};
    return tasks->nknown ? bsearch(&key, tasks->known, tasks->nknown, sizeof key, by_tid) : NULL;
}

bool lp_tasks_alive(const struct lp_tasks *tasks, pid_t tid)
{
    if (tasks->ntids && bsearch(&tid, tasks->tids, tasks->ntids, sizeof tid, by_number))
        return true;
    return lp_syscall(SYS_tgkill, getpid(), tid, 0) == 0;
}
