/* Which CPUs the bench measures on: of each core the first that it may use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench_cpus.h"

static int first(const char *list, int allowed, int other)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)allowed, &set);
    CPU_SET((unsigned)other, &set);
    return bench_first_allowed(list, &set);
}

static void the_first_of_a_list(void **state)
{
    (void)state;
    assert_int_equal(first("1,65\n", 1, 65), 1);
    assert_int_equal(first("0-1\n", 0, 1), 0);
    assert_int_equal(first("5\n", 5, 6), 5);
}

static void not_what_is_not_allowed(void **state)
{
    (void)state;
    assert_int_equal(first("1,65\n", 65, 3), 65);
    assert_int_equal(first("0-3,8-9\n", 9, 7), 9);
    assert_int_equal(first("0-3\n", 2, 7), 2);
    assert_int_equal(first("0-3\n", 4, 5), -1);
    assert_int_equal(first("", 4, 5), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_a_list),
        cmocka_unit_test(not_what_is_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
