/* Small files of /proc, as the kernel writes them. Any thread; errno is not touched. */
#ifndef LP_SYS_FILE_H
#define LP_SYS_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* What one read() gives of it, room - 1 bytes at most, as a string ("" on an error). Its length, or
 * negative errno. */
ssize_t lp_file_read(const char *path, char *text, size_t room);

#endif
