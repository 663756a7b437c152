/* Both syntaxes to one tree, the places of what is wrong in them, and the way back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"

/* ---- helpers ------------------------------------------------------------------------------ */

static char *dump(json_t *value)
{
    char *text = document_dump(value, NULL);
    assert_non_null(text);
    return text;
}

static void expect_text(const char *text, size_t length, const char *json)
{
    struct fault fault;
    json_t *tree = document_parse(text, length, "f", &fault);
    if (tree == NULL) {
        char line[1500];
        (void)fault_text(&fault, line, sizeof line);
        fail_msg("%s", line);
    }
    char *got = dump(tree);
    assert_string_equal(got, json);
    free(got);
    json_decref(tree);
}

static void expect(const char *text, const char *json)
{
    expect_text(text, strlen(text), json);
}

/* The whole message, file name first. */
static void expect_fault_in(const char *text, size_t length, const char *message)
{
    struct fault fault;
    assert_null(document_parse(text, length, "f", &fault));
    char line[1500];
    (void)fault_text(&fault, line, sizeof line);
    assert_string_equal(line, message);
}

static void expect_fault(const char *text, const char *message)
{
    expect_fault_in(text, strlen(text), message);
}

static void expect_place(const char *text, const char *member, unsigned line, unsigned column)
{
    struct fault fault = {0};
    fault_set(&fault, member, "", "x");
    document_locate(text, strlen(text), "f", &fault);
    assert_string_equal(fault.file, "f");
    if (fault.line != line || fault.column != column) {
        fail_msg("%s is at %u:%u, not %u:%u", member, fault.line, fault.column, line, column);
    }
}

/* count copies of unit between head and tail; malloc'ed. */
static char *repeat(const char *head, const char *unit, size_t count, const char *tail)
{
    const size_t unit_length = strlen(unit);
    char *text = malloc(strlen(head) + unit_length * count + strlen(tail) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, unit);
    }
    (void)stpcpy(at, tail);
    return text;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void json_is_read_with_its_members_in_order(void **state)
{
    (void)state;
    expect("{}", "{}");
    expect(" \r\n\t{ \"b\" : [ ] , \"a\" : { \"c\" : null } }\n", "{\"b\":[],\"a\":{\"c\":null}}");
    expect("{\"t\":true,\"f\":false,\"n\":[1,-2,3.5,1e2,-0,0.1]}",
           "{\"t\":true,\"f\":false,\"n\":[1,-2,3.5,100,-0,0.1]}");
    expect("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}");
    expect("{\"\":1}", "{\"\":1}");
}

static void json_strings_are_decoded(void **state)
{
    (void)state;
    expect("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}");
    expect("{\"a\":\"x\\u00e4\\u20AC\\ud83d\\ude00y\"}", "{\"a\":\"x\u00e4\u20ac\U0001f600y\"}");
    expect("{\"a\\u0062c\":\"\xf0\x9f\x98\x80\"}", "{\"abc\":\"\xf0\x9f\x98\x80\"}");
    expect("{\"a\":\"x\\u0000y\"}", "{\"a\":\"x\\u0000y\"}");
}

static void integers_keep_64_bits_and_larger_ones_become_doubles(void **state)
{
    (void)state;
    expect("{\"a\":[9223372036854775807,-9223372036854775808]}",
           "{\"a\":[9223372036854775807,-9223372036854775808]}");
    expect("{\"a\":[9223372036854775808,-9223372036854775809]}",
           "{\"a\":[9.223372036854776e+18,-9.223372036854776e+18]}");
    expect("{\"a\":100000000000000000000000000000000}", "{\"a\":1e+32}");
    expect("a: [9223372036854775808, 0x8000000000000000, -9223372036854775808]",
           "{\"a\":[9.223372036854776e+18,9.223372036854776e+18,-9223372036854775808]}");
    expect_fault("{\"a\":1e400}",
                 "f:1:6: the number is too large; a number has 400 digits at most and is below "
                 "1.8e308");
}

static void half_written_json_says_what_it_is_in_the_middle_of(void **state)
{
    (void)state;
    expect_fault("{\"a\": [1,\n \"b", "f:2:4: the text ends in the middle of a string that begins "
                                      "on line 2; is it written to its end?");
    expect_fault("{\"a\": [1,\n", "f:2:1: the text ends in the middle of a list that begins on "
                                  "line 1; is it written to its end?");
    expect_fault("{\"a\":\n {\"b\"", "f:2:6: the text ends in the middle of an object that begins "
                                     "on line 2; is it written to its end?");
    expect_fault("{\"a\": tru", "f:1:10: the text ends in the middle of an object that begins on "
                                "line 1; is it written to its end?");
    expect_fault("{\"a\": 1.", "f:1:9: the text ends in the middle of a number that begins on "
                               "line 1; is it written to its end?");
    expect_fault("{\"a\": \"\\", "f:1:9: the text ends in the middle of a string that begins on "
                                 "line 1; is it written to its end?");
    const char *whole = "{\"a\":[1,\"x\\n\\u00e4\",{\"b\":-1.5e3}],\"c\":true}";
    for (size_t length = 1; length < strlen(whole); length++) {
        struct fault fault;
        assert_null(document_parse(whole, length, "f", &fault));
        assert_int_equal(fault.line, 1);
    }
}

static void mistakes_in_json_have_a_place_and_a_next_step(void **state)
{
    (void)state;
    expect_fault("{\"a\":1,}", "f:1:8: expected a member's name in double quotes, found }; is "
                               "there a comma too many?");
    expect_fault("{\"a\":[1,]}", "f:1:9: expected a value, found ]; is there a comma too many?");
    expect_fault("{\n// c\n}", "f:2:1: expected a member's name in double quotes, found /; JSON "
                               "has no comments; a YAML file may have them");
    expect_fault("{'a':1}", "f:1:2: expected a member's name in double quotes, found '; JSON's "
                            "quotes are double");
    expect_fault("{\"a\":1} x", "f:1:9: expected the end of the text, found x");
    expect_fault("{\"a\":1 \"b\":2}", "f:1:8: expected a comma or }, found \"");
    expect_fault("{\"a\":01}", "f:1:6: not a number of JSON; a number must not begin with 0");
    expect_fault("{\"a\":-}", "f:1:6: not a number of JSON");
    expect_fault("{\"a\":\"x\ny\"}",
                 "f:1:8: a control character (0x0a) in the string that begins on line 1; close the "
                 "quote; a line break in a text is written \\n");
    expect_fault("{\"a\":\"\\x\"}",
                 "f:1:7: not an escape sequence of JSON; a backslash itself is written \\\\");
    expect_fault("{\"a\":\"\\ud83dx\"}", "f:1:7: \\ud83d is one half of a surrogate pair; write "
                                         "both halves, or the character itself");
    expect_fault("{\"a\\u0000b\":1}", "f:1:2: a member's name contains a NUL character");
}

static void the_same_member_twice_is_a_fault_with_both_places(void **state)
{
    (void)state;
    expect_fault("{\"a\":{\"b\":1},\n\"b\":{\"a\":2},\n \"a\":3}",
                 "f:3:2: the member \"a\" is already there on line 1; remove or rename one of the "
                 "two");
    expect_fault("x:\n  a: 1\n  b: {a: 1}\n  'a': 2\n",
                 "f:4:3: the member \"a\" is already there on line 2; remove or rename one of the "
                 "two");
}

/* ---- encoding ----------------------------------------------------------------------------- */

static void what_is_not_utf8_is_a_fault_in_both_syntaxes(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",         "\xc3",         "\xc0\xaf",
                                      "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "\xf0\x9f\x98"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (int yaml = 0; yaml < 2; yaml++) {
            char text[64];
            struct fault fault;
            (void)snprintf(text, sizeof text,
                           yaml ? "a: 1\nb: \"%s\"" : "{\"a\": 1,\n\"b\":\"%s\"}", bad[i]);
            assert_null(document_parse(text, strlen(text), "f", &fault));
            assert_int_equal(fault.line, 2);
            assert_int_equal(fault.column, yaml ? 5 : 6);
            assert_non_null(strstr(fault.cause, "not UTF-8"));
        }
    }
    expect("{\"a\":\"\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"}",
           "{\"a\":\"\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"}");
}

static void a_nul_byte_is_a_fault_wherever_it_is(void **state)
{
    (void)state;
    expect_fault_in("{\"a\":\"x\0y\"}", 11,
                    "f:1:8: a NUL byte (offset 7); is it a text file, and "
                    "was it written to its end?");
    expect_fault_in("a: x\0\0\0\0\0\0\0\0\0\0", 14,
                    "f:1:5: a NUL byte (offset 4); is it a text "
                    "file, and was it written to its end?");
    expect_fault("\"a\\0b\": 1", "f:1:1: a member's name contains a NUL character");
    expect_fault("a: \x01", "f:1:4: a control character (U+0001); write it as an escape in double "
                            "quotes");
}

/* ---- YAML --------------------------------------------------------------------------------- */

static void plain_scalars_follow_the_core_schema_of_yaml_1_2(void **state)
{
    (void)state;
    expect("[on, off, yes, no, y, n, On, NO]",
           "[\"on\",\"off\",\"yes\",\"no\",\"y\",\"n\",\"On\",\"NO\"]");
    expect("[true, True, TRUE, false, False, FALSE, tRue]",
           "[true,true,true,false,false,false,\"tRue\"]");
    expect("[null, Null, NULL, ~, nULL]", "[null,null,null,null,\"nULL\"]");
    expect("[0, 07, +1, -1, 0o17, 0xFf, 0b1, 1_000, 0x, 0o8, '']",
           "[0,7,1,-1,15,255,\"0b1\",\"1_000\",\"0x\",\"0o8\",\"\"]");
    expect("[1.5, .5, 5., 1e3, 1E-2, -.5e+1, +1.0, ., -, 1.2.3, 1e, e5]",
           "[1.5,0.5,5,1000,0.01,-5,1,\".\",\"-\",\"1.2.3\",\"1e\",\"e5\"]");
    expect("[2026-12-01, 2026-12-01T09:00:00Z, 12:30]",
           "[\"2026-12-01\",\"2026-12-01T09:00:00Z\",\"12:30\"]");
    expect("a:\nb:", "{\"a\":null,\"b\":null}");
}

static void quoted_and_block_scalars_are_texts(void **state)
{
    (void)state;
    expect("['1', \"true\", \"null\", !!str 12]", "[\"1\",\"true\",\"null\",\"12\"]");
    expect("a: |\n  12\n  x\nb: >-\n  1\n  2\n", "{\"a\":\"12\\nx\\n\",\"b\":\"1 2\"}");
    expect("a: !!int 12\nb: !!map {c: !!seq []}\n", "{\"a\":12,\"b\":{\"c\":[]}}");
}

static void names_are_taken_by_their_text(void **state)
{
    (void)state;
    expect("on: 1\n404: 2\ntrue: 3\n1.50: 4\n~: 5\n'': 6\n",
           "{\"on\":1,\"404\":2,\"true\":3,\"1.50\":4,\"~\":5,\"\":6}");
    expect_fault("? [a]\n: 1\n", "f:1:3: a member's name must be a text; quote it if it is a text");
    expect_fault("a: &x 1\n*x : 2\n", "f:2:1: an alias as a member's name; write the name out");
}

static void aliases_stand_for_what_they_name(void **state)
{
    (void)state;
    expect("a: &x [1, {b: &y z}]\nc: *x\nd: *y\n",
           "{\"a\":[1,{\"b\":\"z\"}],\"c\":[1,{\"b\":\"z\"}],\"d\":\"z\"}");
    expect("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
    expect_fault("a: *x\n", "f:1:4: there is no anchor &x; an anchor is named with & before it is "
                            "used, and not inside itself");
    expect_fault("a: &x [*x]\n", "f:1:8: there is no anchor &x; an anchor is named with & before "
                                 "it is used, and not inside itself");
}

static void aliases_that_explode_are_a_fault(void **state)
{
    (void)state;
    char text[1024] = "a0: &a0 x\n";
    for (int i = 1; i < 12; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n",
                       i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        (void)strcat(text, line);
    }
    struct fault fault;
    assert_null(document_parse(text, strlen(text), "f", &fault));
    assert_string_equal(fault.cause, "aliases stand for more than 1000000 values");
    /* the same by length instead of number */
    char *head = repeat("a: &a \"", "x", 1000000, "\"\nb: [");
    char *bytes = repeat(head, "*a,", 1000, "]\n");
    assert_null(document_parse(bytes, strlen(bytes), "f", &fault));
    assert_string_equal(fault.cause, "aliases stand for more than 1000000 values");
    free(head);
    free(bytes);
}

static void aliases_cannot_nest_deeper_than_written_text(void **state)
{
    (void)state;
    char *opened = repeat("a: &a ", "[", 300, "");
    char *inner = repeat(opened, "]", 300, "\nb: &b ");
    char *again = repeat(inner, "[", 300, "*a");
    char *text = repeat(again, "]", 300, "\n");
    struct fault fault;
    assert_null(document_parse(text, strlen(text), "f", &fault));
    assert_string_equal(fault.cause, "more than 512 levels deep");
    free(opened);
    free(inner);
    free(again);
    free(text);
}

static void mistakes_in_yaml_have_a_place_and_a_next_step(void **state)
{
    (void)state;
    expect_fault("", "f:1:1: the document is empty");
    expect_fault("# nothing\n", "f:2:1: the document is empty");
    expect_fault("a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; one file holds one "
                                      "document");
    expect_fault("a: b: c\n", "f:1:5: mapping values are not allowed in this context; check the "
                              "indentation; quote a text that contains a colon and a space");
    expect_fault("a:\n\tb: 1\n",
                 "f:2:1: found character that cannot start any token, while scanning for the next "
                 "token that begins on line 2; indent with spaces, not tabs");
    expect_fault("a: @b\n",
                 "f:1:4: found character that cannot start any token, while scanning for the next "
                 "token that begins on line 1; quote a text that begins with this character");
    expect_fault("a: \"x\nb: 1\n", "f:3:1: the text ends in the middle of a quoted text that "
                                   "begins on line 1; is it written to its end?");
    expect_fault("a:\n  - {b: 1,\n", "f:3:1: the text ends in the middle of an object in braces "
                                     "that begins on line 2; is it written to its end?");
    expect_fault("a: [1, 2\n", "f:2:1: the text ends in the middle of a list in brackets that "
                               "begins on line 1; is it written to its end?");
    expect_fault("a: .inf\n", "f:1:4: the number .inf is no number of JSON; quote it if it is a "
                              "text");
    expect_fault("a: !!binary aGk=\n",
                 "f:1:4: the tag tag:yaml.org,2002:binary is not supported here; remove the tag");
    expect_fault("x: &x {a: 1}\ny:\n  <<: *x\n", "f:3:3: merge keys (<<) are no part of YAML 1.2; "
                                                 "write the members out, or alias a whole value");
}

static void columns_count_bytes_also_behind_other_scripts(void **state)
{
    (void)state;
    expect_fault("\u00e4\u20ac: {b: 1, b: 2}",
                 "f:1:15: the member \"b\" is already there on line 1; remove or rename one of the "
                 "two");
}

/* ---- limits ------------------------------------------------------------------------------- */

static void depth_ends_at_512_levels(void **state)
{
    (void)state;
    for (int yaml = 0; yaml < 2; yaml++) {
        for (size_t levels = 512; levels <= 513; levels++) {
            const size_t arrays = levels - 1;
            char *open = repeat(yaml ? "a: " : "{\"a\":", "[", arrays, "");
            char *text = repeat(open, "]", arrays, yaml ? "\n" : "}");
            struct fault fault;
            json_t *tree = document_parse(text, strlen(text), "f", &fault);
            assert_int_equal(tree != NULL, levels == 512);
            if (tree == NULL) {
                assert_string_equal(fault.cause, "more than 512 levels deep");
                assert_int_equal(fault.line, 1);
            }
            json_decref(tree);
            free(open);
            free(text);
        }
    }
    char *deep = repeat("{\"a\":", "[", 1000000, "");
    struct fault fault;
    assert_null(document_parse(deep, strlen(deep), "f", &fault));
    deep[0] = '[';
    deep[1] = '[';
    assert_null(document_parse(deep, strlen(deep), "f", &fault));
    free(deep);
}

static void large_documents_are_read_whole(void **state)
{
    (void)state;
    char *list = repeat("{\"a\":[0", ",\"user\"", 200000, "]}");
    struct fault fault;
    json_t *tree = document_parse(list, strlen(list), "f", &fault);
    assert_int_equal(json_array_size(json_object_get(tree, "a")), 200001);
    json_decref(tree);
    free(list);
    char *string = repeat("a: \"", "\\u00e4", 200000, "\"");
    tree = document_parse(string, strlen(string), "f", &fault);
    assert_int_equal(json_string_length(json_object_get(tree, "a")), 400000);
    json_decref(tree);
    free(string);
}

static void any_byte_changed_is_read_or_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":[1,\"x\\n\\u00e4\",{\"b\":-1.5e3}],\"c\":true}",
        "a: &x [1, 'y', \"z\\n\"]\nb:\n  - c: *x\n    d: |\n      text\n# end\n",
    };
    for (size_t t = 0; t < 2; t++) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s", texts[t]);
        const size_t length = strlen(text);
        for (size_t i = 0; i < length; i++) {
            for (int byte = 0; byte < 256; byte++) {
                text[i] = (char)byte;
                struct fault fault;
                json_t *tree = document_parse(text, length, "f", &fault);
                if (tree == NULL) {
                    assert_int_not_equal(fault.line, 0);
                    assert_string_not_equal(fault.cause, "");
                }
                json_decref(tree);
            }
            text[i] = texts[t][i];
        }
    }
}

/* ---- places ------------------------------------------------------------------------------- */

static void members_are_found_in_json(void **state)
{
    (void)state;
    const char *text = "{\n"
                       "  \"flags\": {\n"
                       "    \"a\": {\"rules\": [{\"op\": 1}, {\"x\": [], \"op\": 2}]},\n"
                       "    \"a.b\": {\"on\": 1},\n"
                       "    \"a[0]\": {\"on\": 1},\n"
                       "    \"c\": [[1, 2], [3]]\n"
                       "  }\n"
                       "}\n";
    expect_place(text, "", 1, 1);
    expect_place(text, "flags", 2, 3);
    expect_place(text, "flags.a.rules[1].op", 3, 42);
    expect_place(text, "flags.a.rules[1]", 3, 32);
    expect_place(text, "flags.c[1][0]", 6, 20);
}

static void names_with_dots_and_brackets_are_found(void **state)
{
    (void)state;
    const char *json = "{\"f\": {\"a\": {\"b\": 1},\n\"a.b\": {\"on\": 1},\n\"a[0].x\": {\"on\": "
                       "1}, \"a\\u002ec\":\n{\"d\": 1}}}";
    expect_place(json, "f.a.b.on", 2, 9);
    expect_place(json, "f.a[0].x.on", 3, 12);
    expect_place(json, "f.a.c.d", 4, 2);
    const char *yaml = "f:\n  a:\n    b: 1\n  a.b:\n    on: 1\n  a[0].x: {on: 1}\n";
    expect_place(yaml, "f.a.b.on", 5, 5);
    expect_place(yaml, "f.a[0].x.on", 6, 12);
}

static void members_are_found_in_yaml(void **state)
{
    (void)state;
    const char *text = "# comment\n"
                       "flags:\n"
                       "  \u00e4 b:\n"
                       "    rules:\n"
                       "      - {op: 1}\n"
                       "      - x: &y [1, 2]\n"
                       "        op: *y\n"
                       "  c: {d: [1, [2, 3]]}\n";
    expect_place(text, "", 2, 1);
    expect_place(text, "flags.\u00e4 b.rules[1].op", 7, 9);
    expect_place(text, "flags.\u00e4 b.rules[1]", 6, 9);
    expect_place(text, "flags.c.d[1][1]", 8, 18);
}

static void what_is_not_there_has_the_place_of_its_nearest_ancestor(void **state)
{
    (void)state;
    const char *text = "{\"flags\":\n{\"a\":\n{\"b\": [1]}}}";
    expect_place(text, "flags.a.variants", 2, 2);
    expect_place(text, "flags.a.b[3].x", 3, 2);
    expect_place(text, "flags.x", 1, 2);
    expect_place(text, "flagsy", 1, 1);
    expect_place(text, "x[0]", 1, 1);
    expect_place("a: 1\nb: [", "b.c", 2, 1); /* the text has to be read no further */
}

static void a_member_too_long_for_a_fault_is_found_by_its_beginning(void **state)
{
    (void)state;
    char *text = repeat("{\"flags\":\n{\"", "k", 400, "\":1}}");
    char *member = repeat("flags.", "k", 400, ".on");
    struct fault fault = {0};
    fault_set(&fault, member, "", "x");
    document_locate(text, strlen(text), "f", &fault);
    assert_int_equal(fault.line, 2);
    assert_int_equal(fault.column, 2);
    free(text);
    free(member);
}

/* ---- writing ------------------------------------------------------------------------------ */

static void doubles_are_written_with_the_fewest_digits_that_read_back(void **state)
{
    (void)state;
    expect("[0.1, 0.2, 0.30000000000000004, 1e300, 5e-324, 123456789.125, 1e15, 1e16, 2.5e-7]",
           "[0.1,0.2,0.30000000000000004,1e+300,5e-324,123456789.125,1000000000000000,1e+16,"
           "2.5e-07]");
    uint64_t bits = 0x3ff0000000000001u;
    for (int i = 0; i < 10000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        const uint64_t exponent = 0x200 + (bits >> 54) % 0x400; /* finite */
        const uint64_t pattern = (bits & 0x800fffffffffffffu) | exponent << 52;
        double value;
        memcpy(&value, &pattern, sizeof value);
        json_t *real = json_real(value);
        char *text = dump(real);
        assert_true(strtod(text, NULL) == value);
        free(text);
        json_decref(real);
    }
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < 3 && setlocale(LC_ALL, names[i]) == NULL; i++) {
    }
    expect("{\"a\":1.5}", "{\"a\":1.5}");
    expect("a: 2.25", "{\"a\":2.25}");
    (void)setlocale(LC_ALL, "C");
}

static void what_is_written_reads_back_equal(void **state)
{
    (void)state;
    const char *text = "{\"k\\\"\\\\\":[\"\\u0001\\u001f\\u007f\",\"\u00e4\U0001f600\",{},[],null,"
                       "1.25,-7,true]}";
    struct fault fault;
    json_t *tree = document_parse(text, strlen(text), "f", &fault);
    size_t length;
    char *written = document_dump(tree, &length);
    assert_int_equal(length, strlen(written));
    json_t *again = document_parse(written, length, "f", &fault);
    assert_true(json_equal(tree, again));
    free(written);
    json_decref(tree);
    json_decref(again);
}

/* ---- faults ------------------------------------------------------------------------------- */

static void a_fault_is_one_line_whatever_is_in_it(void **state)
{
    (void)state;
    struct fault fault = {0};
    fault_set(&fault, "flags.a\nb", "try c", "\"%s\" is bad", "x\ty");
    char line[256];
    assert_int_equal(fault_text(&fault, line, sizeof line), 30);
    assert_string_equal(line, "flags.a?b: \"x?y\" is bad; try c");
    fault.line = 3;
    (void)fault_text(&fault, line, sizeof line);
    assert_string_equal(line, "line 3: flags.a?b: \"x?y\" is bad; try c");
    assert_int_equal(fault_text(&fault, line, 8), 38);
    assert_string_equal(line, "line 3:");
    assert_int_equal(fault_text(&fault, NULL, 0), 38);
}

static void a_fault_is_cut_between_characters(void **state)
{
    (void)state;
    struct fault fault = {0};
    char *long_text = repeat("x", "\u20ac", 300, "");
    fault_set(&fault, long_text, long_text, "%s", long_text);
    assert_int_equal(strlen(fault.member), 253);
    assert_int_equal(strlen(fault.hint), 253);
    assert_int_equal(strlen(fault.cause), 511);
    assert_int_equal((unsigned char)fault.cause[510], 0xac);
    free(long_text);
}

static void what_is_not_utf8_is_told_as_question_marks(void **state)
{
    (void)state;
    struct fault fault = {0};
    fault_set(&fault, "a\xff", "\xed\xa0\x80", "\"%.3s\" is bad", "x\u20ac");
    assert_string_equal(fault.member, "a?");
    assert_string_equal(fault.hint, "???");
    assert_string_equal(fault.cause, "\"x??\" is bad");
    fault_set(&fault, "", "", "\u20ac");
    assert_string_equal(fault.cause, "\u20ac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_with_its_members_in_order),
        cmocka_unit_test(json_strings_are_decoded),
        cmocka_unit_test(integers_keep_64_bits_and_larger_ones_become_doubles),
        cmocka_unit_test(half_written_json_says_what_it_is_in_the_middle_of),
        cmocka_unit_test(mistakes_in_json_have_a_place_and_a_next_step),
        cmocka_unit_test(the_same_member_twice_is_a_fault_with_both_places),
        cmocka_unit_test(what_is_not_utf8_is_a_fault_in_both_syntaxes),
        cmocka_unit_test(a_nul_byte_is_a_fault_wherever_it_is),
        cmocka_unit_test(plain_scalars_follow_the_core_schema_of_yaml_1_2),
        cmocka_unit_test(quoted_and_block_scalars_are_texts),
        cmocka_unit_test(names_are_taken_by_their_text),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(aliases_that_explode_are_a_fault),
        cmocka_unit_test(aliases_cannot_nest_deeper_than_written_text),
        cmocka_unit_test(mistakes_in_yaml_have_a_place_and_a_next_step),
        cmocka_unit_test(columns_count_bytes_also_behind_other_scripts),
        cmocka_unit_test(depth_ends_at_512_levels),
        cmocka_unit_test(large_documents_are_read_whole),
        cmocka_unit_test(any_byte_changed_is_read_or_refused),
        cmocka_unit_test(members_are_found_in_json),
        cmocka_unit_test(names_with_dots_and_brackets_are_found),
        cmocka_unit_test(members_are_found_in_yaml),
        cmocka_unit_test(what_is_not_there_has_the_place_of_its_nearest_ancestor),
        cmocka_unit_test(a_member_too_long_for_a_fault_is_found_by_its_beginning),
        cmocka_unit_test(doubles_are_written_with_the_fewest_digits_that_read_back),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(what_is_written_reads_back_equal),
        cmocka_unit_test(a_fault_is_one_line_whatever_is_in_it),
        cmocka_unit_test(a_fault_is_cut_between_characters),
        cmocka_unit_test(what_is_not_utf8_is_told_as_question_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
