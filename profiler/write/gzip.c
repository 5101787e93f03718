#include "write/gzip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    BLOCK = 32 << 10,
    LEVEL = 1,             /* a fast answer under load is worth a few per cent */
    GZIP_HEADER = 15 + 16, /* zlib's windowBits: the largest window, and gzip's header */
    MEMORY_LEVEL = 8,      /* zlib's default */
};

/* Writers write a few bytes at a time. zlib is faster with blocks. */
struct lp_gzip {
    z_stream stream;
    FILE *out;
    int error;
    size_t n;
    unsigned char in[BLOCK], compressed[BLOCK];
};

static void push(struct lp_gzip *gzip, const void *bytes, size_t n, int flush)
{
    gzip->stream.next_in = (Bytef *)(uintptr_t)bytes;
    gzip->stream.avail_in = (uInt)n;
    do {
        gzip->stream.next_out = gzip->compressed;
        gzip->stream.avail_out = sizeof gzip->compressed;
        deflate(&gzip->stream, flush);
        size_t done = sizeof gzip->compressed - gzip->stream.avail_out;
        if (fwrite(gzip->compressed, 1, done, gzip->out) != done)
            gzip->error = -EIO;
    } while (gzip->stream.avail_out == 0);
}

struct lp_gzip *lp_gzip_new(FILE *out)
{
    struct lp_gzip *gzip = malloc(sizeof *gzip);
    if (!gzip)
        return NULL;
    memset(gzip, 0, offsetof(struct lp_gzip, in));
    gzip->out = out;
    if (deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, GZIP_HEADER, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

void lp_gzip_write(struct lp_gzip *gzip, const void *bytes, size_t n)
{
    if (gzip->n + n > sizeof gzip->in) {
        push(gzip, gzip->in, gzip->n, Z_NO_FLUSH);
        gzip->n = 0;
    }
    if (n > sizeof gzip->in) {
        push(gzip, bytes, n, Z_NO_FLUSH);
        return;
    }
    memcpy(gzip->in + gzip->n, bytes, n);
    gzip->n += n;
}

int lp_gzip_finish(struct lp_gzip *gzip)
{
    push(gzip, gzip->in, gzip->n, Z_FINISH);
    int result = gzip->error;
    deflateEnd(&gzip->stream);
    free(gzip);
    return result;
}
