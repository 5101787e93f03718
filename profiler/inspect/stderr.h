/*
 * The program's standard error, for lines of the profiler's own thread, which has other descriptors
 * (record/self.h).
 *
 * The program may close its 2, or redirect it, at any time, and a number that was closed is given
 * to the next thing that is opened: a connection, a database. So nothing is kept open here, which
 * would keep a reader of a pipe waiting for an end; each line borrows the program's 2 as it is now,
 * and is written only when that is the very file that stood there in the beginning.
 *
 * Nobody ever waits: a line that does not fit at once is not written. O_NONBLOCK is never set on
 * what the program has open, which would be set for all who share it: pipes and terminals are
 * opened anew for a line.
 */
#ifndef LP_INSPECT_STDERR_H
#define LP_INSPECT_STDERR_H

#include <stdbool.h>
#include <stddef.h>

/* The file that is 2 now is the one to write to. On a thread of the program, before the profiler's
 * thread starts. */
void lp_stderr_remember(void);

/* Writes a line of less than PIPE_BUF bytes, or nothing (part of it where a disk is full). true:
 * all of it. Profiler's thread only. */
bool lp_stderr_write(const char *line, size_t size);

#endif
