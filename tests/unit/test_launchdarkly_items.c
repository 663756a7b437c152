/* The items of a state in their own bytes, and a state made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/launchdarkly.h"
#include "source/launchdarkly_items.h"

struct told {
    char text[2048];
    size_t length;
    unsigned count;
    unsigned most; /* then it is enough */
};

static bool tell(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                 const char *json, size_t length)
{
    struct told *t = arg;
    t->length += (size_t)snprintf(t->text + t->length, sizeof t->text - t->length, "%s %.*s %.*s|",
                                  kind == IMAGE_FLAG ? "flag" : "segment", (int)key_length, key,
                                  (int)length, json);
    return ++t->count != t->most;
}

static const char *items_of(const char *json, struct told *t)
{
    struct fault fault;
    *t = (struct told){0};
    assert_int_equal(launchdarkly_each_item(json, strlen(json), tell, t, &fault), 0);
    return t->text;
}

static void every_item_has_the_bytes_that_it_was_written_in(void **state)
{
    struct told t;
    (void)state;
    assert_string_equal(items_of(" {\"flags\" : { \"a\": { \"x\":1.50 ,\"y\":\"}\"} , \"b\":{}},\n"
                                 "\"other\":{\"c\":{}}, \"segments\":{\"a\":{ \"k\": [{}] }}} ",
                                 &t),
                        "flag a { \"x\":1.50 ,\"y\":\"}\"}|flag b {}|segment a { \"k\": [{}] }|");
}

static void what_is_no_item_is_passed_over(void **state)
{
    struct told t;
    (void)state;
    assert_string_equal(items_of("{}", &t), "");
    assert_string_equal(items_of("{\"flags\":null,\"segments\":{\"s\":{}}}", &t), "segment s {}|");
    assert_string_equal(
        items_of("{\"flags\":{\"a\":null,\"b\":7,\"c\":{}},\"list\":[{\"d\":{}}]}", &t),
        "flag c {}|");
    assert_string_equal(items_of("\xEF\xBB\xBF{\"flags\":{\"c\":{}}}", &t), "flag c {}|");
}

static void keys_are_decoded(void **state)
{
    struct told t;
    (void)state;
    assert_string_equal(items_of("{\"flags\":{\"a\\/\\u00e9\\\"\":{}}}", &t),
                        "flag a/\xc3\xa9\" {}|");
}

static void what_is_no_state_is_a_fault(void **state)
{
    static const char *const bad[] = {"{\"flags\":{\"a\":{", "{\"flags\":[{}]}", "[]"};
    struct fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct told t = {0};
        assert_int_equal(launchdarkly_each_item(bad[i], strlen(bad[i]), tell, &t, &fault), -1);
        assert_int_not_equal(fault.cause[0], '\0');
    }
}

static void who_has_seen_enough_hears_no_more(void **state)
{
    struct told t = {.most = 1};
    struct fault fault;
    const char json[] = "{\"flags\":{\"a\":{},\"b\":{}}}";
    (void)state;
    assert_int_equal(launchdarkly_each_item(json, strlen(json), tell, &t, &fault), -1);
    assert_int_equal(fault.cause[0], '\0');
    assert_int_equal(t.count, 1);
}

static void a_state_of_items_reads_back(void **state)
{
    struct launchdarkly_state_text s = {0};
    struct gathered text;
    struct told t;
    (void)state;
    assert_true(launchdarkly_state_add(&s, IMAGE_SEGMENT, "s", 1, "{\"v\":1}", 7));
    assert_true(launchdarkly_state_add(&s, IMAGE_FLAG, "a\"\n", 3, "{ }", 3));
    assert_true(launchdarkly_state_add(&s, IMAGE_FLAG, "b", 1, "{}", 2));
    assert_true(launchdarkly_state_end(&s, &text));
    assert_string_equal(items_of(text.bytes, &t), "flag a\"\n { }|flag b {}|segment s {\"v\":1}|");
    gathered_free(&text);
    assert_true(launchdarkly_state_end(&s, &text)); /* empty again */
    assert_string_equal(items_of(text.bytes, &t), "");
    gathered_free(&text);
}

static void paths_name_items(void **state)
{
    enum image_blob_kind kind;
    char *path = launchdarkly_item_path(IMAGE_SEGMENT, "a/b", 3);
    (void)state;
    assert_string_equal(path, "/segments/a/b");
    assert_string_equal(launchdarkly_path_key(path, &kind), "a/b");
    assert_int_equal(kind, IMAGE_SEGMENT);
    free(path);
    path = launchdarkly_item_path(IMAGE_FLAG, "x", 1);
    assert_string_equal(launchdarkly_path_key(path, &kind), "x");
    assert_int_equal(kind, IMAGE_FLAG);
    free(path);
    assert_null(launchdarkly_item_path(IMAGE_FLAG, "a\0b", 3));
}

/* Each of LaunchDarkly's SDKs writes one of these. */
static void tombstones_of_all_shapes_are_tombstones(void **state)
{
    static const char *const shapes[] = {
        "{\"version\":7,\"deleted\":true}",
        "{\"key\":\"color\",\"version\":7,\"deleted\":true}",
        "{\"key\":\"$deleted\",\"on\":false,\"prerequisites\":[],\"targets\":[],\"contextTargets\":"
        "[],"
        "\"rules\":[],\"fallthrough\":{},\"offVariation\":null,\"variations\":[],\"clientSide\":"
        "false,"
        "\"salt\":\"\",\"trackEvents\":false,\"trackEventsFallthrough\":false,"
        "\"debugEventsUntilDate\":null,\"version\":7,\"deleted\":true}",
    };
    struct fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct model_item *item =
            launchdarkly_parse_item("/flags/color", shapes[i], strlen(shapes[i]), &fault);
        assert_non_null(item);
        assert_true(item->deleted);
        assert_int_equal(item->version, 7);
        assert_string_equal(item->key.text, "color");
        model_free(item);
        item = launchdarkly_parse_item("/segments/s", shapes[i], strlen(shapes[i]), &fault);
        assert_non_null(item);
        assert_true(item->deleted);
        assert_string_equal(item->key.text, "s");
        model_free(item);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_has_the_bytes_that_it_was_written_in),
        cmocka_unit_test(what_is_no_item_is_passed_over),
        cmocka_unit_test(keys_are_decoded),
        cmocka_unit_test(what_is_no_state_is_a_fault),
        cmocka_unit_test(who_has_seen_enough_hears_no_more),
        cmocka_unit_test(a_state_of_items_reads_back),
        cmocka_unit_test(paths_name_items),
        cmocka_unit_test(tombstones_of_all_shapes_are_tombstones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
