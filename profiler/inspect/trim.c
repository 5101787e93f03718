#include "inspect/trim.h"

#include <malloc.h>

#include "record/allocator.h"
#include "record/self.h"
#include "inspect/mallinfo.h"
#include "inspect/process.h"

struct lp_trim lp_trim_now(void)
{
    struct lp_trim trim = {.known = !lp_allocator_name()};
    if (!trim.known)
        return trim;
    int previous = lp_own_enter();
    trim.rss_before = lp_rss_bytes();
    trim.free_before = lp_mallinfo().fordblks;
    trim.returned = malloc_trim(0) != 0;
    trim.free_after = lp_mallinfo().fordblks;
    trim.rss_after = lp_rss_bytes();
    lp_own_leave(previous);
    return trim;
}
