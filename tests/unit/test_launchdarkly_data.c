/* LaunchDarkly's JSON as items, as it is read again from what was kept; and names in requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "source/launchdarkly.h"

static void a_state_is_its_items(void **state)
{
    static const char text[] = "{\"flags\":{\"a\":{\"key\":\"other\",\"version\":1},"
                               "\"b\":{\"version\":2,\"deleted\":true}},"
                               "\"segments\":{\"a\":{\"version\":3}},\"more\":7}";
    struct model_item **items;
    struct fault fault;
    size_t count;
    (void)state;
    assert_int_equal(launchdarkly_parse_state(text, sizeof text - 1, &items, &count, &fault), 0);
    assert_int_equal(count, 3);
    assert_string_equal(items[0]->key.text, "a"); /* the outer one counts */
    assert_int_equal(items[0]->kind, IMAGE_FLAG);
    assert_string_equal(items[0]->provenance.text, "launchdarkly");
    assert_true(items[1]->deleted);
    assert_int_equal(items[2]->kind, IMAGE_SEGMENT);
    assert_int_equal(items[2]->version, 3);
    for (size_t i = 0; i < count; i++) {
        model_free(items[i]);
    }
    free(items);
}

static void an_empty_state_is_one(void **state)
{
    struct model_item **items;
    struct fault fault;
    size_t count;
    (void)state;
    assert_int_equal(launchdarkly_parse_state("{}", 2, &items, &count, &fault), 0);
    assert_int_equal(count, 0);
    free(items);
}

static void a_fault_names_the_item_and_the_member(void **state)
{
    static const char text[] = "{\"flags\":{\"a\":{\"rules\":[{},{\"clauses\":7}]}}}";
    struct model_item **items;
    struct fault fault;
    size_t count;
    (void)state;
    assert_int_equal(launchdarkly_parse_state(text, sizeof text - 1, &items, &count, &fault), -1);
    assert_string_equal(fault.member, "flags.a.rules[1].clauses");
    assert_string_not_equal(fault.cause, "");
    assert_int_equal(launchdarkly_parse_state("{\"flags\":", 9, &items, &count, &fault), -1);
    assert_int_equal(fault.line, 1);
    assert_int_equal(launchdarkly_parse_state("flags: {}", 9, &items, &count, &fault), -1);
}

static struct model_item *parse_item(const char *path, const char *json, struct fault *fault)
{
    return launchdarkly_parse_item(path, json, strlen(json), fault);
}

static void an_item_is_of_its_path(void **state)
{
    struct fault fault;
    (void)state;
    struct model_item *item = parse_item("/segments/a/b", "{\"version\":7}", &fault);
    assert_non_null(item);
    assert_int_equal(item->kind, IMAGE_SEGMENT);
    assert_string_equal(item->key.text, "a/b");
    assert_int_equal(item->version, 7);
    model_free(item);
    item = parse_item("/flags/a", "{\"version\":7,\"deleted\":true}", &fault);
    assert_non_null(item);
    assert_true(item->deleted);
    model_free(item);
    assert_null(parse_item("/flags/a", "{\"on\":7}", &fault));
    assert_string_equal(fault.member, "flags.a.on");
    assert_null(parse_item("/flags/a", "[]", &fault));
    assert_string_not_equal(fault.cause, "");
    static const char *const unknown[] = {"/cats/a", "/flags", "/flags/", "", "flags/a", "/flagsa"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_null(parse_item(unknown[i], "{}", &fault));
        assert_string_equal(fault.cause, "");
    }
}

static void names_are_checked(void **state)
{
    char longest[66];
    (void)state;
    assert_true(launchdarkly_filter_valid("a"));
    assert_true(launchdarkly_filter_valid("0-filter._x"));
    assert_false(launchdarkly_filter_valid(""));
    assert_false(launchdarkly_filter_valid(".a"));
    assert_false(launchdarkly_filter_valid("-a"));
    assert_false(launchdarkly_filter_valid("a b"));
    assert_false(launchdarkly_filter_valid("a\xc3\xa4"));
    assert_true(launchdarkly_tag_valid("._-aZ9"));
    assert_false(launchdarkly_tag_valid(""));
    assert_false(launchdarkly_tag_valid("a/b"));
    memset(longest, 'x', 65);
    longest[65] = '\0';
    assert_false(launchdarkly_tag_valid(longest));
    assert_true(launchdarkly_filter_valid(longest));
    longest[64] = '\0';
    assert_true(launchdarkly_tag_valid(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_its_items),
        cmocka_unit_test(an_empty_state_is_one),
        cmocka_unit_test(a_fault_names_the_item_and_the_member),
        cmocka_unit_test(an_item_is_of_its_path),
        cmocka_unit_test(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
