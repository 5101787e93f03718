/*
 * Turns stack numbers into lines of code, and finds the guilty frame.
 *
 * The guilty frame is the leaf-most one in the program's own code. Code from a system header that
 * was inlined into the program is in the program's object, but its author cannot change it. So it
 * is skipped in favour of the function that it was inlined into.
 */
#include "symbolize/frames.h"

#include <string.h>

const struct lp_frame *lp_special_frame(uint32_t stack)
{
    static struct lp_frame frames[LP_STACK_FIRST + 1];

    if (stack >= LP_STACK_FIRST && lp_stack_get(stack).nframes > 0)
        return NULL;

    uint32_t i = stack < LP_STACK_FIRST ? stack : LP_STACK_FIRST;
    const char *name = lp_stack_special(i);
    if (!name)
        name = "[unknown stack]";
    frames[i] = (struct lp_frame){.function = name, .shown = name, .linkage = name, .file = ""};
    return &frames[i];
}

const struct lp_frame *lp_mark_at(uintptr_t address)
{
#define MARK(text)                                                                                 \
    {                                                                                              \
        .function = (text), .shown = (text), .linkage = (text), .file = ""                         \
    }
    static const struct lp_frame cut = MARK("[stack cut: the next frame was not found]");
    static const struct lp_frame deeper = MARK("[stack cut: more than 127 frames]");
#undef MARK
    return address == LP_FRAME_CUT ? &cut : address == LP_FRAME_DEEPER ? &deeper : NULL;
}

void lp_lines_of(uint32_t stack, struct lp_lines *lines)
{
    const struct lp_frame *special = lp_special_frame(stack);

    lines->n = 0;
    if (special) {
        lines->at[lines->n++] = (struct lp_line){.frame = special};
        return;
    }

    struct lp_stack frames = lp_stack_get(stack);
    for (uint32_t i = 0; i < frames.nframes; i++) {
        const struct lp_frame *mark = lp_mark_at(frames.frames[i]);
        if (mark) {
            lines->at[lines->n++] = (struct lp_line){.frame = mark};
            return;
        }
        const struct lp_symbol *symbol = lp_symbolize_in(stack, frames.frames[i]);
        bool program = lp_symbol_is_program(symbol);
        for (uint32_t k = 0; k < symbol->nframes && lines->n < LP_LINES_MAX - 1; k++)
            lines->at[lines->n++] = (struct lp_line){.frame = &symbol->frames[k],
                                                     .symbol = symbol,
                                                     .address = frames.frames[i],
                                                     .inlined = k + 1 < symbol->nframes,
                                                     .program = program};
    }
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

const struct lp_frame *lp_guilty_frame(uint32_t stack)
{
    if (lp_special_frame(stack))
        return NULL;

    struct lp_stack frames = lp_stack_get(stack);
    for (uint32_t i = 0; i < frames.nframes; i++) {
        if (lp_mark_at(frames.frames[i]))
            break;
        const struct lp_symbol *symbol = lp_symbolize_in(stack, frames.frames[i]);
        if (!lp_symbol_is_program(symbol))
            continue;
        for (uint32_t k = 0; k < symbol->nframes; k++)
            if (!starts_with(symbol->frames[k].file, "/usr/include/") &&
                !starts_with(symbol->frames[k].file, "/usr/lib/"))
                return &symbol->frames[k];
    }
    return NULL;
}

const struct lp_frame *lp_place_of(uint32_t stack)
{
    const struct lp_frame *place = lp_guilty_frame(stack);

    if (!place)
        place = lp_special_frame(stack);
    if (!place)
        place = &lp_symbolize_in(stack, lp_stack_get(stack).frames[0])->frames[0];
    return place;
}

bool lp_same_function(const struct lp_frame *a, const struct lp_frame *b)
{
    return (a->function == b->function || strcmp(a->function, b->function) == 0) &&
           (a->file == b->file || strcmp(a->file, b->file) == 0);
}
