/* Stacks that will not unwind: the caller alone stands for them, that is counted, and the block is
 * in the figures all the same. */
#include "unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "record/code.h"
#include "record/self.h"
#include "heap.h"
#include "record/stacks.h"
#include "record/unwind.h"

enum { CALLS = 100, PAGE = 4096 };

typedef void *allocator(size_t size);

/* A function that says it has no caller. */
__asm__(".text\n"
        "no_caller:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "sub $8, %rsp\n"
        "call *allocate_by(%rip)\n"
        "add $8, %rsp\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size no_caller, . - no_caller\n");
extern allocator no_caller;

/* One that says its return address lies where there is none. */
__asm__(".text\n"
        "false_caller:\n"
        ".cfi_startproc\n"
        "sub $40, %rsp\n"
        ".cfi_def_cfa_offset 24\n"
        "movq $1, 8(%rsp)\n"
        "movq $1, 16(%rsp)\n"
        "call *allocate_by(%rip)\n"
        "add $40, %rsp\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size false_caller, . - false_caller\n");
extern allocator false_caller;

allocator *volatile allocate_by = malloc;

/* Code that no table knows, with a frame pointer that points nowhere:
 * push rbp; mov rbp, 1; sub rsp, 4096; mov rax, malloc; call rax; add rsp, 4096; pop rbp; ret */
static allocator *generated(void)
{
    static const unsigned char head[] = {0x55, 0x48, 0xc7, 0xc5, 1, 0, 0,    0,   0x48,
                                         0x81, 0xec, 0,    0x10, 0, 0, 0x48, 0xb8};
    static const unsigned char tail[] = {0xff, 0xd0, 0x48, 0x81, 0xc4, 0, 0x10, 0, 0, 0x5d, 0xc3};
    uint64_t target = (uint64_t)(uintptr_t)malloc;
    unsigned char *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    memcpy(page, head, sizeof head);
    memcpy(page + sizeof head, &target, sizeof target);
    memcpy(page + sizeof head + sizeof target, tail, sizeof tail);
    return (allocator *)page;
}

struct seen {
    int64_t objects;
    bool leaf;        /* is the function the first frame? */
    bool cut;         /* does the deepest say that it is cut? */
    uint32_t nframes; /* of the deepest */
};

static struct seen look(int64_t size, allocator *function)
{
    struct seen seen = {0};
    int previous = lp_own_enter();
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    for (size_t i = 0; i < heap->nrows; i++) {
        struct lp_row *row = &heap->rows[i];
        if (row->label_num != size || row->value[2] == 0)
            continue;
        struct lp_stack stack = lp_stack_get(row->stack);
        seen.objects += row->value[2];
        seen.leaf = stack.nframes > 0 && stack.frames[0] - (uintptr_t)function < 100;
        if (stack.nframes > seen.nframes)
            seen.nframes = stack.nframes;
        seen.cut = stack.nframes > 0 && stack.frames[stack.nframes - 1] == LP_FRAME_CUT;
    }
    lp_profile_free(heap);
    lp_own_leave(previous);
    return seen;
}

/* More often than a thread steps before it is given a cache, so that both ways are gone. */
static struct seen allocate(allocator *function, size_t size)
{
    void *blocks[CALLS];
    for (int i = 0; i < CALLS; i++) {
        blocks[i] = opaque(function(size));
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, size);
    }
    struct seen seen = look((int64_t)size, function);
    for (int i = 0; i < CALLS; i++)
        free(blocks[i]);
    assert_int_equal(look((int64_t)size, function).objects, 0);
    return seen;
}

static void a_stack_that_ends_at_once_is_a_loss(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    uint64_t before = lp_losses(LP_LOSS_NO_STACK);
    struct seen seen = allocate(no_caller, 1201);
    assert_int_equal(seen.objects, CALLS);
    assert_true(seen.leaf);
    assert_int_equal(seen.nframes, 2);
    assert_true(seen.cut);
    assert_int_equal(lp_losses(LP_LOSS_NO_STACK), before + CALLS);
}

static void generated_code_is_a_loss(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    allocator *function = generated();
    if (!function)
        skip(); /* code may not be made here */
    uint64_t before = lp_losses(LP_LOSS_NO_STACK);
    struct seen seen = allocate(function, 1202);
    assert_int_equal(seen.objects, CALLS);
    assert_true(seen.leaf);
    assert_int_equal(seen.nframes, 2);
    assert_true(seen.cut);
    assert_int_equal(lp_losses(LP_LOSS_NO_STACK), before + CALLS);
    munmap((void *)function, PAGE);
}

/* The same with a frame pointer that is right:
 * push rbp; mov rbp, rsp; sub rsp, 4096; mov rax, malloc; call rax; leave; ret */
static allocator *generated_with_frame(void)
{
    static const unsigned char head[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x81, 0xec,
                                         0,    0x10, 0,    0,    0x48, 0xb8};
    static const unsigned char tail[] = {0xff, 0xd0, 0xc9, 0xc3};
    uint64_t target = (uint64_t)(uintptr_t)malloc;
    unsigned char *page =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    memcpy(page, head, sizeof head);
    memcpy(page + sizeof head, &target, sizeof target);
    memcpy(page + sizeof head + sizeof target, tail, sizeof tail);
    return (allocator *)page;
}

static void frame_pointers_lead_through_generated_code(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    allocator *function = generated_with_frame();
    if (!function)
        skip(); /* code may not be made here */
    lp_code_refresh();
    uint64_t before = lp_losses_total();
    struct seen seen = allocate(function, 1205);
    assert_int_equal(seen.objects, CALLS);
    assert_true(seen.leaf);
    assert_true(seen.nframes > 4);
    assert_false(seen.cut);
    assert_int_equal(lp_losses_total(), before);
    munmap((void *)function, PAGE);
}

__attribute__((noinline, optimize("no-optimize-sibling-calls", "O1"))) static void *
deep(size_t size, int depth)
{
    void *block = opaque(depth > 0 ? deep(size, depth - 1) : malloc(size));
    __asm__ volatile("");
    return block;
}

static void *from_deep(size_t size)
{
    void *block = opaque(deep(size, 400));
    __asm__ volatile("");
    return block;
}

static void a_stack_deeper_than_the_table_says_so(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    void *block = opaque(from_deep(1206));
    int previous = lp_own_enter(), found = 0;
    struct lp_profile *heap = lp_take(lp_kind_find("heap"));
    for (size_t i = 0; i < heap->nrows; i++) {
        struct lp_stack stack = lp_stack_get(heap->rows[i].stack);
        if (heap->rows[i].label_num != 1206 || heap->rows[i].value[2] == 0)
            continue;
        assert_int_equal(stack.nframes, LP_FRAMES_MAX);
        assert_int_equal(stack.frames[LP_FRAMES_MAX - 1], LP_FRAME_DEEPER);
        found++;
    }
    lp_profile_free(heap);
    lp_own_leave(previous);
    free(block);
    assert_int_equal(found, 1);
}

/* The instruction that a signal interrupted is not a return address: its address stands as it is.
 */
static volatile uintptr_t faulted_at;
static void *volatile from_handler;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    ucontext_t *interrupted = context;
    faulted_at = (uintptr_t)interrupted->uc_mcontext.gregs[REG_RIP];
    free(from_handler);
    from_handler = malloc(1207);
    interrupted->uc_mcontext.gregs[REG_RIP] += 2; /* past ud2 */
}

__attribute__((noinline)) static void fault(void)
{
    __asm__ volatile("ud2");
}

static void the_interrupted_frame_of_a_signal_is_exact(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, before;
    int exact = 0, others = 0;
    sigaction(SIGILL, &action, &before);
    for (int i = 0; i < CALLS; i++) { /* by stepping, and by the faster way */
        fault();
        int previous = lp_own_enter();
        struct lp_profile *heap = lp_take(lp_kind_find("heap"));
        for (size_t k = 0; k < heap->nrows; k++) {
            struct lp_stack stack = lp_stack_get(heap->rows[k].stack);
            if (heap->rows[k].label_num != 1207 || heap->rows[k].value[2] == 0)
                continue;
            bool found = false;
            for (uint32_t f = 0; f < stack.nframes; f++)
                found = found || stack.frames[f] == faulted_at;
            exact += found;
            others += !found;
        }
        lp_profile_free(heap);
        lp_own_leave(previous);
    }
    sigaction(SIGILL, &before, NULL);
    free(from_handler);
    assert_int_equal(exact, CALLS);
    assert_int_equal(others, 0);
}

/* A lie is taken for true, as far as it goes; it does no harm. */
/* As when a signal comes just after a jump to where nothing is. */
static void a_signal_at_no_code_does_no_harm(void **state)
{
    uintptr_t frames[LP_FRAMES_MAX];
    ucontext_t context;
    (void)state;
    assert_int_equal(getcontext(&context), 0);
    context.uc_mcontext.gregs[REG_RIP] = 0x1000;
    assert_true(lp_stack_interrupted(frames, LP_FRAMES_MAX, &context) >= 1);
    assert_int_equal(frames[0], 0x1000);
}

enum { STACK_PAGES = 16 };

static void allocate_on_coroutine(void)
{
    for (int i = 0; i < CALLS; i++)
        free(opaque(malloc(7411)));
}

static void run_coroutine(char *stack, size_t bytes)
{
    ucontext_t here, there;
    assert_int_equal(getcontext(&there), 0);
    there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = bytes};
    there.uc_link = &here;
    there.uc_mcontext.gregs[REG_RBP] = (greg_t)(uintptr_t)(stack + bytes);
    makecontext(&there, allocate_on_coroutine, 0);
    assert_int_equal(swapcontext(&here, &there), 0);
}

/* The unwinder takes the frame pointer of the outermost function for an address. There was memory a
 * moment ago. */
static void a_stack_may_end_where_another_did_not(void **state)
{
    (void)state;
    char *stack =
        mmap(NULL, STACK_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED);
    for (int pages = STACK_PAGES; pages > STACK_PAGES / 2; pages--) {
        run_coroutine(stack, (size_t)pages * PAGE);
        assert_int_equal(mprotect(stack + (size_t)(pages - 1) * PAGE, PAGE, PROT_NONE), 0);
    }
    munmap(stack, STACK_PAGES * PAGE);
}

static void false_tables_do_no_harm(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    struct seen seen = allocate(false_caller, 1203);
    assert_int_equal(seen.objects, CALLS);
    assert_true(seen.leaf);
}

static void *plain(size_t size)
{
    void *block = opaque(malloc(size));
    __asm__ volatile("");
    return block;
}

static void a_plain_stack_is_none(void **state)
{
    (void)state;
    NEEDS_HOOKED_HEAP();
    uint64_t before = lp_losses_total();
    struct seen seen = allocate(plain, 1204);
    assert_int_equal(seen.objects, CALLS);
    assert_true(seen.leaf);
    assert_true(seen.nframes > 3);
    assert_int_equal(lp_losses_total(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_that_ends_at_once_is_a_loss),
        cmocka_unit_test(generated_code_is_a_loss),
        cmocka_unit_test(frame_pointers_lead_through_generated_code),
        cmocka_unit_test(a_stack_deeper_than_the_table_says_so),
        cmocka_unit_test(the_interrupted_frame_of_a_signal_is_exact),
        cmocka_unit_test(a_signal_at_no_code_does_no_harm),
        cmocka_unit_test(a_stack_may_end_where_another_did_not),
        cmocka_unit_test(false_tables_do_no_harm),
        cmocka_unit_test(a_plain_stack_is_none),
    };
    return cmocka_run_group_tests_name("unwind", tests, exact, NULL);
}
