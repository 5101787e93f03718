#include "inspect/program.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "inspect/openfile.h"
#include "inspect/task.h"
#include "record/self.h"

pid_t lp_program_thread(void)
{
    pid_t found = getpid(); /* the first thread has the process id */
    if (!lp_task_ended(found))
        return found;
    DIR *dir = lp_open_dir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid <= 0 || lp_own_thread(tid) || lp_task_ended(tid))
            continue;
        found = tid;
        break;
    }
    if (dir)
        closedir(dir);
    return found;
}

const char *lp_program_path(char path[LP_PROGRAM_PATH], pid_t tid, const char *format, ...)
{
    int n = snprintf(path, LP_PROGRAM_PATH, "/proc/self/task/%d/", (int)tid);
    va_list list;
    va_start(list, format);
    vsnprintf(path + n, (size_t)(LP_PROGRAM_PATH - n), format, list);
    va_end(list);
    return path;
}
