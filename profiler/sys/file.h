/*
 * Small files of /proc, as the kernel writes them. Any thread; errno is not touched.
 */
#ifndef LP_SYS_FILE_H
#define LP_SYS_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* The calling thread's directory. /proc/self is the first thread's. After that thread has ended by
 * pthread_exit(), it shows no memory, no files and no program. Memory and program are the same for
 * all threads. Descriptors may differ: see inspect/program.h. */
#define LP_PROC_SELF "/proc/thread-self/"

/* What one read() gives of it, room - 1 bytes at most, as a string ("" on an error). Its length, or
 * negative errno. */
ssize_t lp_file_read(const char *path, char *text, size_t capacity);

/* Reads all of a file and calls visit for each line, without its end ('\n', or what `end` is). A
 * line that does not fit into the buffer comes in pieces. A visit that returns other than 0 ends
 * the reading. Returns 0, what visit returned, or negative errno. */
int lp_file_lines(const char *path, char end, char *buffer, size_t capacity,
                  int (*visit)(const char *line, size_t length, void *arg), void *arg);

#endif
