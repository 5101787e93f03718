/*
 * Which directory of /proc shows the program's descriptors. The profiler's thread has its own
 * table, and /proc/self shows none after the first thread has ended by pthread_exit(). So another
 * live thread is used then.
 */
#ifndef LP_INSPECT_PROGRAM_H
#define LP_INSPECT_PROGRAM_H

#include <sys/types.h>

/* The first thread. If it has ended, another one of the program's, which may end at any moment. If
 * there is none, the first thread's id. */
pid_t lp_program_thread(void);

/* Builds "/proc/self/task/TID/" followed by the formatted text. Returns path. */
enum { LP_PROGRAM_PATH = 80 };
__attribute__((format(printf, 3, 4))) const char *
lp_program_path(char path[LP_PROGRAM_PATH], pid_t tid, const char *format, ...);

#endif
