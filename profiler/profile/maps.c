/*
 * The maps profile: the program's mappings (inspect/mappings.h) as rows and items. The profiler's
 * own are left out and counted separately.
 *
 * Addresses without permissions (PROT_NONE) take no memory. They are a separate kind, except small
 * ones, which are guard pages and belong to what they guard.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys/clock.h"
#include "profile/kinds.h"
#include "profile/maps.h"
#include "inspect/mappings.h"
#include "record/maps.h"
#include "record/stacks.h"

enum { GUARD_MAX = 64 << 10 };

/* Are its addresses without permissions shown separately? */
static bool tells_reserved(const struct lp_mapping *mapping)
{
    return (mapping->kind == LP_MAPPING_ANONYMOUS || mapping->kind == LP_MAPPING_ARENA ||
            mapping->kind == LP_MAPPING_UNKNOWN) &&
           (mapping->none > GUARD_MAX || mapping->none == mapping->end - mapping->start);
}

static int put_row(struct lp_profile *profile, uint32_t stack, enum lp_mapping_kind kind,
                   int64_t count, int64_t bytes, int64_t resident)
{
    const char *name = lp_mapping_kind_name(kind);
    struct lp_row *row = profile->nrows ? &profile->rows[profile->nrows - 1] : NULL;
    if (!row || row->stack != stack || row->label_text != name) {
        if (!(row = lp_profile_row(profile)))
            return -ENOMEM;
        row->stack = stack;
        row->label_text = name;
    }
    row->value[0] += count;
    row->value[1] += bytes;
    row->value[2] += resident;
    return 0;
}

static int put_mapping(struct lp_profile *profile, const struct lp_vmas *vmas,
                       const struct lp_mapping *mapping, uint32_t now)
{
    char text[400];
    enum lp_mapping_kind kind = mapping->kind;
    int64_t bytes = (int64_t)(mapping->end - mapping->start), apart = 0;
    if (tells_reserved(mapping)) {
        apart = (int64_t)mapping->none;
        if (apart == bytes)
            kind = LP_MAPPING_RESERVED, apart = 0;
        else if (put_row(profile, mapping->stack, LP_MAPPING_RESERVED, 0, apart, 0) != 0)
            return -ENOMEM;
    }
    int n = snprintf(text, sizeof text, "%lx-%lx %s", mapping->start, mapping->end,
                     mapping->vma->protection);
    const char *name = lp_vma_name(vmas, mapping->vma);
    int before = n;
    if (name[0])
        n += snprintf(text + n, sizeof text - (size_t)n, " %.300s", name);
    int after = n;
    if (apart)
        snprintf(text + n, sizeof text - (size_t)n, ", and %lld bytes in reserve",
                 (long long)apart);
    struct lp_item *item = lp_profile_item(profile);
    const char *state = lp_profile_text(profile, text);
    if (!item || !state)
        return -ENOMEM;
    *item = (struct lp_item){
        .id = (int64_t)mapping->start,
        .stack = mapping->stack,
        .name = lp_mapping_kind_name(kind),
        .state = state,
        .outside = {(uint16_t)before, (uint16_t)(after - before)},
        .state_ns = -1,
        .age_ns = mapping->known && now >= mapping->birth
                      ? (int64_t)(now - mapping->birth) * LP_TICK_NS
                      : -1,
        .value = {1, bytes - apart, (int64_t)mapping->resident},
    };
    return put_row(profile, mapping->stack, kind, 1, bytes - apart, (int64_t)mapping->resident);
}

static const struct lp_profile_extra extra = {.size = LP_VALUES_MAX * sizeof(int64_t)};

int64_t *lp_maps_own(const struct lp_profile *profile)
{
    return profile->kind->extra == &extra ? (int64_t *)profile->extra : NULL;
}

static int put_all(struct lp_profile *profile, const struct lp_mappings *mappings)
{
    uint32_t now = lp_now_ticks();
    int result = 0;
    for (size_t i = 0; result == 0 && i < mappings->list.n; i++) {
        const struct lp_mapping *mapping = &((const struct lp_mapping *)mappings->list.at)[i];
        if (mapping->kind == LP_MAPPING_PROFILER) {
            int64_t *own = lp_maps_own(profile);
            own[0]++;
            own[1] += (int64_t)(mapping->end - mapping->start);
            own[2] += (int64_t)mapping->resident;
        } else {
            result = put_mapping(profile, &mappings->vmas, mapping, now);
        }
    }
    return result;
}

static int take(struct lp_profile *profile)
{
    struct lp_mappings mappings;
    int result = lp_mappings_read(&mappings);
    if (result == 0)
        result = put_all(profile, &mappings);
    if (result == 0 && mappings.spread) {
        profile->note = lp_profile_text(profile, "resident memory of mappings beside each other is "
                                                 "an estimate: pagemap cannot be opened, because "
                                                 "the program has become another user");
        result = profile->note ? 0 : -ENOMEM;
    }
    lp_mappings_release(&mappings);
    return result;
}

static int64_t count(void)
{
    return lp_maps_live();
}

/* May mappings of this row leak by themselves? They must have a stack. The stack of a leaked thread
 * is counted by the threads profile, the memory of a leaked block by the heap profile. Reserved
 * addresses take no memory. Mappings that no hook saw belong to libc or to a runtime. */
static bool leaks_by_itself(const struct lp_row *row)
{
    static const enum lp_mapping_kind kinds[] = {LP_MAPPING_ANONYMOUS, LP_MAPPING_FILE,
                                                 LP_MAPPING_SHARED};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (row->label_text && !strcmp(row->label_text, lp_mapping_kind_name(kinds[i])))
            return row->stack >= LP_STACK_FIRST;
    return false;
}

const struct lp_profile_kind lp_maps_kind = {
    .name = "maps",
    .about = "Mappings, by the stack that mapped them. debug=2 shows each one.",
    .nvalues = 3,
    .values = {{"maps", "count"}, {"mapped", "bytes"}, {"resident", "bytes"}},
    .default_value = -1,
    .shown_value = 1,
    .growth_value = 1,
    .period = {"maps", "count"},
    .label_key = "kind",
    .item = "mapping [$n] $s", /* its state contains its address */
    .take = take,
    .count = count,
    .extra = &extra,
    .resources = {{"mappings", "bytes", LP_BOUND_MEMORY, 1, leaks_by_itself}},
};
