#include "sys/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "leakprof_server.h"

int lp_token_read(const char *path, char *token, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    errno = 0;
    int error = fgets(token, size, file) ? 0 : errno ? -errno : -EINVAL;
    fclose(file);
    if (error)
        return error;
    size_t length = strcspn(token, "\r\n");
    token[length] = '\0';
    if (length < LEAKPROF_TOKEN_MIN || length + 1 >= (size_t)size) /* the line may be longer */
        return -EINVAL;
    for (size_t i = 0; i < length; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return -EINVAL;
    return 0;
}
