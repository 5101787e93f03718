/* Claim: the limits are the lowest of the machine's and the process's own, and never nothing. */
#include "unit.h"

#include <sys/resource.h>
#include <unistd.h>

#include "leakprof_server.h"

static void lower(__rlimit_resource_t resource, rlim_t to)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(resource, &limit), 0);
    limit.rlim_cur = to;
    assert_int_equal(setrlimit(resource, &limit), 0);
}

static void test_rlimits(void **state)
{
    (void)state;
    struct leakprof_limits machine, limits;
    leakprof_limits(&machine);
    assert_true(machine.memory > 0);
    assert_true(machine.memory <= (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    assert_true(machine.threads > 1);
    assert_true(machine.fds > 64);

    lower(RLIMIT_NOFILE, 64);
    lower(RLIMIT_NPROC, (rlim_t)machine.threads - 1);
    leakprof_limits(&limits);
    assert_int_equal(limits.fds, 64);
    assert_int_equal(limits.threads, machine.threads - 1);
    assert_int_equal(limits.memory, machine.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rlimits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
