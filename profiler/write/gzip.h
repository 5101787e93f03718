/*
 * A gzip stream into a FILE, written in pieces of any size.
 */
#ifndef LP_WRITE_GZIP_H
#define LP_WRITE_GZIP_H

#include <stddef.h>
#include <stdio.h>

struct lp_gzip;

/* NULL: no memory. */
struct lp_gzip *lp_gzip_new(FILE *out);

void lp_gzip_write(struct lp_gzip *gzip, const void *bytes, size_t n);

/* Ends the stream and frees it. `out` stays open. Returns 0, or -EIO for any error since it began.
 */
int lp_gzip_finish(struct lp_gzip *gzip);

#endif
