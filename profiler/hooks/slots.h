/*
 * The slots of a loaded object: places in its global offset table and in initialized data that hold
 * the addresses of the functions it calls. Any of them can be made to lead to another function.
 */
#ifndef LP_HOOKS_SLOTS_H
#define LP_HOOKS_SLOTS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

enum { LP_SLOTS_MAX = 64 };

/* Slots that lead from one function to another. */
struct lp_slot_change {
    const char *name;
    void *from, *to;
};
struct lp_slot_changes {
    struct lp_slot_change at[LP_SLOTS_MAX];
    int n;
};

/* One that lacks an address is left out. */
void lp_slots_add(struct lp_slot_changes *changes, const char *name, void *from, void *to);

/* Changes the slots of this object that hold `from`, and those of functions that have not been
 * called yet and still lead to the loader's resolver, unless `resolved_only`. `complete`: the
 * loader has finished with the object, so pages are made read-only again. No lock, no allocation.
 */
void lp_slots_change(const struct link_map *object, const struct lp_slot_changes *changes,
                     bool complete, bool resolved_only);

#endif
