#include "inspect/deadlock.h"

#include <stdbool.h>

/* While the search lasts, beside the answers. */
enum { NEW = LP_DEADLOCK_BEHIND + 1, ON_THE_WAY };

/* Marks those from `at` on, up to where the way comes back to `at`. */
static void mark_circle(const size_t *next, size_t at, uint8_t *found)
{
    for (size_t i = at; found[i] != LP_DEADLOCK_MEMBER; i = next[i])
        found[i] = LP_DEADLOCK_MEMBER;
}

/* Each thread is walked over twice at most: on the way to its end, and when that end is known. */
void lp_deadlock_find(const size_t *next, size_t n, uint8_t *found)
{
    for (size_t i = 0; i < n; i++)
        found[i] = NEW;
    for (size_t first = 0; first < n; first++) {
        size_t at = first;
        while (at < n && found[at] == NEW) {
            found[at] = ON_THE_WAY;
            at = next[at];
        }
        if (at < n && found[at] == ON_THE_WAY)
            mark_circle(next, at, found);
        bool behind = at < n && found[at] != LP_DEADLOCK_NO;
        for (at = first; at < n && found[at] == ON_THE_WAY; at = next[at])
            found[at] = behind ? LP_DEADLOCK_BEHIND : LP_DEADLOCK_NO;
    }
}
