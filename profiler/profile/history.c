#include "profile/history.h"

void lp_history_add(struct lp_history *history, const struct lp_vitals *vitals)
{
    history->at[history->next] = *vitals;
    history->next = (history->next + 1) % LP_HISTORY_MAX;
    if (history->n < LP_HISTORY_MAX)
        history->n++;
}

const struct lp_vitals *lp_history_at(const struct lp_history *history, size_t i)
{
    if (i >= history->n)
        return NULL;
    return &history->at[(history->next + LP_HISTORY_MAX - history->n + i) % LP_HISTORY_MAX];
}

int64_t lp_history_wait_ms(int64_t cost_ns)
{
    int64_t due = cost_ns / 1000000 * 100;
    return due > LP_HISTORY_PERIOD_MS ? due : LP_HISTORY_PERIOD_MS;
}
