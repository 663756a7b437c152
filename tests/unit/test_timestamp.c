/* RFC 3339 as LaunchDarkly's Go SDK reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "timestamp.h"

/* From memory of exactly the text's length: a sanitizer sees a read beyond it. */
static bool parse(const char *text, struct instant *out)
{
    const size_t length = strlen(text);
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    for (size_t i = 0; i < length; i++) {
        exact[i] = text[i];
    }
    const bool parsed = timestamp_parse(exact, length, out);
    free(exact);
    return parsed;
}

static void check(const char *text, int64_t seconds, uint32_t nanoseconds)
{
    struct instant t;
    if (!parse(text, &t)) {
        fail_msg("\"%s\" was refused", text);
    }
    assert_int_equal(t.seconds, seconds);
    assert_int_equal(t.nanoseconds, nanoseconds);
}

static void texts_name_instants(void **state)
{
    (void)state;
    check("1970-01-01T00:00:00Z", 0, 0);
    check("2017-12-06T00:00:00Z", 1512518400, 0);
    check("2017-12-06T00:00:00.000-07:00", 1512543600, 0);
    check("2017-12-06T00:00:00+01:30", 1512513000, 0);
    check("1969-12-31T23:59:59.999999999Z", -1, 999999999);
    check("0000-01-01T00:00:00Z", -62167219200, 0);
    check("9999-12-31T23:59:59Z", 253402300799, 0);
    check("2000-02-29T12:00:00Z", 951825600, 0);
    check("2017-12-06t00:00:00z", 1512518400, 0);
    check("2017-12-06T00:00:00.5Z", 1512518400, 500000000);
    check("2017-12-06T00:00:00.000000001Z", 1512518400, 1);
    check("2017-12-06T00:00:00-00:00", 1512518400, 0);
    check("2017-12-06T00:00:00+99:59", 1512518400 - 99 * 3600 - 59 * 60, 0);
}

static void what_go_lets_pass_passes(void **state)
{
    (void)state;
    check("2017-12-06T1:00:00Z", 1512518400 + 3600, 0);
    check("2017-12-06T23:59:60Z", 1512518400 + 86400, 0);
    check("2017-02-30T00:00:00Z", 1488412800, 0); /* 2 March */
    check("2017-02-31T00:00:00Z", 1488499200, 0);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2017",
        "2017-12-06",
        "2017-12-06T",
        "2017-12-06T00:00:00",
        "2017-12-06 00:00:00Z",
        "2017-12-06T24:00:00Z",
        "2017-12-06T00:60:00Z",
        "2017-12-06T00:00:61Z",
        "2017-12-06T00:00Z",
        "2017-13-06T00:00:00Z",
        "2017-00-06T00:00:00Z",
        "2017-12-00T00:00:00Z",
        "2017-12-32T00:00:00Z",
        "17-12-06T00:00:00Z",
        "02017-12-06T00:00:00Z",
        "2017-1-06T00:00:00Z",
        "2017-12-6T00:00:00Z",
        "2017-12-06T000:00:00Z",
        "2017-12-06T00:0:00Z",
        "2017-12-06T00:00:0Z",
        "2017-12-06T00:00:00.Z",
        "2017-12-06T00:00:00.1234567890Z",
        "2017-12-06T00:00:00,5Z",
        "2017-12-06T00:00:00+1:00",
        "2017-12-06T00:00:00+01:60",
        "2017-12-06T00:00:00+0100",
        "2017-12-06T00:00:00+01",
        "2017-12-06T00:00:00+01:00x",
        "2017-12-06T00:00:00Zjunk",
        "2017-12-06T00:00:00ZZ",
        "1512543600000",
        "+2017-12-06T00:00:00Z",
        "-2017-12-06T00:00:00Z",
        "2017/12/06T00:00:00Z",
        "2017-12-06T00-00-00Z",
        " 2017-12-06T00:00:00Z",
        "2017-12-06T00:00:00Z ",
        "hello",
        "2017-12-06T-1:00:00Z",
        "2017-12-06T:00:00Z",
        "2017\r12-06T00:00:00Z",
    };
    struct instant t;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(bad[i], &t)) {
            fail_msg("\"%s\" was accepted", bad[i]);
        }
    }
    assert_false(timestamp_parse("2017-12-06T00:00:00Z\0", 21, &t));
}

static void every_prefix_of_a_timestamp_is_refused(void **state)
{
    (void)state;
    static const char text[] = "2017-12-06T00:00:00.123456789+01:00";
    struct instant t;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        assert_false(timestamp_parse(text, n, &t));
    }
    assert_true(timestamp_parse(text, sizeof text - 1, &t));
}

static void numbers_are_milliseconds_truncated_toward_zero(void **state)
{
    (void)state;
    struct instant t = timestamp_of_ms(1512543600123.9);
    assert_int_equal(t.seconds, 1512543600);
    assert_int_equal(t.nanoseconds, 123000000);
    t = timestamp_of_ms(-0.9);
    assert_int_equal(t.seconds, 0);
    assert_int_equal(t.nanoseconds, 0);
    t = timestamp_of_ms(-1.9);
    assert_int_equal(t.seconds, -1);
    assert_int_equal(t.nanoseconds, 999000000);
    t = timestamp_of_ms(-2000);
    assert_int_equal(t.seconds, -2);
    assert_int_equal(t.nanoseconds, 0);
}

static void numbers_saturate(void **state)
{
    (void)state;
    const struct instant most = timestamp_of_ms(1e300);
    const struct instant least = timestamp_of_ms(-1e300);
    assert_int_equal(most.seconds, INT64_MAX / 1000);
    assert_true(timestamp_compare(least, most) < 0);
    assert_int_equal(timestamp_compare(timestamp_of_ms(INFINITY), most), 0);
    assert_int_equal(timestamp_compare(timestamp_of_ms(0x1p63), most), 0);
    assert_int_equal(timestamp_compare(timestamp_of_ms(-INFINITY), least), 0);
    assert_int_equal(timestamp_compare(timestamp_of_ms(NAN), timestamp_of_ms(0)), 0);
}

static void instants_are_compared_and_not_texts(void **state)
{
    (void)state;
    struct instant a;
    struct instant b;
    assert_true(parse("2017-12-06T00:00:00+02:00", &a));
    assert_true(parse("2017-12-05T22:00:00Z", &b));
    assert_int_equal(timestamp_compare(a, b), 0);
    assert_true(parse("2017-12-05T22:00:00.000000001Z", &b));
    assert_true(timestamp_compare(a, b) < 0);
    assert_true(timestamp_compare(b, a) > 0);
    assert_int_equal(timestamp_compare(a, timestamp_of_ms(1512511200000)), 0);
    assert_true(timestamp_compare(b, timestamp_of_ms(1512511200001)) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_name_instants),
        cmocka_unit_test(what_go_lets_pass_passes),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(every_prefix_of_a_timestamp_is_refused),
        cmocka_unit_test(numbers_are_milliseconds_truncated_toward_zero),
        cmocka_unit_test(numbers_saturate),
        cmocka_unit_test(instants_are_compared_and_not_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
