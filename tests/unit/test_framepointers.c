/* Frames that are followed by frame pointers: what they depend on is noted, so that such stacks can
 * be cached, and nothing that is not consistent is followed. */
#include "unit.h"

#include <string.h>

#include "record/framepointers.h"
#include "record/stacks.h"

#define FRAME                                                                                      \
    __attribute__((noinline, noclone,                                                              \
                   optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

static struct walked {
    uintptr_t base, frames[LP_FRAMES_MAX];
    uint32_t n;
    enum lp_stack_end end;
    struct lp_stackcache_words words;
} walked;

FRAME static void walk(void)
{
    walked.base = (uintptr_t)__builtin_frame_address(0);
    walked.words.n = 0;
    walked.n =
        lp_frames_walk(walked.base, walked.frames, LP_FRAMES_MAX, &walked.words, &walked.end);
    KEEP_FRAME();
}

FRAME static void recurse(int depth)
{
    if (depth > 1)
        recurse(depth - 1);
    else
        walk();
    KEEP_FRAME();
}

/* Two words a frame: where it returns to, and the frame pointer of the one above. */
static void every_frame_is_noted(void **state)
{
    (void)state;
    recurse(8);
    assert_in_range(walked.n, 8, LP_STACKCACHE_WORDS / 2);
    uint32_t outermost = walked.n - 1; /* its frame pointer leads nowhere, so it is left out */
    assert_int_equal(walked.words.n, 2 * outermost + 1);
    for (uint32_t i = 0; i < walked.n; i++) {
        assert_int_equal(walked.words.value[2 * i + (i < outermost)], walked.frames[i] + 1);
        if (i > 0 && i < outermost)
            assert_int_equal(walked.words.value[2 * i - 2],
                             walked.base + walked.words.offset[2 * i] * sizeof(uintptr_t));
    }
}

static void a_stack_of_too_many_frames_is_not_cached(void **state)
{
    (void)state;
    recurse(LP_STACKCACHE_WORDS / 2);
    assert_true(walked.words.n > LP_STACKCACHE_WORDS);
    assert_true(walked.n > LP_STACKCACHE_WORDS / 2);
}

static void a_full_list_says_so(void **state)
{
    (void)state;
    recurse(LP_FRAMES_MAX + 1);
    assert_int_equal(walked.n, LP_FRAMES_MAX);
    assert_int_equal(walked.end, LP_END_FULL);
}

static void what_is_not_consistent_is_not_followed(void **state)
{
    uintptr_t frame[4] = {0, (uintptr_t)walk, 0, 0}; /* not behind a call */
    const uintptr_t below = (uintptr_t)frame - 64;
    (void)state;
    assert_false(lp_frame_above(&(struct lp_registers){0, below, (uintptr_t)frame}));
    frame[1] = 4; /* no code */
    assert_false(lp_frame_above(&(struct lp_registers){0, below, (uintptr_t)frame}));
    frame[1] = (uintptr_t)__builtin_return_address(0);
    assert_true(lp_frame_above(&(struct lp_registers){0, below, (uintptr_t)frame}));
    assert_false(
        lp_frame_above(&(struct lp_registers){0, (uintptr_t)(frame + 1), (uintptr_t)frame}));
    assert_false(lp_frame_above(&(struct lp_registers){0, 0x1000, 0x1008})); /* no memory */
    assert_false(lp_frame_above(&(struct lp_registers){0, below, (uintptr_t)frame + 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_noted),
        cmocka_unit_test(a_stack_of_too_many_frames_is_not_cached),
        cmocka_unit_test(a_full_list_says_so),
        cmocka_unit_test(what_is_not_consistent_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
