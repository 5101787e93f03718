/* Which object an address belonged to is noted without waiting for the loader, and without a trace.
 */
#include "unit.h"
#include "hidden.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "record/loaded.h"
#include "record/self.h"
#include "record/stacks.h"

static void *load(uintptr_t *address)
{
    void *library = dlopen(hidden_path(), RTLD_NOW);
    assert_non_null(library);
    *address = (uintptr_t)dlsym(library, "hidden_keep") + 4;
    return library;
}

static bool holds(const struct lp_loaded *loaded, uintptr_t address)
{
    for (uint32_t i = 0; i < loaded->image->nsegments; i++)
        if (address >= loaded->image->segments[i].start &&
            address < loaded->image->segments[i].limit)
            return true;
    return false;
}

/* How many records hold the address at this stack's time; the last of them. */
static int records_of(uintptr_t address, uint32_t stack, struct lp_loaded *found)
{
    int n = 0;
    for (uint32_t i = 0; i < lp_loaded_count(); i++) {
        struct lp_loaded loaded;
        if (!lp_loaded_get(i, &loaded) || !holds(&loaded, address) || stack < loaded.from ||
            stack >= loaded.to)
            continue;
        *found = loaded;
        n++;
    }
    return n;
}

static void the_program_is_first(void **state)
{
    (void)state;
    struct lp_loaded loaded;
    assert_true(lp_loaded_get(0, &loaded));
    assert_string_equal(loaded.image->name, "");
    assert_true(holds(&loaded, (uintptr_t)the_program_is_first));
    assert_int_equal(loaded.from, 0);
    assert_int_equal(loaded.to, LP_LOADED_PRESENT);
}

static void a_new_stack_notes_its_objects_once(void **state)
{
    (void)state;
    uintptr_t frames[] = {(uintptr_t)json_object + 1, (uintptr_t)load + 1, (uintptr_t)crc32 + 1,
                          (uintptr_t)json_array + 1};
    struct lp_loaded loaded;
    uint32_t first = lp_stack_intern(frames, 4);
    frames[1]++;
    uint32_t second = lp_stack_intern(frames, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(records_of(frames[i], first, &loaded), 1);
        assert_int_equal(records_of(frames[i], second, &loaded), 1);
    }
    assert_non_null(strstr(loaded.image->name, "libjansson"));
    assert_int_equal(loaded.image->name[0], '/');
    assert_true(strlen(loaded.image->build_id) >= 16);
}

static void what_was_unloaded_ends_and_begins_again(void **state)
{
    (void)state;
    uintptr_t stack[2], address;
    struct lp_loaded before, after;
    void *library = load(&address);
    stack[0] = address;
    stack[1] = 1;
    uint32_t during = lp_stack_intern(stack, 2);
    dlclose(library);
    stack[1] = 2;
    uint32_t between = lp_stack_intern(stack, 2);
    uintptr_t again;
    library = load(&again);
    if (again != address)
        skip();
    stack[1] = 3;
    uint32_t later = lp_stack_intern(stack, 2);
    assert_int_equal(records_of(address, during, &before), 1);
    assert_int_equal(records_of(address, between, &after), 0);
    assert_int_equal(records_of(address, later, &after), 1);
    assert_int_equal(before.first, after.first);
    assert_int_equal(after.to, LP_LOADED_PRESENT);
    dlclose(library);
}

static sem_t inside, closed;

static int wait_inside(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info, (void)size, (void)arg;
    sem_post(&inside);
    while (sem_wait(&closed) != 0)
        ;
    return 1;
}

static void *hold_the_loaders_lock(void *arg)
{
    dl_iterate_phdr(wait_inside, NULL);
    return arg;
}

/* dlclose() of what has another user does not wait for that lock, and neither may its hook. */
static void dlclose_does_not_wait_for_the_loaders_lock(void **state)
{
    (void)state;
#ifdef LP_SANITIZE_thread
    skip(); /* its runtime walks the loader's list in dlclose(), and waits for that lock itself */
#endif
    uintptr_t address;
    void *library = load(&address), *again = load(&address);
    pthread_t holder;
    sem_init(&inside, 0, 0);
    sem_init(&closed, 0, 0);
    assert_int_equal(pthread_create(&holder, NULL, hold_the_loaders_lock, NULL), 0);
    while (sem_wait(&inside) != 0)
        ;
    alarm(60); /* if it waits, it waits for ever */
    assert_int_equal(dlclose(again), 0);
    alarm(0);
    sem_post(&closed);
    pthread_join(holder, NULL);
    dlclose(library);
}

static uintptr_t in_signal;
static uint32_t of_signal;

static void on_signal(int signal)
{
    (void)signal;
    errno = 1234;
    of_signal = lp_stack_intern(&in_signal, 1);
    assert_int_equal(errno, 1234);
}

static void an_object_can_be_noted_in_a_signal_handler(void **state)
{
    (void)state;
    struct lp_loaded loaded;
    void *library = load(&in_signal);
    in_signal++; /* a stack that was not there yet */
    int64_t heap = lp_own_heap();
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    assert_int_equal(records_of(in_signal, of_signal, &loaded), 1);
    assert_non_null(strstr(loaded.image->name, "hidden.so"));
    assert_int_equal(lp_own_heap(), heap);
    dlclose(library);
}

enum { THREADS = 8, STACKS = 200 };
static pthread_barrier_t together;
static uint32_t noted[THREADS][STACKS];
static uintptr_t shared;

static void *note_together(void *arg)
{
    uint32_t *numbers = arg;
    uintptr_t frames[2] = {shared, (uintptr_t)arg};
    pthread_barrier_wait(&together);
    for (int i = 0; i < STACKS; i++, frames[1]++)
        numbers[i] = lp_stack_intern(frames, 2);
    return NULL;
}

static void threads_that_note_together_make_one_record(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    void *library = load(&shared);
    struct lp_loaded loaded;
    pthread_barrier_init(&together, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_together, noted[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int k = 0; k < STACKS; k++)
            assert_int_equal(records_of(shared, noted[i][k], &loaded), 1);
    pthread_barrier_destroy(&together);
    dlclose(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_is_first),
        cmocka_unit_test(a_new_stack_notes_its_objects_once),
        cmocka_unit_test(what_was_unloaded_ends_and_begins_again),
        cmocka_unit_test(dlclose_does_not_wait_for_the_loaders_lock),
        cmocka_unit_test(an_object_can_be_noted_in_a_signal_handler),
        cmocka_unit_test(threads_that_note_together_make_one_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
