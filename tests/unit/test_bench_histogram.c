/* The bench's histogram of times: three significant digits at every magnitude. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "histogram.h"

static struct histogram h;

static int empty(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    return 0;
}

/* What comes back of a value. */
static uint64_t kept(uint64_t value)
{
    empty(NULL);
    histogram_add(&h, value);
    h.max = UINT64_MAX; /* the slot alone decides */
    return histogram_at(&h, 1);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 2048; value++) {
        assert_int_equal(kept(value), value);
    }
    assert_int_equal(kept(2048), 2049);
}

static void larger_ones_are_kept_to_a_thousandth(void **state)
{
    (void)state;
    for (uint64_t power = 2048; power <= HISTOGRAM_MOST / 2; power *= 2) {
        for (uint64_t value = power - 1; value < 2 * power; value += power / 64 + 1) {
            const uint64_t back = kept(value);
            assert_true(back >= value);
            assert_true(back - value <= value / 1000);
        }
    }
}

static void slots_follow_each_other(void **state)
{
    (void)state;
    unsigned last = 0;
    for (uint64_t value = 1; value < 1u << 20; value++) {
        const unsigned slot = histogram_slot(value);
        assert_true(slot == last || slot == last + 1);
        last = slot;
    }
    assert_int_equal(histogram_slot(HISTOGRAM_MOST), HISTOGRAM_SLOTS - 1);
}

static void what_is_too_large_counts_as_the_largest(void **state)
{
    (void)state;
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(histogram_at(&h, 0.5), HISTOGRAM_MOST);
}

static void fractions_are_of_all_values(void **state)
{
    (void)state;
    for (uint64_t value = 1; value <= 1000; value++) {
        histogram_add(&h, value);
    }
    assert_int_equal(histogram_at(&h, 0), 1);
    assert_int_equal(histogram_at(&h, 0.5), 500);
    assert_int_equal(histogram_at(&h, 0.99), 990);
    assert_int_equal(histogram_at(&h, 0.999), 999);
    assert_int_equal(histogram_at(&h, 1), 1000);
    assert_int_equal(histogram_above(&h, 990), 10);
    assert_int_equal(histogram_above(&h, 1000), 0);
}

static void the_largest_is_told_as_it_was(void **state)
{
    (void)state;
    histogram_add(&h, 1000001);
    assert_int_equal(histogram_at(&h, 1), 1000001);
}

static void nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(histogram_at(&h, 0.5), 0);
    assert_int_equal(histogram_above(&h, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(small_values_are_exact, empty),
        cmocka_unit_test_setup(larger_ones_are_kept_to_a_thousandth, empty),
        cmocka_unit_test_setup(slots_follow_each_other, empty),
        cmocka_unit_test_setup(what_is_too_large_counts_as_the_largest, empty),
        cmocka_unit_test_setup(fractions_are_of_all_values, empty),
        cmocka_unit_test_setup(the_largest_is_told_as_it_was, empty),
        cmocka_unit_test_setup(nothing_is_zero, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
