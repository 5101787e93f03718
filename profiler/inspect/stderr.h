/*
 * The program's standard error, for lines of the profiler's own thread, which has other descriptors
 * (record/self.h).
 *
 * The program may close or redirect its descriptor 2 at any time, and the number is given to the
 * next file that it opens: a connection, a database. So a line is written only if 2 is still the
 * file that it was when the thread started.
 *
 * How a line is written depends on the file:
 * - A pipe is opened again for each line. A duplicate would keep its reader waiting for the end of
 *   file.
 * - A terminal is opened again too. If it now belongs to another user, the duplicate is used.
 * - For a regular file, a socket or a device, the thread keeps a duplicate. A regular file cannot
 *   be opened again, because the offset of the next line belongs to the first opening. A socket
 *   cannot be opened at all. When 2 has become another file, the duplicate is closed at the next
 *   line. Until then, the other end of a socket sees no end of file. The duplicate of a regular
 *   file is kept as long as the file has a name, and lines resume when 2 is that file again.
 *
 * Nothing ever waits: a line that cannot be written at once is dropped. O_NONBLOCK is never set on
 * the program's files, because it would apply to all processes that share them.
 */
#ifndef LP_INSPECT_STDERR_H
#define LP_INSPECT_STDERR_H

#include <stdbool.h>
#include <stddef.h>

/* The file that was 2 when the thread started is the one to write to. Takes over its duplicate
 * (lp_own_stderr()), and closes it if it is not needed. `wanted`: lines will be written. Profiler's
 * thread only, like all functions here. */
void lp_stderr_begin(bool wanted);

/* No more lines will be written. */
void lp_stderr_end(void);

/* Writes a line of less than PIPE_BUF bytes, or nothing (or part of it if a disk is full). true:
 * all of it. */
bool lp_stderr_write(const char *line, size_t size);

#endif
