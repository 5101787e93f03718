/* mallinfo2(), which glibc has since 2.33. Before, the figures have 32 bits: above 4 GiB they are
 * too low. */
#ifndef LP_INSPECT_MALLINFO_H
#define LP_INSPECT_MALLINFO_H

#include <malloc.h>
#include <stdint.h>

struct lp_mallinfo {
    int64_t arena, hblkhd, fordblks, keepcost;
};

static inline struct lp_mallinfo lp_mallinfo(void)
{
#if __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    return (struct lp_mallinfo){(int64_t)info.arena, (int64_t)info.hblkhd, (int64_t)info.fordblks,
                                (int64_t)info.keepcost};
#else
    struct mallinfo info = mallinfo();
    return (struct lp_mallinfo){(unsigned)info.arena, (unsigned)info.hblkhd,
                                (unsigned)info.fordblks, (unsigned)info.keepcost};
#endif
}

#endif
