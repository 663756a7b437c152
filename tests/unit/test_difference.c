/*
 * test_difference.c - what differs between two JSON values, and merge patches (RFC 7396, appendix
 * A).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "operate/difference.h"
#include "operate/merge_patch.h"

static json_t *parse(const char *text)
{
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    assert_true(value || !text);
    return value;
}

static void same_json(json_t *value, const char *wanted)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, wanted);
    free(text);
}

static void differ(const char *before, const char *after, const char *wanted)
{
    json_t *a = parse(before);
    json_t *b = parse(after);
    json_t *found = difference(a, b);
    same_json(found, wanted);
    json_decref(found);
    json_decref(a);
    json_decref(b);
}

static void places_are_json_pointers(void **state)
{
    (void)state;
    differ("{}", "{}", "[]");
    differ("[1,{\"a\":null}]", "[1,{\"a\":null}]", "[]");
    differ("{\"a\":1}", "{\"a\":2}", "[{\"path\":\"/a\",\"before\":1,\"after\":2}]");
    differ("{\"a\":1}", "{\"b\":1}",
           "[{\"path\":\"/a\",\"before\":1},{\"path\":\"/b\",\"after\":1}]");
    differ("{\"a/b\":{\"~\":[1,2]}}", "{\"a/b\":{\"~\":[1,3,4]}}",
           "[{\"path\":\"/a~1b/~0/1\",\"before\":2,\"after\":3},"
           "{\"path\":\"/a~1b/~0/2\",\"after\":4}]");
    differ("[1,2,3]", "[0,1,2,3]", "[{\"path\":\"/0\",\"after\":0}]");
    differ("[1,2,3]", "[1,3]", "[{\"path\":\"/1\",\"before\":2}]");
    differ("[1,1,1]", "[1,1]", "[{\"path\":\"/2\",\"before\":1}]");
    differ("[1,2,3]", "[1,5,6,3]",
           "[{\"path\":\"/1\",\"before\":2,\"after\":5},{\"path\":\"/2\",\"after\":6}]");
    differ("[]", "[1,2]", "[{\"path\":\"/0\",\"after\":1},{\"path\":\"/1\",\"after\":2}]");
    differ("{\"\":{}}", "{\"\":[]}", "[{\"path\":\"/\",\"before\":{},\"after\":[]}]");
    differ("null", NULL, "[{\"path\":\"\",\"before\":null}]");
    differ(NULL, "{\"a\":1}", "[{\"path\":\"\",\"after\":{\"a\":1}}]");
    differ(NULL, NULL, "[]");
    differ("1", "1.0", "[{\"path\":\"\",\"before\":1,\"after\":1.0}]");
}

static void what_is_too_much_is_not_told(void **state)
{
    (void)state;
    json_t *before = json_array();
    json_t *after = json_array();
    for (int i = 0; i < 10000; i++) {
        json_array_append_new(before, json_integer(i));
        json_array_append_new(after, json_integer(-1 - i));
    }
    json_t *found = difference(before, after);
    assert_int_equal(json_array_size(found), DIFFERENCE_MOST);
    json_decref(found);
    json_decref(before);
    json_decref(after);
}

static void a_patch_is_merged_as_the_rfc_says(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {NULL, "{\"a\":{\"b\":null}}", "{\"a\":{}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *target = parse(cases[i][0]);
        json_t *patch = parse(cases[i][1]);
        json_t *target_was = json_deep_copy(target);
        json_t *result = merge_patch(target, patch);
        same_json(result, cases[i][2]);
        assert_true(json_equal(target, target_was) || !target);
        json_decref(target_was);
        json_decref(result);
        json_decref(target);
        json_decref(patch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_json_pointers),
        cmocka_unit_test(what_is_too_much_is_not_told),
        cmocka_unit_test(a_patch_is_merged_as_the_rfc_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
