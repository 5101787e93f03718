#include "inspect/openfile.h"

#include <errno.h>
#include <fcntl.h>

#include "sys/pages.h"

int lp_open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        lp_own_refuse_file(-errno);
    return fd;
}

DIR *lp_open_dir(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        lp_own_refuse_file(-errno);
    return dir;
}

FILE *lp_open_stream(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file)
        lp_own_refuse_file(-errno);
    return file;
}

void lp_close_stream(FILE *file)
{
    if (ferror(file))
        lp_own_refuse();
    fclose(file);
}
