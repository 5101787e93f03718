/* The heap and allocs profiles: one row a site. */
#include <errno.h>

#include "capture/rate.h"
#include "snapshot/kinds.h"
#include "tables/sites.h"

int lp_take_heap(struct lp_profile *profile)
{
    profile->period = lp_rate();
    lp_rates_read(&profile->rates);
    uint32_t n = lp_site_count();
    for (uint32_t i = 0; i < n; i++) {
        struct lp_site_figures f;
        lp_site_read(i, &f);
        if (f.alloc_objects == 0 && f.alloc_bytes == 0)
            continue;
        struct lp_row *row = lp_profile_row(profile);
        if (!row)
            return -ENOMEM;
        *row = (struct lp_row){
            .stack = f.stack,
            .label_num = (int64_t)f.size,
            .value = {f.alloc_objects, f.alloc_bytes, f.inuse_objects, f.inuse_bytes},
            .variance = {f.alloc_objects_var, f.alloc_bytes_var, f.inuse_objects_var,
                         f.inuse_bytes_var},
        };
    }
    return 0;
}
