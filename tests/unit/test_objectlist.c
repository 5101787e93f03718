/* The list of loaded objects for an older glibc is what a newer one finds, in every thread and
 * handler. */
#include "unit.h"
#include "hidden.h"

#include <dlfcn.h>
#include <iconv.h>
#include <libgen.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "record/findobject.h"

#ifndef LP_OBJECT_LIST
#define NEEDS_LIST() skip()
#define lp_object_list_find(address, found) lp_find_object((void *)(address), found)
#define lp_object_list_refresh() lp_find_object_refresh()
#define lp_object_list_stale() false
#else
#define NEEDS_LIST()
#endif

static int objects;

static int compare(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD)
            continue;
        for (int last = 0; last < 2; last++) {
            uintptr_t address =
                info->dlpi_addr + segment->p_vaddr + (last ? segment->p_memsz - 1 : 0);
            struct lp_found found;
            assert_true(lp_object_list_find(address, &found));
            assert_true((uintptr_t)found.start <= address && address < (uintptr_t)found.end);
            assert_string_equal(found.map->l_name, found.loader_map->l_name);
            assert_ptr_equal(found.map->l_ld, found.loader_map->l_ld);
            assert_int_equal(found.map->l_addr, info->dlpi_addr);
#if __GLIBC_PREREQ(2, 35)
            struct dl_find_object real;
            assert_int_equal(_dl_find_object((void *)address, &real), 0);
            assert_ptr_equal(found.loader_map, real.dlfo_link_map);
            assert_ptr_equal(found.start, real.dlfo_map_start);
            assert_ptr_equal(found.eh_frame, real.dlfo_eh_frame);
#endif
        }
    }
    objects++;
    return 0;
}

static void every_object_is_found(void **state)
{
    (void)state;
    NEEDS_LIST();
    lp_object_list_refresh();
    dl_iterate_phdr(compare, NULL);
    assert_true(objects > 5);
}

static void nothing_is_found_elsewhere(void **state)
{
    (void)state;
    int local;
    struct lp_found found;
    assert_false(lp_object_list_find(0, &found));
    assert_false(lp_object_list_find((uintptr_t)&local, &found));
    assert_false(lp_object_list_find(UINTPTR_MAX, &found));
}

static void what_is_loaded_and_unloaded_is_followed(void **state)
{
    (void)state;
    NEEDS_LIST();
    struct lp_found found, before;
    void *library = dlopen(hidden_path(), RTLD_NOW);
    assert_non_null(library);
    uintptr_t address = (uintptr_t)dlsym(library, "hidden_keep");
    assert_true(lp_object_list_find(address, &found)); /* without a refresh of ours */
    assert_non_null(strstr(found.map->l_name, "hidden.so"));
    before = found;
    lp_object_list_refresh();
    assert_true(lp_object_list_find(address, &found));
    assert_ptr_equal(found.map, before.map); /* it keeps its copy */
    assert_int_equal(dlclose(library), 0);
    assert_false(lp_object_list_find(address, &found));
    assert_non_null(strstr(before.map->l_name, "hidden.so")); /* which can still be read */
}

static int count(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info, (void)size;
    ++*(int *)arg;
    return 0;
}

static void what_libc_loads_itself_is_found_later(void **state)
{
    (void)state;
    NEEDS_LIST();
    int before = 0, after = 0;
    lp_find_object_refresh();
    assert_false(lp_object_list_stale());
    dl_iterate_phdr(count, &before);
    iconv_t converter = iconv_open("UTF-8", "KOI8-R");
    dl_iterate_phdr(count, &after);
    if (after == before)
        skip();
    assert_true(lp_object_list_stale());
    lp_find_object_refresh();
    assert_false(lp_object_list_stale());
    dl_iterate_phdr(compare, NULL);
    iconv_close(converter);
}

static _Atomic bool ended;
static _Atomic int missed, seen;

static void look(int signal)
{
    struct lp_found found;
    (void)signal;
    bool good = lp_object_list_find((uintptr_t)crc32, &found) && found.map->l_name[0] &&
                !lp_object_list_find((uintptr_t)&found, &found);
    atomic_fetch_add(&missed, !good);
    atomic_fetch_add(&seen, 1);
}

static void *read_always(void *arg)
{
    while (!atomic_load(&ended))
        look(0);
    return arg;
}

/* The handler interrupts the writer, too. */
static void readers_never_miss_an_object(void **state)
{
    (void)state;
    NEEDS_LIST();
    NEEDS_SIGNALS();
    pthread_t reader;
    struct sigaction action = {.sa_handler = look, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec often = {{0, 100000}, {0, 100000}};
    assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_always, NULL), 0);
    timer_settime(timer, 0, &often, NULL);
    for (int i = 0; i < 2000; i++)
        dlclose(dlopen(hidden_path(), RTLD_NOW));
    timer_delete(timer);
    atomic_store(&ended, true);
    pthread_join(reader, NULL);
    assert_true(atomic_load(&seen) > 100);
    assert_int_equal(atomic_load(&missed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_object_is_found),
        cmocka_unit_test(nothing_is_found_elsewhere),
        cmocka_unit_test(what_is_loaded_and_unloaded_is_followed),
        cmocka_unit_test(what_libc_loads_itself_is_found_later),
        cmocka_unit_test(readers_never_miss_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
