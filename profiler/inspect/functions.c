#include "inspect/functions.h"

#include <stddef.h>
#include <string.h>

#include "record/findobject.h"

/* Encodings of pointers: DW_EH_PE_pcrel | sdata4, udata4, and datarel | sdata4. */
enum { VERSION = 1, POINTER = 0x1b, COUNT = 0x03, TABLE = 0x3b };

struct header {
    uint8_t version, pointer, count, table;
    int32_t eh_frame;
    uint32_t nentries;
    struct {
        int32_t start, unwinding; /* from the header */
    } entries[];
};

bool lp_function_at(uintptr_t address, struct lp_function *function)
{
    struct lp_found object;
    if (!lp_find_object((const void *)address, &object) || !object.eh_frame)
        return false;
    const struct header *h = object.eh_frame;
    if (h->version != VERSION || h->pointer != POINTER || h->count != COUNT || h->table != TABLE)
        return false;
    uint32_t low = 0, high = h->nentries; /* the last that begins at the address or before it */
    intptr_t offset = (intptr_t)(address - (uintptr_t)h);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (h->entries[middle].start <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || low == h->nentries)
        return false;
    *function = (struct lp_function){(uintptr_t)h + (uintptr_t)(intptr_t)h->entries[low - 1].start,
                                     (uintptr_t)h + (uintptr_t)(intptr_t)h->entries[low].start};
    return true;
}

/* Looks for the bytes of a near jump. Other bytes may look like one, but hardly any of those leads
 * to the very beginning of a function. */
bool lp_function_jumps_to(const struct lp_function *function, struct lp_function *target)
{
    enum { JUMP = 0xe9, LENGTH = 5 };
    for (uintptr_t at = function->start; at + LENGTH <= function->end; at++) {
        int32_t distance;
        if (*(const uint8_t *)at != JUMP)
            continue;
        memcpy(&distance, (const char *)at + 1, sizeof distance);
        uintptr_t to = at + LENGTH + (uintptr_t)(intptr_t)distance;
        bool outside = to < function->start || to >= function->end;
        if (outside && lp_function_at(to, target) && target->start == to)
            return true;
    }
    return false;
}
