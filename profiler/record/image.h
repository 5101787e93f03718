/*
 * What a loaded object says of itself: its name, build id and executable segments, read from its
 * headers in memory. No lock, no allocation, any context.
 */
#ifndef LP_RECORD_IMAGE_H
#define LP_RECORD_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

enum { LP_BUILD_ID_MAX = 32 };

struct lp_segment {
    uintptr_t start, limit; /* page aligned */
    uintptr_t offset;       /* in the file */
};

struct lp_image {
    const struct lp_segment *segments; /* the executable ones */
    uint32_t nsegments;
    uintptr_t bias;      /* load address: run-time address less the file's own */
    uintptr_t low, high; /* from the first to the last segment of any kind */
    const char *name;    /* the loader's, made absolute; "" is the program; lives on */
    uintptr_t id;        /* where the build id is in memory */
    uint32_t id_bytes;
    char build_id[2 * LP_BUILD_ID_MAX + 1]; /* hex; "" when it has none */
};

/* Fills an image that is all zero. false: the headers are not as expected, or memory is out. */
bool lp_image_read(struct lp_image *image, const struct dl_find_object *found);
bool lp_image_read_program(struct lp_image *image, const struct dl_phdr_info *program);

/* Is another build at its place by now? For the profiler's thread: the object may go meanwhile. */
bool lp_image_replaced(const struct lp_image *image);

#endif
