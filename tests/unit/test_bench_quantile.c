/* The bench's quantiles: of several times, and of few. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quantile.h"

static void of_one_all_are_it(void **state)
{
    (void)state;
    const double one[] = {7};
    assert_true(quantile_of(one, 1, 0) == 7);
    assert_true(quantile_of(one, 1, 0.99) == 7);
    assert_true(quantile_of(one, 1, 1) == 7);
}

static void of_a_hundred_and_one(void **state)
{
    (void)state;
    double values[101];
    for (int i = 0; i < 101; i++) {
        values[i] = 100 - i;
    }
    quantile_sort(values, 101);
    assert_true(quantile_of(values, 101, 0) == 0);
    assert_true(quantile_of(values, 101, 0.1) == 10);
    assert_true(quantile_of(values, 101, 0.5) == 50);
    assert_true(quantile_of(values, 101, 0.99) == 99);
    assert_true(quantile_of(values, 101, 1) == 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_all_are_it),
        cmocka_unit_test(of_a_hundred_and_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
