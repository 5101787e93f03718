/*
 * The program's standard error, for lines of the profiler's own thread, which has other descriptors
 * (record/self.h).
 *
 * The program may close its 2, or redirect it, at any time, and the number is given to the next
 * thing that is opened: a connection, a database. So a line is written only if 2 is still the file
 * that it was when the thread started.
 *
 * How a line gets there depends on the file:
 * - A pipe is opened anew for each line. A duplicate would keep its reader waiting for the end.
 * - A terminal, too. If it belongs to another user by now, the duplicate is used.
 * - Of a regular file, a socket and a device the thread keeps a duplicate. A regular file cannot be
 *   opened anew: the place of the next line is in what was opened first. A socket cannot be opened
 *   at all. When 2 has become something else, the duplicate is closed with the next line: until
 *   then the other end of a socket sees no end. That of a regular file stays as long as the file
 *   has a name, and lines go on when 2 is back.
 *
 * Nothing ever waits: a line that does not fit at once is not written. O_NONBLOCK is never set on
 * what the program has open: it would be set for all processes that share it.
 */
#ifndef LP_INSPECT_STDERR_H
#define LP_INSPECT_STDERR_H

#include <stdbool.h>
#include <stddef.h>

/* The file that was 2 when the thread started is the one to write to. Takes the duplicate of it
 * (lp_own_stderr()), and closes it if it is not needed. `wanted`: lines will be written. Profiler's
 * thread, as all of these. */
void lp_stderr_begin(bool wanted);

/* Writes a line of less than PIPE_BUF bytes, or nothing (part of it if a disk is full). true: all
 * of it. */
bool lp_stderr_write(const char *line, size_t size);

#endif
