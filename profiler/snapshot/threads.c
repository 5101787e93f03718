/* The threads profile: one item a thread, and a row for each stack. */
#include <errno.h>

#include "capture/threads.h"
#include "snapshot/kinds.h"

struct taking {
    struct lp_profile *profile;
    int result;
};

static void visit(const struct lp_thread_seen *seen, void *arg)
{
    struct taking *taking = arg;
    struct lp_profile *profile = taking->profile;
    struct lp_item *item = lp_profile_item(profile);
    struct lp_row *row = lp_profile_row(profile);
    if (!item || !row) {
        taking->result = -ENOMEM;
        return;
    }
    *item = (struct lp_item){.id = seen->tid,
                             .stack = seen->stack,
                             .name = lp_profile_text(profile, seen->name),
                             .state = lp_profile_text(profile, seen->state),
                             .age_ns = seen->age_ns};
    if (!item->name || !item->state)
        taking->result = -ENOMEM;
    *row = (struct lp_row){.stack = seen->stack, .value = {1}};
}

int lp_take_threads(struct lp_profile *profile)
{
    struct taking taking = {profile, 0};
    int result = lp_threads_walk(visit, &taking);
    return result ? result : taking.result;
}
