/* Circles among threads that wait for each other, against a search that follows each thread n
 * times. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/deadlock.h"

enum { MOST = 200, ROUNDS = 20000 };

static uint8_t expected(const size_t *next, size_t n, size_t first)
{
    size_t at = first;
    for (size_t step = 0; step < n; step++) {
        at = at < n ? next[at] : n;
        if (at == first)
            return LP_DEADLOCK_MEMBER;
    }
    return at < n ? LP_DEADLOCK_BEHIND : LP_DEADLOCK_NO; /* it walks for ever, elsewhere */
}

static void check(const size_t *next, size_t n)
{
    uint8_t found[MOST + 1];
    memset(found, 0xaa, sizeof found);
    lp_deadlock_find(next, n, found);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(found[i], expected(next, n, i));
    assert_int_equal(found[n], 0xaa);
}

static void small_cases(void **state)
{
    (void)state;
    check(NULL, 0);
    check((size_t[]){1}, 1);             /* waits for nobody */
    check((size_t[]){0}, 1);             /* for itself */
    check((size_t[]){1, 0}, 2);          /* two */
    check((size_t[]){1, 2, 0, 0, 3}, 5); /* three, with two behind them */
    check((size_t[]){1, 2, 3, 4}, 4);    /* a queue */
    check((size_t[]){1, 0, 3, 2, 0}, 5); /* two circles */
}

static void random_cases(void **state)
{
    (void)state;
    unsigned seed = 4711;
    size_t next[MOST];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = (size_t)rand_r(&seed) % (round % 100 ? 12 : MOST);
        for (size_t i = 0; i < n; i++)
            next[i] = (size_t)rand_r(&seed) % (n + 1 + (size_t)round % 3 * n / 2);
        for (size_t i = 0; i < n; i++)
            next[i] = next[i] < n ? next[i] : n;
        check(next, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cases),
        cmocka_unit_test(random_cases),
    };
    return cmocka_run_group_tests_name("deadlock", tests, NULL, NULL);
}
