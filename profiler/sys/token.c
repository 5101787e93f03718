#include "sys/token.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "leakprof_server.h"
#include "sys/file.h"

struct first_line {
    char *token;
    size_t size;
    bool good;
};

static int take(const char *line, size_t length, void *arg)
{
    struct first_line *first = arg;
    length -= length > 0 && line[length - 1] == '\r';
    first->good = length >= LEAKPROF_TOKEN_MIN && length < first->size;
    for (size_t i = 0; i < length; i++)
        first->good &= line[i] > ' ' && line[i] <= '~';
    if (first->good) {
        memcpy(first->token, line, length);
        first->token[length] = '\0';
    }
    return 1; /* the rest of the file does not matter */
}

int lp_token_read(const char *path, char *token, int size)
{
    char buffer[1024]; /* a longer line comes in pieces, of which the first one is refused */
    struct first_line first = {
        token, (size_t)size < sizeof buffer ? (size_t)size : sizeof buffer - 1, false};
    int result = lp_file_lines(path, '\n', buffer, sizeof buffer, take, &first);
    return result < 0 ? result : first.good ? 0 : -EINVAL;
}
