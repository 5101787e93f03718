/* Stacks that are recognized instead of unwound: each block stands under the stack that made it,
 * also where two stacks differ in one word far up, lie at the same addresses, or have frames whose
 * size is not known before. */
#include "unit.h"

#include <alloca.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "record/sites.h"
#include "record/stackcache.h"
#include "record/stacks.h"
#include "record/unwinder.h"

enum {
    FUNCTION = 512, /* bytes that each function has for itself */
    ROUNDS = 2800,  /* a multiple of the seven sizes and of twice a hundred */
    DEEPEST = 60,
    SIDE_SIZE = 7000,
    LEAN_SIZE = 7104,
    DYNAMIC_SIZE = 7200,
    DEEP_SIZE = 7300
};

#define FRAME                                                                                      \
    __attribute__((noinline, noclone, aligned(FUNCTION), optimize("no-optimize-sibling-calls")))
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

static void *kept[ROUNDS];

/* A block's size says which way it came. */
FRAME static void *make(size_t size)
{
    void *block = malloc(size);
    KEEP_FRAME();
    return block;
}

FRAME static void *left(size_t size)
{
    void *block = make(size);
    KEEP_FRAME();
    return block;
}

FRAME static void *right(size_t size)
{
    void *block = make(size);
    KEEP_FRAME();
    return block;
}

__attribute__((noinline, noclone, aligned(FUNCTION), optimize("omit-frame-pointer"))) static void *
lean(size_t size)
{
    void *block = left(size);
    KEEP_FRAME();
    return block;
}

FRAME static void *dynamic(size_t capacity, size_t size)
{
    char *text = alloca(capacity);
    memset(text, 1, capacity);
    void *block = capacity % 64 ? left(size) : right(size);
    KEEP_FRAME();
    return text[capacity / 2] ? block : NULL;
}

FRAME static void *recurse(int depth, size_t size)
{
    void *block = depth > 1 ? recurse(depth - 1, size) : make(size);
    KEEP_FRAME();
    return block;
}

static int frames_in(const struct lp_stack *stack, void (*function)(void), size_t length)
{
    int n = 0;
    for (uint32_t i = 0; i < stack->nframes; i++)
        n += stack->frames[i] - (uintptr_t)function < length;
    return n;
}

#define FRAMES_IN(stack, function) frames_in(stack, (void (*)(void))(function), FUNCTION)

/* Calls check for every stack that has blocks of this size in use; how many blocks in all. */
static int64_t each_stack(uint64_t size, void (*check)(const struct lp_stack *stack, uint64_t size))
{
    int64_t blocks = 0;
    for (uint32_t i = 0; i < lp_site_count(); i++) {
        struct lp_site_figures f;
        lp_site_read(i, &f);
        if (f.size != size || f.inuse_objects == 0)
            continue;
        struct lp_stack stack = lp_stack_get(f.stack);
        check(&stack, size);
        blocks += f.inuse_objects;
    }
    return blocks;
}

static void check_side(const struct lp_stack *stack, uint64_t size)
{
    assert_int_equal(FRAMES_IN(stack, make), 1);
    assert_int_equal(FRAMES_IN(stack, left), size % 2 == 0);
    assert_int_equal(FRAMES_IN(stack, right), size % 2 == 1);
}

static void check_lean(const struct lp_stack *stack, uint64_t size)
{
    check_side(stack, size);
    assert_int_equal(FRAMES_IN(stack, lean), size == LEAN_SIZE);
}

static void check_depth(const struct lp_stack *stack, uint64_t size)
{
    assert_int_equal(FRAMES_IN(stack, recurse), size - DEEP_SIZE);
}

static void free_all(void)
{
    for (int i = 0; i < ROUNDS; i++)
        free(kept[i]);
}

static void two_callers_above_one_frame_are_told_apart(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (int i = 0; i < ROUNDS; i++)
        kept[i] = i % 2 ? right(SIDE_SIZE + 1) : left(SIDE_SIZE);
    assert_int_equal(each_stack(SIDE_SIZE, check_side), ROUNDS / 2);
    assert_int_equal(each_stack(SIDE_SIZE + 1, check_side), ROUNDS / 2);
    free_all();
}

static void frames_without_a_frame_pointer_count(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (int i = 0; i < ROUNDS; i++)
        kept[i] = i / 100 % 2 ? lean(LEAN_SIZE) : left(LEAN_SIZE - 2);
    assert_int_equal(each_stack(LEAN_SIZE, check_lean), ROUNDS / 2);
    assert_int_equal(each_stack(LEAN_SIZE - 2, check_lean), ROUNDS / 2);
    free_all();
}

static void frames_of_any_size_are_told_apart(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (int i = 0; i < ROUNDS; i++) {
        size_t capacity = 64 + (size_t)(i % 7) * 32;
        kept[i] = dynamic(capacity, DYNAMIC_SIZE + (capacity % 64 == 0));
    }
    int64_t blocks =
        each_stack(DYNAMIC_SIZE, check_side) + each_stack(DYNAMIC_SIZE + 1, check_side);
    assert_int_equal(blocks, ROUNDS);
    free_all();
}

FRAME static void *recursion(void *arg)
{
    unsigned random = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1103515245 + 12345;
        int depth = 1 + (int)(random >> 16) % DEEPEST;
        kept[i] = recurse(depth, (size_t)(DEEP_SIZE + depth));
    }
    return NULL;
}

static void every_depth_of_a_recursion_is_its_own_stack(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    for (uintptr_t seed = 1; seed <= 4; seed++) { /* threads whose stacks lie at the same place */
        pthread_t thread;
        int64_t blocks = 0;
        pthread_create(&thread, NULL, recursion, (void *)seed);
        pthread_join(thread, NULL);
        for (uint64_t depth = 1; depth <= DEEPEST; depth++)
            blocks += each_stack(DEEP_SIZE + depth, check_depth);
        assert_int_equal(blocks, ROUNDS);
        free_all();
    }
}

static struct lp_stackcache_words noted;

FRAME static void note(void)
{
    uintptr_t frames[LP_FRAMES_MAX];
    enum lp_stack_end end;
    lp_self.busy = true;
    lp_unwinder_here(frames, LP_FRAMES_MAX, &noted, (uintptr_t)__builtin_frame_address(0), &end);
    lp_self.busy = false;
    KEEP_FRAME();
}

/* Code without frame pointers has any value in that register. */
__attribute__((noinline, noclone, optimize("omit-frame-pointer"))) static void
note_with(uintptr_t value)
{
    register uintptr_t rbp __asm__("rbp") = value;
    __asm__ volatile("" : "+r"(rbp));
    note();
    __asm__ volatile("" ::"r"(rbp));
}

static bool is_noted(uintptr_t value)
{
    for (uint32_t i = 0; i < noted.n; i++)
        if (noted.value[i] == value)
            return true;
    return false;
}

static void a_register_that_leads_to_no_frame_is_not_compared(void **state)
{
    uintptr_t above = (uintptr_t)__builtin_frame_address(0);
    (void)state;
    NEEDS_HOOKED_HEAP();
    note_with(4711);
    assert_in_range(noted.n, 4, LP_STACKCACHE_WORDS);
    assert_false(is_noted(4711));
    note_with(above - 65536);
    assert_false(is_noted(above - 65536));
    note_with(above + 8);
    assert_true(is_noted(above + 8));
}

static void nothing_was_lost(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    assert_int_equal(lp_losses_total(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_callers_above_one_frame_are_told_apart),
        cmocka_unit_test(frames_without_a_frame_pointer_count),
        cmocka_unit_test(frames_of_any_size_are_told_apart),
        cmocka_unit_test(every_depth_of_a_recursion_is_its_own_stack),
        cmocka_unit_test(a_register_that_leads_to_no_frame_is_not_compared),
        cmocka_unit_test(nothing_was_lost),
    };
    return cmocka_run_group_tests_name("memo", tests, exact, NULL);
}
