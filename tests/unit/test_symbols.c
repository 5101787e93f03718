/* An address becomes function, file and line, inlined frames too, and never a wrong name. */
#include "unit.h"

#include <dlfcn.h>
#include <jansson.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "symbolize/demangle.h"
#include "symbolize/clean.h"
#include "symbolize/objects.h"
#include "symbolize/readers.h"
#include "symbolize/symbols.h"
#include "inspect/process.h"
#include "record/self.h"
#include "record/stacks.h"
#include "sys/pages.h"

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

/* A file of build/fixtures/. */
static const char *fixture(const char *name)
{
    static char path[8192];
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    snprintf(path, sizeof path, "%s/fixtures/%s", dirname(dirname(self)), name);
    return path;
}

static void close_readers(void)
{
    for (int i = 0; i <= LP_READERS_IDLE; i++)
        lp_symbols_release_idle();
}

static size_t files_opened(int watch)
{
    char events[8192];
    size_t n = 0;
    for (ssize_t got; (got = read(watch, events, sizeof events)) > 0;)
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const void *)at;
            n += (event->mask & IN_OPEN) != 0;
            at += sizeof *event + event->len;
        }
    return n;
}

/* In the program and in some libraries that it has. */
static void symbolize_everywhere(uintptr_t offset)
{
    static const char *const libraries[] = {"json_object", "inflate", "elf_begin", "malloc",
                                            "event_base_new"};
    lp_modules_refresh();
    for (size_t i = 0; i < 5; i++) {
        uintptr_t function = (uintptr_t)dlsym(RTLD_NEXT, libraries[i]);
        assert_true(function > 0);
        for (uintptr_t at = 0; at < 1024; at += 64)
            lp_symbolize(function + offset + at);
    }
    lp_symbolize((uintptr_t)symbolize_everywhere + offset);
}

/* Even for addresses that were not asked before. */
static void files_are_opened_once(void **state)
{
    (void)state;
    int watch = inotify_init1(IN_NONBLOCK);
    symbolize_everywhere(0); /* so that the objects are known */
    close_readers();
    for (size_t i = 0; i < lp_modules_count(); i++)
        if (lp_module_at(i)->path[0] == '/')
            assert_true(inotify_add_watch(watch, lp_module_at(i)->path, IN_OPEN) >= 0);
    symbolize_everywhere(0);
    assert_true(files_opened(watch) >= 5);
    /* Other programs open libraries too; but not in every one of these moments. */
    size_t opened = 1;
    for (uintptr_t at = 1; opened > 0 && at < 50; at++) {
        files_opened(watch);
        symbolize_everywhere(at);
        opened = files_opened(watch);
    }
    assert_int_equal(opened, 0);
    close(watch);
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
        assert_non_null(strstr(symbol->frames[i].file, "test_symbols.c"));
        assert_in_range(symbol->frames[i].start_line, 1, symbol->frames[i].line);
    }
}

static void a_symbol_is_kept(void **state)
{
    (void)state;
    static_function();
    uint32_t stack = lp_stack_intern(&here, 1);
    lp_modules_refresh();
    assert_ptr_equal(lp_symbolize_in(stack, here), lp_symbolize_in(stack, here));
    assert_ptr_equal(lp_symbolize(here), lp_symbolize_in(stack, here));
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
    symbol = symbol_of(jansson->image->segments[0].limit - 1);
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

static void the_vdso_has_its_names(void **state)
{
    (void)state;
    void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
    void *function = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
    if (!function)
        skip();
    const struct lp_symbol *symbol = symbol_of((uintptr_t)function + 1);
    assert_string_equal(symbol->module->path, "[vdso]");
    assert_non_null(strstr(symbol->frames[0].function, "clock_gettime"));
    assert_false(lp_symbol_is_program(symbol));
}

/* Loads build/fixtures/hidden.so or a copy of it; the function in it, or rather the call there. */
static uintptr_t load(const char *path, void **library)
{
    *library = dlopen(path, RTLD_NOW);
    assert_non_null(*library);
    void *function = dlsym(*library, "hidden_keep");
    assert_non_null(function);
    return (uintptr_t)function + 4;
}

static void debug_files_are_found_by_build_id(void **state)
{
    (void)state;
    static char root[8192];
    snprintf(root, sizeof root, "%s", fixture("debug"));
    const char *kept = lp_debug_root;
    void *library;
    uintptr_t address = load(fixture("hidden.so"), &library);
    lp_debug_root = root;
    const struct lp_symbol *symbol = symbol_of(address);
    lp_debug_root = kept;
    assert_string_equal(symbol->frames[0].function, "hidden_keep");
    assert_non_null(strstr(symbol->frames[0].file, "tests/fixtures/library.c"));
    assert_true(symbol->frames[0].line > 0);
    dlclose(library);
}

/* A copy of build/fixtures/hidden.so, and of its debug file below a root of its own. */
struct copies {
    char dir[32], library[64], root[64], debug[512];
    const char *kept_root;
};

static void run(const char *format, ...)
{
    char command[32768];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    assert_int_equal(system(command), 0);
}

static void copy_hidden(struct copies *c)
{
    char from[8192];
    snprintf(from, sizeof from, "%s", fixture(""));
    snprintf(c->dir, sizeof c->dir, "/tmp/symbols.XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    snprintf(c->library, sizeof c->library, "%s/copy.so", c->dir);
    snprintf(c->root, sizeof c->root, "%s/root", c->dir);
    run("cp '%shidden.so' %s && cp -r '%sdebug' %s", from, c->library, from, c->root);
    snprintf(from, sizeof from, "find %s -name '*.debug'", c->root);
    FILE *found = popen(from, "r");
    assert_non_null(found);
    assert_non_null(fgets(c->debug, sizeof c->debug, found));
    pclose(found);
    c->debug[strcspn(c->debug, "\n")] = '\0';
    c->kept_root = lp_debug_root;
    lp_debug_root = c->root;
}

static void remove_copies(struct copies *c)
{
    lp_debug_root = c->kept_root;
    run("rm -r %s", c->dir);
}

static void debug_files_of_another_build_are_not(void **state)
{
    (void)state;
    struct copies c;
    void *library;
    copy_hidden(&c);
    run("cp /proc/%d/exe %s", getpid(), c.debug); /* the right name for the test itself */
    const struct lp_symbol *symbol = symbol_of(load(c.library, &library));
    assert_string_equal(symbol->frames[0].function, "hidden_keep"); /* an export */
    assert_string_equal(symbol->frames[0].file, "");
    dlclose(library);
    remove_copies(&c);
}

/* A file that was mapped would raise SIGBUS. */
static void truncated_debug_files_do_no_harm(void **state)
{
    (void)state;
    struct copies c;
    void *library;
    copy_hidden(&c);
    uintptr_t address = load(c.library, &library);
    assert_true(symbol_of(address)->frames[0].line > 0);
    assert_int_equal(truncate(c.debug, 0), 0);
    const struct lp_symbol *symbol = symbol_of((uintptr_t)dlsym(library, "hidden_middle") + 4);
    assert_string_equal(symbol->frames[0].function, "hidden_middle");
    close_readers();
    symbol = symbol_of(address + 1);
    assert_string_equal(symbol->frames[0].function, "hidden_keep"); /* an export */
    assert_string_equal(symbol->frames[0].file, "");
    dlclose(library);
    remove_copies(&c);
}

/* Nobody may ever write to it. */
static void a_pipe_in_a_debug_files_place_is_not_waited_for(void **state)
{
    (void)state;
    struct copies c;
    void *library;
    copy_hidden(&c);
    run("rm %s && mkfifo %s", c.debug, c.debug);
    alarm(60); /* if it waits, it waits for ever */
    const struct lp_symbol *symbol = symbol_of(load(c.library, &library));
    alarm(0);
    assert_string_equal(symbol->frames[0].function, "hidden_keep");
    dlclose(library);
    remove_copies(&c);
}

/* Whatever a file holds, it is refused or read, and never beyond its end. */
static void damaged_debug_files_do_no_harm(void **state)
{
    (void)state;
    struct copies c;
    unsigned seed = 1;
    for (int round = 0; round < 60; round++) {
        void *library;
        copy_hidden(&c);
        FILE *file = fopen(c.debug, "r+");
        assert_non_null(file);
        fseek(file, 0, SEEK_END);
        long size = ftell(file);
        for (int i = 0; i < 40; i++) { /* the headers and the notes stay, else it is refused */
            fseek(file, 64 + rand_r(&seed) % (size - 64), SEEK_SET);
            putc(rand_r(&seed), file);
        }
        fclose(file);
        if (round % 4 == 0)
            assert_int_equal(truncate(c.debug, size - rand_r(&seed) % size), 0);
        uintptr_t address = load(c.library, &library);
        for (uintptr_t at = 0; at < 8; at++)
            assert_non_null(symbol_of(address + at)->frames[0].function);
        dlclose(library);
        remove_copies(&c);
    }
}

/* Each level would take a frame of the stack, and libdw would walk through all that are deeper. */
static void deeply_nested_debug_information_does_no_harm(void **state)
{
    (void)state;
    void *library = dlopen(fixture("nested.so"), RTLD_NOW);
    assert_non_null(library);
    const struct lp_symbol *symbol = symbol_of((uintptr_t)dlsym(library, "nested_function") + 4);
    assert_string_equal(symbol->frames[0].function, "named_before");
    dlclose(library);
}

/* What is open of files goes when nobody asks; the symbols that stacks have stay, if not too many.
 */
static void idle_memory_is_given_back(void **state)
{
    (void)state;
    int previous = lp_own_enter();
    static_function();
    uintptr_t frames[2] = {here, 1};
    uint32_t stack = lp_stack_intern(frames, 2);
    close_readers();
    lp_modules_refresh();
    int64_t pages = lp_own_bytes(LP_OWN_SYMBOLS), heap = lp_own_heap();
    const struct lp_symbol *symbol = lp_symbolize_in(stack, here);
    assert_string_equal(symbol->frames[1].function, "static_function");
    symbolize_everywhere(0);
    assert_true(lp_own_bytes(LP_OWN_SYMBOLS) > pages + 100000);
    close_readers();
    assert_true(lp_own_bytes(LP_OWN_SYMBOLS) <= pages + (512 << 10));
    assert_true(lp_own_heap() <= heap + 4096); /* paths of modules */
    assert_ptr_equal(lp_symbolize_in(stack, here), symbol);
    lp_own_leave(previous);
}

/* What an answer takes from malloc stays resident below a block that lives on. */
static void memory_of_answers_is_given_back(void **state)
{
    (void)state;
    enum { BLOCKS = 200, BYTES = 100 << 10 };
    void *blocks[BLOCKS + 1];
    int previous = lp_own_enter();
    int64_t heap = lp_own_heap();
    for (int i = 0; i <= BLOCKS; i++) {
        blocks[i] = malloc(BYTES);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, BYTES);
    }
    bool counted = lp_own_heap() > heap;
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    int64_t before = lp_rss_bytes();
    for (int i = 0; i < 3; i++)
        close_readers();
    int64_t after = lp_rss_bytes();
    free(blocks[BLOCKS]);
    lp_own_leave(previous);
    if (!counted)
        skip(); /* malloc is a sanitizer's */
    assert_true(after < before - BLOCKS * BYTES / 2);
}

/* Names of functions, but no lines, from a file whose debug information is too large. */
static void copies_of_files_have_a_limit(void **state)
{
    (void)state;
    uint64_t kept = lp_readers_max_bytes;
    static_function();
    close_readers();
    lp_readers_max_bytes = 1 << 20; /* this program has more */
    const struct lp_symbol *symbol = symbol_of((uintptr_t)lp_modules_refresh + 4);
    assert_string_equal(symbol->frames[0].function, "lp_modules_refresh");
    assert_string_equal(symbol->frames[0].file, "");
    assert_true(symbol->module->too_large);
    symbolize_everywhere(0); /* each closes others */
    assert_true(lp_own_bytes(LP_OWN_SYMBOLS) < 4 << 20);
    close_readers();
    lp_readers_max_bytes = kept;
    symbol = symbol_of((uintptr_t)lp_modules_refresh + 4);
    assert_string_equal(symbol->frames[0].function, "lp_modules_refresh");
    assert_true(symbol->frames[0].line > 0);
    assert_false(symbol->module->too_large);
}

static void addresses_without_a_stack_are_not_kept(void **state)
{
    (void)state;
    int previous = lp_own_enter();
    symbolize_everywhere(0);
    int64_t pages = lp_own_bytes(LP_OWN_SYMBOLS), heap = lp_own_heap();
    for (uintptr_t at = 0; at < 100000; at++) {
        lp_symbolize(0x1000 + at);                                /* in no object */
        lp_symbolize((uintptr_t)dlsym(RTLD_NEXT, "malloc") + at); /* in one */
    }
    assert_true(lp_own_bytes(LP_OWN_SYMBOLS) <= pages + (256 << 10));
    assert_true(lp_own_heap() <= heap + (1 << 20)); /* libdw's tables of units */
    lp_own_leave(previous);
}

static void stacks_know_what_was_there(void **state)
{
    (void)state;
    void *library;
    uintptr_t address = load(fixture("hidden.so"), &library), stack[] = {address, 1};
    uint32_t during = lp_stack_intern(stack, 1);
    dlclose(library);
    uint32_t after = lp_stack_intern(stack, 2);
    assert_int_equal(load(fixture("hidden.so"), &library), address);
    stack[1] = 2;
    uint32_t again = lp_stack_intern(stack, 2);
    lp_modules_refresh();

    /* The same object at the same place is the same module; what came in between is not its. */
    const struct lp_symbol *symbol = lp_symbolize_in(during, address);
    assert_string_equal(symbol->frames[0].function, "hidden_keep");
    assert_false(symbol->module->gone);
    assert_ptr_equal(lp_symbolize_in(again, address), symbol);
    assert_null(lp_symbolize_in(after, address)->module);
    assert_int_equal(lp_symbolize_in(after, address)->frames[0].function[0], '0');

    dlclose(library);
    lp_modules_refresh();
    assert_true(symbol->module->gone);
    assert_ptr_equal(lp_symbolize_in(during, address), symbol);
    assert_ptr_equal(lp_symbolize(address), symbol); /* nothing else is there now */
}

static void reads(const char *name, const char *wanted)
{
    char *readable = lp_demangle(name);
    assert_non_null(readable);
    assert_string_equal(readable, wanted);
    free(readable);
}

static void names_of_cplusplus_are_readable(void **state)
{
    (void)state;
    reads("_ZN4shop4takeEm", "shop::take(unsigned long)");
    reads("_ZNK4shop6BasketIcEltEm", "shop::Basket<char>::operator<(unsigned long) const");
    static const char *const others[] = {"main", "_Z", "_Zen", "", "__Z1fv", "_R", "_RN"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_null(lp_demangle(others[i]));
}

static void abridges(const char *from, size_t limit, const char *to)
{
    char text[256];
    snprintf(text, sizeof text, "%s", from);
    lp_abridge(text, limit);
    assert_string_equal(text, to);
}

static void long_names_lose_the_innermost_first(void **state)
{
    (void)state;
    abridges("f(int)", 6, "f(int)");
    abridges("a<bbbb<ccccccc> >(dddd)", 23, "a<bbbb<ccccccc> >(dddd)");
    abridges("a<bbbb<ccccccc> >(dddd)", 22, "a<bbbb<…> >(dddd)");
    abridges("a<bbbb<ccccccc> >(dddd)", 16, "a<…>(…)");
    abridges("a<b>(c)", 6, "a<b…"); /* nothing to gain inside */
    abridges("a<bbbb<ccccccc> >(dddd)", 8, "a<bbb…");
    abridges("operator<<(int, int)", 12, "operator<…");
    abridges("decltype (a->b)(ccccccccc)", 20, "decltype (…)(…)");
    abridges("ααααα", 7, "αα…");
    abridges("(((((((((((((((((((((((((((((((((((((((((x", 10, "(((((((…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_opened_once),
        cmocka_unit_test(inlined_frames_come_innermost_first),
        cmocka_unit_test(a_symbol_is_kept),
        cmocka_unit_test(a_library_has_its_dynamic_symbols),
        cmocka_unit_test(no_name_is_made_up),
        cmocka_unit_test(guilty_is_the_first_frame_of_the_program),
        cmocka_unit_test(the_vdso_has_its_names),
        cmocka_unit_test(debug_files_are_found_by_build_id),
        cmocka_unit_test(debug_files_of_another_build_are_not),
        cmocka_unit_test(truncated_debug_files_do_no_harm),
        cmocka_unit_test(a_pipe_in_a_debug_files_place_is_not_waited_for),
        cmocka_unit_test(damaged_debug_files_do_no_harm),
        cmocka_unit_test(deeply_nested_debug_information_does_no_harm),
        cmocka_unit_test(idle_memory_is_given_back),
        cmocka_unit_test(memory_of_answers_is_given_back),
        cmocka_unit_test(copies_of_files_have_a_limit),
        cmocka_unit_test(addresses_without_a_stack_are_not_kept),
        cmocka_unit_test(stacks_know_what_was_there),
        cmocka_unit_test(names_of_cplusplus_are_readable),
        cmocka_unit_test(long_names_lose_the_innermost_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
