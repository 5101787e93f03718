#include "write/redact.h"

#include <stdio.h>
#include <string.h>

const char *lp_state_of(const struct lp_item *item, bool redact, char out[LP_REDACTED_MAX])
{
    const char *state = item->state ? item->state : "";
    if (!redact || !item->outside.length)
        return state;
    const char *after = state + item->outside.at + item->outside.length;
    if (item->outside.at == 0)
        after += strspn(after, ", ");
    snprintf(out, LP_REDACTED_MAX, "%.*s%s", (int)item->outside.at, state, after);
    return out;
}
