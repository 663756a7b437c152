/* SemVer 2.0.0 with optional minor and patch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "semver.h"

/* Version texts that are not NUL-terminated: the parser may not read on. */
static bool parse(const char *text, struct semver *out)
{
    static char copies[4][128];
    static unsigned next;
    char *copy = copies[next++ % 4];
    const size_t length = strlen(text);
    memset(copy, '9', sizeof copies[0]);
    for (size_t i = 0; i < length; i++) {
        copy[i] = text[i];
    }
    return semver_parse(copy, length, out);
}

static int compare(const char *a, const char *b)
{
    struct semver x;
    struct semver y;
    assert_true(parse(a, &x));
    assert_true(parse(b, &y));
    const int order = semver_compare(&x, &y);
    const int reverse = semver_compare(&y, &x);
    assert_true((order < 0) == (reverse > 0) && (order == 0) == (reverse == 0));
    return (order > 0) - (order < 0);
}

static void versions_have_three_numbers_a_prerelease_and_a_build(void **state)
{
    (void)state;
    struct semver v;
    assert_true(parse("1.22.333-rc.4+build.05", &v));
    assert_int_equal(v.major, 1);
    assert_int_equal(v.minor, 22);
    assert_int_equal(v.patch, 333);
    assert_int_equal(v.prerelease_length, 4);
    assert_memory_equal(v.prerelease, "rc.4", 4);
}

static void minor_and_patch_may_be_missing(void **state)
{
    (void)state;
    assert_int_equal(compare("2", "2.0.0"), 0);
    assert_int_equal(compare("2.0", "2.0.0"), 0);
    assert_int_equal(compare("2-rc1", "2.0.0-rc1"), 0);
    assert_int_equal(compare("2.0+b", "2.0.0"), 0);
    assert_int_equal(compare("2.1-rc", "2.1.0"), -1);
}

static void what_the_grammar_does_not_allow_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "v2",
        " 2",         "2 ",
        "02",         "2.01",
        "2.0.00",     "2.0.0.0",
        "2.",         "2..0",
        ".2",         "-1",
        "2.-1",       "2.0.0-",
        "2.0.0+",     "2.0.0-a..b",
        "2.0.0-.",    "2.0.0-a.",
        "2.0.0-01",   "2.0.0-a.00",
        "2.0.0+a+b",  "2.0.0-a_b",
        "2.0.0+a..b", "a",
        "2.x",        "2.0.0-\xc3\xa4",
        "1e3",        "+2",
        "2.0.0+",     "2-",
        "2+",         "99999999999999999999x",
    };
    struct semver v;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i], &v)) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
    }
    assert_false(semver_parse("2\0", 2, &v));
}

static void unusual_versions_of_the_grammar_are_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {"0",       "0.0.0",        "0.0.0-0",      "1.0.0--",
                                       "1.0.0-a", "1.0.0-0a.01b", "1.0.0+001",    "1.0.0+-.-",
                                       "1-1+1",   "1.0.0--1",     "1.0.0-x-y-z.-"};
    struct semver v;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!parse(good[i], &v)) {
            fail_msg("\"%s\" was refused", good[i]);
        }
    }
}

static void the_order_is_that_of_the_specification(void **state)
{
    (void)state;
    static const char *const rising[] = {
        "0.0.0-0",
        "0.0.1",
        "0.1.0",
        "0.9.10",
        "1.0.0-0",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-99999999999999999999",
        "1.0.0-100000000000000000000",
        "1.0.0--",
        "1.0.0-A",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.1.0",
        "1.0.0-alpha.beta",
        "1.0.0-alpha-",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.1-a",
        "1.0.1",
        "1.2.0",
        "1.10.0",
        "2",
        "10.0.0",
    };
    const size_t count = sizeof rising / sizeof rising[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            const int want = (i > j) - (i < j);
            if (compare(rising[i], rising[j]) != want) {
                fail_msg("%s against %s", rising[i], rising[j]);
            }
        }
    }
}

static void build_metadata_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(compare("2.0.0+1", "2"), 0);
    assert_int_equal(compare("2.0.0-a+1", "2.0.0-a+2.x"), 0);
}

static void numbers_saturate(void **state)
{
    (void)state;
    struct semver v;
    assert_true(parse("18446744073709551615.18446744073709551616.99999999999999999999999", &v));
    assert_true(v.major == UINT64_MAX && v.minor == UINT64_MAX && v.patch == UINT64_MAX);
    assert_true(parse("18446744073709551614", &v));
    assert_true(v.major == UINT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_have_three_numbers_a_prerelease_and_a_build),
        cmocka_unit_test(minor_and_patch_may_be_missing),
        cmocka_unit_test(what_the_grammar_does_not_allow_is_refused),
        cmocka_unit_test(unusual_versions_of_the_grammar_are_accepted),
        cmocka_unit_test(the_order_is_that_of_the_specification),
        cmocka_unit_test(build_metadata_does_not_count),
        cmocka_unit_test(numbers_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
