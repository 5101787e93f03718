#include "record/framepointers.h"

#include <stddef.h>

#include "record/code.h"
#include "sys/pages.h"
#include "sys/readable.h"
#include "sys/syscall.h"

enum { FRAME_BYTES_MAX = 1 << 20 };

static uintptr_t page_of(uintptr_t address)
{
    return address & ~(uintptr_t)(LP_PAGE - 1);
}

/* Many frames lie in one page. The kernel is not called again for a known page. */
static bool readable(uintptr_t address, uintptr_t *known)
{
    if (page_of(address) == *known)
        return true;
    if (!lp_sys_readable((const void *)address))
        return false;
    *known = page_of(address);
    return true;
}

/* Is this the address behind a call? The seven bytes before it are read. */
static bool is_return(uintptr_t ip)
{
    return lp_code_at(ip - 1) && (page_of(ip - 7) == page_of(ip - 1) || lp_code_at(ip - 7)) &&
           lp_code_after_call(ip);
}

static bool above(struct lp_registers *r, uintptr_t *page)
{
    const uintptr_t *frame = (const uintptr_t *)r->bp;
    if (r->bp < r->sp || r->bp - r->sp > FRAME_BYTES_MAX || r->bp % sizeof(uintptr_t) != 0 ||
        !readable(r->bp, page) || !readable(r->bp + sizeof(uintptr_t), page) ||
        !is_return(frame[1]))
        return false;
    *r = (struct lp_registers){frame[1], r->bp + 2 * sizeof(uintptr_t), frame[0]};
    return true;
}

bool lp_frame_above(struct lp_registers *r)
{
    uintptr_t page = 0;
    return above(r, &page);
}

uint32_t lp_frames_walk(uintptr_t base, uintptr_t *frames, uint32_t max,
                        struct lp_stackcache_words *words, enum lp_stack_end *end)
{
    struct lp_registers r = {.sp = base, .bp = base};
    uintptr_t page = page_of(base);
    uint32_t n = 0;
    *end = LP_END_FULL;
    while (n < max) {
        uintptr_t at = r.bp;
        if (at == 0 || !above(&r, &page)) {
            *end = at == 0 ? LP_END_COMPLETE : LP_END_CUT;
            break;
        }
        if (words) {
            lp_stackcache_note_pointer(words, base, at);
            lp_stackcache_note(words, base, at + sizeof(uintptr_t));
        }
        frames[n++] = r.ip - 1;
    }
    return n;
}
