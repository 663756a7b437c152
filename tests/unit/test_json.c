/* JSON in place: RFC 8259 to the letter, whatever the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "json_write.h"

/* From memory of exactly the text's length: a sanitizer sees a read beyond it. */
static int check_bytes(const char *text, size_t length, size_t max_escaped, size_t *at)
{
    struct json_slice slice;
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    const int error = json_check(exact, length, max_escaped, &slice, at);
    free(exact);
    return error;
}

static struct json_slice parse(const char *text)
{
    struct json_slice slice = {JSON_END, NULL, 0};
    if (json_check(text, strlen(text), 0, &slice, NULL) != FFSHM_OK) {
        fail_msg("%s was refused", text);
    }
    return slice;
}

static void assert_slice(struct json_slice slice, enum json_type type, const char *text)
{
    assert_int_equal(slice.type, type);
    assert_int_equal(slice.length, strlen(text));
    assert_memory_equal(slice.text, text, slice.length);
}

static void valid_texts_are_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0e-0",
        "12.5E+3",
        "1e5",
        "\"\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        " \t\r\n[ 1 , 2 ] \n",
        "[[],[[]],{}]",
        "{\"a\":1,\"a\":{\"b\":[true,false,null]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFFFF\\ud83d\\uDE00\"",
        ("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
         "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
        "{\"\":\"\"}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (check_bytes(good[i], strlen(good[i]), 0, NULL) != FFSHM_OK) {
            fail_msg("%s was refused", good[i]);
        }
    }
}

static void invalid_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "tru",
        "falsey",
        "undefined",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1.e5",
        "1e",
        "1e+",
        "1e5.5",
        "0x10",
        "1 2",
        "--1",
        "-a",
        "\"",
        "\"a",
        "'a'",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"\\u",
        "\"\t\"",
        "\"\n\"",
        "\"\x1f\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "[1:2]",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\",1}",
        "{\"a\":1]",
        "{\"a\":}",
        "[]]",
        "{}{}",
        "[] x",
        "//",
        "[1]/**/",
        "\xef\xbb\xbf[]",
        "\xa0 1",
        "{\"a\":1 \"b\":2}",
        "{\"a\"}",
        "[\"a\" : 1]",
        "{null:1}",
        /* lone, reversed and half surrogates */
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
        "\"\\ud800\\u0041\"",
        "\"\\ud800\\u\"",
        /* not UTF-8: stray, overlong, surrogates, beyond 10ffff, cut short */
        "\"\x80\"",
        "\"\xbf\"",
        "\"\xc0\x80\"",
        "\"\xc1\xbf\"",
        "\"\xe0\x80\x80\"",
        "\"\xe0\x9f\xbf\"",
        "\"\xed\xa0\x80\"",
        "\"\xed\xbf\xbf\"",
        "\"\xf0\x80\x80\x80\"",
        "\"\xf0\x8f\xbf\xbf\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xff\"",
        "\"\xc2\"",
        "\"\xe1\x80\"",
        "\"\xf1\x80\x80\"",
        "\"\xc2",
        "\"\xe1\x80",
        "\"\xf1\x80\x80",
        "\"\xe1\x80\x41\"",
        "\"\xc2\x41\"",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (check_bytes(bad[i], strlen(bad[i]), 0, NULL) == FFSHM_OK) {
            fail_msg("%s was accepted", bad[i]);
        }
    }
    assert_int_equal(check_bytes("1\0", 2, 0, NULL), FFSHM_BAD_JSON);
    assert_int_equal(check_bytes("\"\0\"", 3, 0, NULL), FFSHM_BAD_JSON);
    assert_int_equal(check_bytes("\"\\\0\"", 4, 0, NULL), FFSHM_BAD_JSON);
}

static void the_place_of_the_fault_is_told(void **state)
{
    (void)state;
    size_t at = 99;
    assert_int_equal(check_bytes("", 0, 0, &at), FFSHM_BAD_JSON);
    assert_int_equal(at, 0);
    assert_int_equal(check_bytes("{\"a\":x}", 7, 0, &at), FFSHM_BAD_JSON);
    assert_int_equal(at, 5);
    assert_int_equal(check_bytes("[1,2}", 5, 0, &at), FFSHM_BAD_JSON);
    assert_int_equal(at, 4);
    assert_int_equal(check_bytes("\"ab\\q\"", 6, 0, &at), FFSHM_BAD_JSON);
    assert_int_equal(at, 3);
    assert_int_equal(check_bytes("[] []", 5, 0, &at), FFSHM_BAD_JSON);
    assert_int_equal(at, 3);
}

static void every_prefix_of_a_text_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\\u00e9\":[1.5e-3,true,false,null,\"\xc3\xa9\\ud83d\\ude00\",{}]}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        assert_int_equal(check_bytes(text, n, 0, NULL), FFSHM_BAD_JSON);
    }
    assert_int_equal(check_bytes(text, sizeof text - 1, 0, NULL), FFSHM_OK);
}

static void containers_nest_64_deep_and_no_deeper(void **state)
{
    (void)state;
    enum { DEPTH = JSON_MAX_DEPTH };
    char text[2 * DEPTH + 2];
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    assert_int_equal(check_bytes(text, sizeof text - 2, 0, NULL), FFSHM_OK);
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_int_equal(check_bytes(text, sizeof text, 0, NULL), FFSHM_BAD_JSON);

    char *deep = malloc(1000000);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    assert_int_equal(check_bytes(deep, 1000000, 0, NULL), FFSHM_BAD_JSON);
    free(deep);
}

static void only_strings_with_escapes_are_limited(void **state)
{
    (void)state;
    assert_int_equal(check_bytes("\"abcdefgh\"", 10, 4, NULL), FFSHM_OK);
    assert_int_equal(check_bytes("\"ab\\n\"", 6, 4, NULL), FFSHM_OK);
    assert_int_equal(check_bytes("\"abc\\n\"", 7, 4, NULL), FFSHM_BAD_JSON);
    assert_int_equal(check_bytes("[[{\"abc\\n\":1}]]", 15, 4, NULL), FFSHM_BAD_JSON);
    assert_int_equal(check_bytes("\"abc\\n\"", 7, 0, NULL), FFSHM_OK);
}

static void the_value_comes_without_surrounding_space(void **state)
{
    (void)state;
    assert_slice(parse(" \n [1, 2]\t"), JSON_ARRAY, "[1, 2]");
    assert_slice(parse(" {} "), JSON_OBJECT, "{}");
    assert_slice(parse("\ttrue "), JSON_TRUE, "true");
    assert_slice(parse("false"), JSON_FALSE, "false");
    assert_slice(parse(" null"), JSON_NULL, "null");
    assert_slice(parse(" -1.5e3 "), JSON_NUMBER, "-1.5e3");
    assert_slice(parse(" \"a b\" "), JSON_STRING, "\"a b\"");
}

static void arrays_are_walked(void **state)
{
    (void)state;
    const struct json_slice array =
        parse("[ 1 ,\"a,]\\\"\" , [2,[3]],{\"x\":[4,\"}\"]} ,true,null , false ]");
    static const struct {
        enum json_type type;
        const char *text;
    } want[] = {{JSON_NUMBER, "1"},      {JSON_STRING, "\"a,]\\\"\""},
                {JSON_ARRAY, "[2,[3]]"}, {JSON_OBJECT, "{\"x\":[4,\"}\"]}"},
                {JSON_TRUE, "true"},     {JSON_NULL, "null"},
                {JSON_FALSE, "false"}};
    size_t cursor = 0;
    struct json_slice value;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_true(json_next(&array, &cursor, NULL, &value));
        assert_slice(value, want[i].type, want[i].text);
    }
    assert_false(json_next(&array, &cursor, NULL, &value));
    assert_false(json_next(&array, &cursor, NULL, &value));
}

static void objects_are_walked(void **state)
{
    (void)state;
    const struct json_slice object = parse("{ \"a\" : 1 , \"\\\"b\" :{ \"c\":2}}");
    size_t cursor = 0;
    struct json_slice name;
    struct json_slice value;
    assert_true(json_next(&object, &cursor, &name, &value));
    assert_slice(name, JSON_STRING, "\"a\"");
    assert_slice(value, JSON_NUMBER, "1");
    assert_true(json_next(&object, &cursor, &name, &value));
    assert_slice(name, JSON_STRING, "\"\\\"b\"");
    assert_slice(value, JSON_OBJECT, "{ \"c\":2}");
    assert_false(json_next(&object, &cursor, &name, &value));
}

static void empty_containers_and_scalars_have_nothing_to_walk(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "{}", "[  ]", "{ }", "1", "\"[1]\"", "null"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct json_slice slice = parse(texts[i]);
        size_t cursor = 0;
        struct json_slice value;
        assert_false(json_next(&slice, &cursor, NULL, &value));
        assert_false(json_next(&slice, &cursor, NULL, &value));
    }
}

static void members_are_found_by_their_unescaped_name(void **state)
{
    (void)state;
    const struct json_slice object = parse(
        "{\"a\":1,\"\\u0062/\":2,\"a\":3,\"\\ud83d\\ude00\":4,\"\":5,\"n\\u0000\":6,\"ab\":7}");
    assert_slice(json_member(&object, "a", 1), JSON_NUMBER, "3");
    assert_slice(json_member(&object, "b/", 2), JSON_NUMBER, "2");
    assert_slice(json_member(&object, "\xf0\x9f\x98\x80", 4), JSON_NUMBER, "4");
    assert_slice(json_member(&object, "", 0), JSON_NUMBER, "5");
    assert_slice(json_member(&object, "n\0", 2), JSON_NUMBER, "6");
    assert_int_equal(json_member(&object, "b", 1).type, JSON_END);
    assert_int_equal(json_member(&object, "n", 1).type, JSON_END);
    assert_int_equal(json_member(&object, "\xf0\x9f\x98", 3).type, JSON_END);
    const struct json_slice array = parse("[\"a\",1]");
    assert_int_equal(json_member(&array, "a", 1).type, JSON_END);
}

static void strings_are_decoded(void **state)
{
    (void)state;
    const struct json_slice escaped =
        parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\uD83D\\ude00x\\u0000\"");
    static const char want[] = "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x\0";
    char buffer[sizeof want];
    const char *out;
    size_t length;
    assert_true(json_escaped(&escaped));
    assert_true(json_string(&escaped, buffer, sizeof buffer, &out, &length));
    assert_int_equal(length, sizeof want - 1);
    assert_memory_equal(out, want, sizeof want);
    assert_false(json_string(&escaped, buffer, sizeof buffer - 1, &out, &length));
    assert_false(json_string(&escaped, NULL, 0, &out, &length));
}

static void strings_without_escapes_stay_where_they_are(void **state)
{
    (void)state;
    const struct json_slice plain = parse("\"caf\xc3\xa9\"");
    const char *out;
    size_t length;
    assert_false(json_escaped(&plain));
    assert_true(json_string(&plain, NULL, 0, &out, &length));
    assert_ptr_equal(out, plain.text + 1);
    assert_int_equal(length, 5);
}

static double number(const char *text)
{
    const struct json_slice slice = parse(text);
    assert_int_equal(slice.type, JSON_NUMBER);
    return json_number(&slice);
}

static void numbers_are_correctly_rounded(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "1",
        "-1",
        "42.5",
        "0.1",
        "0.3",
        "1e22",
        "1e23",
        "123456789012345678",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.00000000001",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1e-400",
        "0.000001e6",
        "100000000000000000000000e-23",
        "3.141592653589793",
        "0.1234567890123456789",
        "123456789.123456789e-5",
        "1E5",
        "1e+5",
        "1e-5",
        "0.00000000000000000000000000000000000000001e41",
        "8.5e0000000000000000000001",
        "12345678901234567890",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (number(texts[i]) != strtod(texts[i], NULL)) {
            fail_msg("%s came as %.17g", texts[i], number(texts[i]));
        }
    }
    assert_true(number("-0") == 0 && signbit(number("-0")));
}

static void numbers_beyond_double_are_infinite_or_zero(void **state)
{
    (void)state;
    errno = 0;
    assert_true(number("1e309") == INFINITY);
    assert_true(number("-1e309") == -INFINITY);
    assert_true(number("1e99999999999999999999999") == INFINITY);
    assert_true(number("1e-99999999999999999999999") == 0);
    assert_true(number("0e99999999999999999999999") == 0);
    assert_int_equal(errno, 0);
}

static void digits_by_the_thousand_count(void **state)
{
    (void)state;
    static char text[5000];
    /* 2^53 + 1 and a half: the tie is decided by the very last digit. */
    const char *tie = "9007199254740993.";
    size_t n = strlen(tie);
    memcpy(text, tie, n);
    memset(text + n, '0', 3000);
    text[n + 3000] = '1';
    text[n + 3001] = 0;
    assert_true(number(text) == 9007199254740994.0);
    text[n + 3000] = '0';
    assert_true(number(text) == 9007199254740992.0);

    memset(text, '0', sizeof text);
    memcpy(text, "0.", 2);
    memcpy(text + 4002, "15e4001", 8);
    assert_true(number(text) == 1.5);
    memset(text, '0', sizeof text);
    text[0] = '2';
    memcpy(text + 4001, "e-4000", 7);
    assert_true(number(text) == 2);
}

static void random_numbers_agree_with_strtod(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double value;
        char text[64];
        memcpy(&value, &seed, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        (void)snprintf(text, sizeof text, "%.*e", (int)(seed >> 58) % 20, value);
        assert_true(number(text) == strtod(text, NULL));
    }
}

static void written(char out[64], double value)
{
    struct json_text text = {out, 64, 0};
    json_put_number(&text, value);
    assert_true(json_end(&text) < 64);
}

static void numbers_are_written_as_short_as_they_read_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {1, "1"},
                 {-42, "-42"},
                 {42.5, "42.5"},
                 {0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1.0 / 3, "0.3333333333333333"},
                 {9007199254740991, "9007199254740991"},
                 {1e15, "1000000000000000"},
                 {1e20, "100000000000000000000"},
                 {123456789012345680000.0, "123456789012345680000"},
                 {1e21, "1e+21"},
                 {-1.5e300, "-1.5e+300"},
                 {1e-7, "0.0000001"},
                 {1.5e-8, "1.5e-8"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e+308"},
                 {INFINITY, "null"},
                 {NAN, "null"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        written(text, cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

static void random_numbers_read_back_as_they_were_written(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 5000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double value;
        char text[64];
        memcpy(&value, &seed, sizeof value);
        if (isfinite(value)) {
            written(text, value);
            assert_true(number(text) == value);
        }
    }
}

/* Where the machine has a locale with another radix character. */
static void the_locale_does_not_matter(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8") &&
        !setlocale(LC_ALL, "ps_AF.UTF-8")) {
        skip();
    }
    char text[64];
    written(text, 0.1 + 0.2);
    const double read = number("0.30000000000000004441");
    (void)setlocale(LC_ALL, "C");
    assert_string_equal(text, "0.30000000000000004");
    assert_true(read == 0.1 + 0.2);
}

static void strings_are_written_with_the_escapes_they_need(void **state)
{
    (void)state;
    static const char bytes[] = "a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9\0\xff\xc3";
    char buffer[128];
    struct json_text text = {buffer, sizeof buffer, 0};
    json_put_string(&text, bytes, sizeof bytes - 1);
    (void)json_end(&text);
    assert_string_equal(buffer, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\\u0000"
                                "\xef\xbf\xbd\xef\xbf\xbd\"");
    (void)parse(buffer);
}

static void values_are_written_without_white_space(void **state)
{
    (void)state;
    const struct json_slice value = parse("{ \"a b\\\" \" :\t[ 1 ,\n\" x \\\\\" , null ] }");
    char buffer[128];
    struct json_text text = {buffer, sizeof buffer, 0};
    json_put_value(&text, &value);
    (void)json_end(&text);
    assert_string_equal(buffer, "{\"a b\\\" \":[1,\" x \\\\\",null]}");
}

static void what_does_not_fit_is_counted_and_cut(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 9; capacity++) {
        char buffer[9];
        memset(buffer, 'X', sizeof buffer);
        struct json_text text = {capacity ? buffer : NULL, capacity, 0};
        json_put(&text, "abc", 3);
        json_put(&text, "defgh", 5);
        assert_int_equal(json_end(&text), 8);
        if (capacity > 0) {
            assert_memory_equal(buffer, "abcdefgh", capacity - 1);
            assert_int_equal(buffer[capacity - 1], 0);
        }
        for (size_t i = capacity; i < sizeof buffer; i++) {
            assert_int_equal(buffer[i], 'X');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_accepted),
        cmocka_unit_test(invalid_texts_are_refused),
        cmocka_unit_test(the_place_of_the_fault_is_told),
        cmocka_unit_test(every_prefix_of_a_text_is_refused),
        cmocka_unit_test(containers_nest_64_deep_and_no_deeper),
        cmocka_unit_test(only_strings_with_escapes_are_limited),
        cmocka_unit_test(the_value_comes_without_surrounding_space),
        cmocka_unit_test(arrays_are_walked),
        cmocka_unit_test(objects_are_walked),
        cmocka_unit_test(empty_containers_and_scalars_have_nothing_to_walk),
        cmocka_unit_test(members_are_found_by_their_unescaped_name),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(strings_without_escapes_stay_where_they_are),
        cmocka_unit_test(numbers_are_correctly_rounded),
        cmocka_unit_test(numbers_beyond_double_are_infinite_or_zero),
        cmocka_unit_test(digits_by_the_thousand_count),
        cmocka_unit_test(random_numbers_agree_with_strtod),
        cmocka_unit_test(numbers_are_written_as_short_as_they_read_back),
        cmocka_unit_test(random_numbers_read_back_as_they_were_written),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(strings_are_written_with_the_escapes_they_need),
        cmocka_unit_test(values_are_written_without_white_space),
        cmocka_unit_test(what_does_not_fit_is_counted_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
