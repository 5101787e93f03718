/*
 * The name, build id and executable segments of a loaded object, read from its headers in memory.
 * Takes no lock, allocates nothing; any context.
 */
#ifndef LP_RECORD_IMAGE_H
#define LP_RECORD_IMAGE_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/findobject.h"

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
    const char *name;    /* the loader's name, made absolute; "" for the program; never freed */
    uintptr_t id;        /* address of the build id in memory */
    uint32_t id_bytes;
    char build_id[2 * LP_BUILD_ID_MAX + 1]; /* hex; "" if it has none */
};

/* Fills a zeroed image. false: the headers are not as expected, or there is no memory. */
bool lp_image_read(struct lp_image *image, const struct lp_found *found);
bool lp_image_read_program(struct lp_image *image, const struct dl_phdr_info *program);

/* Is another build in its place now? Profiler's thread only: the object may be unloaded meanwhile.
 */
bool lp_image_replaced(const struct lp_image *image);

#endif
