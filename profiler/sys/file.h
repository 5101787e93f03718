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

/* Reads what one read() returns, at most room - 1 bytes, as a string ("" on an error). Returns its
 * length or a negative errno. */
ssize_t lp_file_read(const char *path, char *text, size_t room);

/* Reads the whole file and calls visit for each line, without the line's end ('\n', or the `end`
 * given). A line that does not fit into the buffer is passed in pieces. If visit returns a value
 * other than 0, reading stops. Returns 0, visit's value, or a negative errno. */
int lp_file_lines(const char *path, char end, char *buffer, size_t room,
                  int (*visit)(const char *line, size_t length, void *arg), void *arg);

#endif
