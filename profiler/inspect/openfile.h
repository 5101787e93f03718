/*
 * Opening files for an answer. If the process or the kernel is out of descriptors or memory, the
 * answer would be incomplete, so that is counted (sys/pages.h). A file that is not there or not
 * allowed is not.
 */
#ifndef LP_INSPECT_OPENFILE_H
#define LP_INSPECT_OPENFILE_H

#include <dirent.h>
#include <stdio.h>

/* Like open(), opendir(), fopen() for reading. With O_CLOEXEC. */
int lp_open_file(const char *path, int flags);
DIR *lp_open_dir(const char *path);
FILE *lp_open_stream(const char *path);

/* Like fclose(), and counts it if reading has failed. */
void lp_close_stream(FILE *file);

#endif
