#include "write/nameless.h"

#include "symbolize/nameless.h"

void lp_write_nameless(FILE *out, const struct lp_profile *profile)
{
    struct lp_nameless list[LP_NAMELESS_MAX];
    char line[LP_NAMELESS_LINE];

    for (size_t i = 0, n = lp_nameless_of(profile, true, list); i < n; i++)
        fprintf(out, "# %s\n", lp_nameless_text(line, &list[i]));
}
