/*
 * A stack as lines: one line per function, including inlined ones, leaf first. All writers get
 * stacks from here, so that all of them show the same frames. Profiler's thread only.
 */
#ifndef LP_SYMBOLIZE_FRAMES_H
#define LP_SYMBOLIZE_FRAMES_H

#include "symbolize/symbols.h"
#include "record/stacks.h"

enum { LP_LINES_MAX = 4 * LP_FRAMES_MAX };

struct lp_line {
    const struct lp_frame *frame;
    const struct lp_symbol *symbol; /* NULL in a special stack */
    uintptr_t address;              /* 0 in a special stack */
    bool inlined;                   /* inlined into the function of the next line */
    bool program;                   /* the program's own code */
};

struct lp_lines {
    uint32_t n; /* at least 1 */
    struct lp_line at[LP_LINES_MAX];
};

/* Stacks that inlining makes longer than LP_LINES_MAX lose their outermost lines. */
void lp_lines_of(uint32_t stack, struct lp_lines *lines);

/* The guilty frame, or the leaf if there is none. The growth of a stack is booked here. */
const struct lp_frame *lp_place_of(uint32_t stack);

/* The frame shown for a special stack. NULL for real stacks. */
const struct lp_frame *lp_special_frame(uint32_t stack);

/* The frame shown for a mark at the end of a stack (record/stacks.h). NULL for code. */
const struct lp_frame *lp_mark_at(uintptr_t address);

/* Is this the same function of the same file? */
bool lp_same_function(const struct lp_frame *a, const struct lp_frame *b);

#endif
