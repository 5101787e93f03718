/* An address becomes function, file and line, inlined frames too, and never a wrong name. */
#include "unit.h"

#include <jansson.h>
#include <string.h>

#include "export/symbols.h"
#include "tables/stacks.h"

static uintptr_t here, inlined_line, caller_line;

/* The address of the next instruction. */
static __attribute__((noinline)) uintptr_t return_address(void)
{
    return (uintptr_t)__builtin_return_address(0) - 1;
}

static inline __attribute__((always_inline)) void inlined_function(void)
{
    inlined_line = __LINE__ + 1;
    here = return_address();
}

static __attribute__((noinline)) void static_function(void)
{
    caller_line = __LINE__ + 1;
    inlined_function();
    __asm__ volatile("");
}

static const struct lp_symbol *symbol_of(uintptr_t address)
{
    lp_modules_refresh();
    return lp_symbolize(address);
}

static void inlined_frames_come_innermost_first(void **state)
{
    (void)state;
    static_function();
    const struct lp_symbol *symbol = symbol_of(here);
    assert_int_equal(symbol->nframes, 2);
    assert_string_equal(symbol->frames[0].function, "inlined_function");
    assert_int_equal(symbol->frames[0].line, inlined_line);
    assert_string_equal(symbol->frames[1].function, "static_function");
    assert_int_equal(symbol->frames[1].line, caller_line);
    assert_int_equal(symbol->entry, (uintptr_t)static_function);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(symbol->frames[i].file[0], '/');
        assert_non_null(strstr(symbol->frames[i].file, "test_export_symbols.c"));
        assert_in_range(symbol->frames[i].start_line, 1, symbol->frames[i].line);
    }
}

static void an_answer_is_kept(void **state)
{
    (void)state;
    static_function();
    assert_ptr_equal(symbol_of(here), symbol_of(here));
}

static void a_library_has_its_dynamic_symbols(void **state)
{
    (void)state;
    const struct lp_symbol *symbol = symbol_of((uintptr_t)json_object + 1);
    assert_string_equal(symbol->frames[0].function, "json_object");
    assert_false(lp_symbol_is_program(symbol));
    assert_non_null(strstr(symbol->module->path, "libjansson"));
}

static void no_name_is_made_up(void **state)
{
    (void)state;
    const struct lp_symbol *symbol = symbol_of(0x1234);
    assert_string_equal(symbol->frames[0].function, "0x1234");
    assert_null(symbol->module);
    assert_false(lp_symbol_is_program(symbol));

    /* The padding after the last function of an object belongs to none. */
    const struct lp_module *jansson = symbol_of((uintptr_t)json_object)->module;
    symbol = symbol_of(jansson->limit - 1);
    assert_non_null(strstr(symbol->frames[0].function, "libjansson"));
    assert_non_null(strstr(symbol->frames[0].function, "+0x"));
}

static void guilty_is_the_first_frame_of_the_program(void **state)
{
    (void)state;
    static_function();
    lp_modules_refresh();
    uintptr_t stack[] = {(uintptr_t)json_object + 1, here, (uintptr_t)return_address + 1};
    const struct lp_frame *frame = lp_guilty_frame(lp_stack_intern(stack, 3));
    assert_non_null(frame);
    assert_string_equal(frame->function, "inlined_function");
    assert_null(lp_guilty_frame(lp_stack_intern(stack, 1)));
    assert_null(lp_guilty_frame(LP_STACK_EARLIER));
    assert_null(lp_guilty_frame(LP_STACK_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inlined_frames_come_innermost_first),
        cmocka_unit_test(an_answer_is_kept),
        cmocka_unit_test(a_library_has_its_dynamic_symbols),
        cmocka_unit_test(no_name_is_made_up),
        cmocka_unit_test(guilty_is_the_first_frame_of_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
