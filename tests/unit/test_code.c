/* Where code is: in what is loaded, and in memory that the program made executable, also after the
 * first thread has ended. */
#include "unit.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "record/code.h"
#include "sys/file.h"
#include "sys/pages.h"

static uintptr_t map_code(int protection)
{
    void *page = mmap(NULL, LP_PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    return (uintptr_t)page;
}

static void code_of_objects_is_known(void **state)
{
    int on_the_stack;
    (void)state;
    assert_true(lp_code_at((uintptr_t)code_of_objects_is_known));
    assert_true(lp_code_at((uintptr_t)getpid));
    assert_false(lp_code_at((uintptr_t)&on_the_stack));
    assert_false(lp_code_at(4));
}

static void generated_code_is_known_after_a_refresh(void **state)
{
    uintptr_t page = map_code(PROT_READ | PROT_EXEC);
    (void)state;
    assert_false(lp_code_at(page));
    assert_true(lp_code_stale());
    lp_code_refresh();
    assert_true(lp_code_at(page));
    munmap((void *)page, LP_PAGE);
}

static void *look(void *arg)
{
    uintptr_t page = map_code(PROT_READ | PROT_EXEC);
    char byte[2];
    while (lp_file_read("/proc/self/maps", byte, sizeof byte) > 0)
        usleep(1000);
    lp_code_refresh();
    _exit(lp_code_at(page) ? 0 : 1);
    return arg;
}

/* /proc/self is a zombie's then. */
static void generated_code_is_known_after_the_first_thread_ended(void **state)
{
    int status = -1;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, look, NULL) == 0)
            pthread_exit(NULL);
        _exit(2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_of_objects_is_known),
        cmocka_unit_test(generated_code_is_known_after_a_refresh),
        cmocka_unit_test(generated_code_is_known_after_the_first_thread_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
