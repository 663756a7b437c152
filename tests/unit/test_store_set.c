/* In which order items are written into a store, and whether what is there is what should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/store_compare.h"
#include "deliver/store_set.h"
#include "source/launchdarkly.h"

#define MODELS 64

struct fixture {
    struct store_set set;
    struct store_compare compare;
    struct model_item *models[MODELS];
    size_t model_count;
    char text[512];
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_set_free(&f->set);
    store_set_free(&f->set); /* harmless */
    for (size_t i = 0; i < f->model_count; i++) {
        model_free(f->models[i]);
    }
    return 0;
}

static void add(struct fixture *f, const char *path, const char *json)
{
    struct fault fault;
    struct model_item *item = launchdarkly_parse_item(path, json, strlen(json), &fault);
    assert_non_null(item);
    assert_true(f->model_count < MODELS);
    f->models[f->model_count++] = item;
    assert_true(store_set_add(&f->set, item->kind, item->key.text, item->key.length, json,
                              strlen(json), item));
}

/* A flag that needs others: "needs" is "b c". */
static void add_flag(struct fixture *f, const char *key, int version, const char *needs)
{
    char path[64];
    char json[512];
    char copy[128];
    size_t at = (size_t)snprintf(json, sizeof json,
                                 "{\"key\":\"%s\",\"version\":%d,\"salt\":\"of-%s\","
                                 "\"prerequisites\":[",
                                 key, version, key);
    snprintf(copy, sizeof copy, "%s", needs);
    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word) {
            at +=
                (size_t)snprintf(json + at, sizeof json - at, "%s{\"key\":\"%s\",\"variation\":0}",
                                 json[at - 1] == '[' ? "" : ",", word);
        }
    }
    snprintf(json + at, sizeof json - at, "]}");
    snprintf(path, sizeof path, "/flags/%s", key);
    add(f, path, json);
}

static const char *order(struct fixture *f)
{
    size_t at = 0;
    assert_true(store_set_order(&f->set));
    f->text[0] = '\0';
    for (size_t i = 0; i < f->set.count; i++) {
        const struct store_set_item *item = store_set_at(&f->set, i);
        at += (size_t)snprintf(f->text + at, sizeof f->text - at, "%s%s%.*s", i > 0 ? " " : "",
                               item->kind == IMAGE_SEGMENT ? "s:" : "", (int)item->key_length,
                               item->key);
    }
    return f->text;
}

/* ---- the order ----------------------------------------------------------------------------- */

static void segments_come_before_flags(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "a", 1, "");
    add(f, "/segments/z", "{\"version\":1}");
    add(f, "/segments/y", "{\"version\":1}");
    assert_string_equal(order(f), "s:y s:z a");
}

static void prerequisites_come_before_what_needs_them(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "a", 1, "b d");
    add_flag(f, "b", 1, "c");
    add_flag(f, "c", 1, "");
    add_flag(f, "d", 1, "c");
    add_flag(f, "e", 1, "");
    assert_string_equal(order(f), "c e d b a");
}

static void what_is_not_there_keeps_nobody_waiting(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "a", 1, "nowhere b b");
    add_flag(f, "b", 1, "");
    assert_string_equal(order(f), "b a");
}

static void circles_come_last_and_whole(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "a", 1, "b");
    add_flag(f, "b", 1, "a");
    add_flag(f, "c", 1, "c");
    add_flag(f, "d", 1, "a");
    add_flag(f, "e", 1, "");
    assert_string_equal(order(f), "e a b c d");
}

static void tombstones_need_nobody(void **state)
{
    struct fixture *f = *state;
    add(f, "/flags/a", "{\"version\":3,\"deleted\":true,\"prerequisites\":[{\"key\":\"b\"}]}");
    add_flag(f, "b", 1, "a");
    assert_string_equal(order(f), "a b");
    assert_true(store_set_at(&f->set, 0)->deleted);
}

static void the_last_of_a_name_counts(void **state)
{
    struct fixture *f = *state;
    add_flag(f, "a", 1, "");
    add_flag(f, "b", 1, "");
    add_flag(f, "a", 2, "b");
    assert_string_equal(order(f), "b a");
    assert_int_equal(store_set_find(&f->set, IMAGE_FLAG, "a", 1)->version, 2);
    assert_null(store_set_find(&f->set, IMAGE_SEGMENT, "a", 1));
    assert_null(store_set_find(&f->set, IMAGE_FLAG, "", 0));
}

static void nothing_has_an_order_too(void **state)
{
    assert_string_equal(order(*state), "");
}

static void a_long_chain_is_no_problem(void **state)
{
    struct store_set set = {0};
    enum { LONG = 20000 };
    static struct model_item *models[LONG];
    (void)state;
    for (int i = 0; i < LONG; i++) {
        char path[64];
        char json[128];
        struct fault fault;
        snprintf(path, sizeof path, "/flags/f%05d", i);
        snprintf(json, sizeof json, "{\"prerequisites\":[{\"key\":\"f%05d\",\"variation\":0}]}",
                 i + 1);
        models[i] = launchdarkly_parse_item(path, json, strlen(json), &fault);
        assert_non_null(models[i]);
        assert_true(store_set_add(&set, IMAGE_FLAG, models[i]->key.text, models[i]->key.length,
                                  "{}", 2, models[i]));
    }
    assert_true(store_set_order(&set));
    assert_int_equal(set.count, LONG);
    for (size_t i = 0; i < LONG; i++) {
        assert_memory_equal(store_set_at(&set, i)->key, models[LONG - 1 - i]->key.text, 6);
        model_free(models[LONG - 1 - i]);
    }
    store_set_free(&set);
}

/* ---- comparing ----------------------------------------------------------------------------- */

static void see(struct fixture *f, enum image_blob_kind kind, const char *key, const char *json)
{
    assert_true(store_compare_see(&f->compare, kind, key, strlen(key), json, strlen(json)));
}

static const char flag_a[] = "{\"key\":\"a\",\"version\":5,\"salt\":\"x\"}";

/* The set has a in version 5 and a segment; the store has the segment. */
static void begin(struct fixture *f)
{
    if (f->set.count == 0) {
        add(f, "/flags/a", flag_a);
        add(f, "/segments/s", "{\"version\":1}");
        order(f);
    }
    store_compare_begin(&f->compare, &f->set, true);
    see(f, IMAGE_SEGMENT, "s", "{\"version\":1}");
}

static bool equal_with(struct fixture *f, const char *json)
{
    begin(f);
    see(f, IMAGE_FLAG, "a", json);
    return store_compare_equal(&f->compare);
}

static void the_same_bytes_are_the_same(void **state)
{
    struct fixture *f = *state;
    assert_true(equal_with(f, flag_a));
    see(f, IMAGE_FLAG, "a", flag_a); /* twice */
    assert_true(store_compare_equal(&f->compare));
    assert_int_equal(f->compare.newer, 0);
}

static void the_same_version_in_other_words_is_the_same(void **state)
{
    assert_true(
        equal_with(*state, "{\"salt\":\"x\", \"version\":5.0, \"key\":\"a\", \"on\":false}"));
}

static void another_version_is_different(void **state)
{
    struct fixture *f = *state;
    assert_false(equal_with(f, "{\"version\":4,\"salt\":\"x\"}"));
    assert_false(equal_with(f, "{\"version\":6,\"salt\":\"other\"}")); /* another environment's */
    assert_false(equal_with(f, "{\"version\":5,\"deleted\":true}"));
    assert_false(equal_with(f, "{\"version\":"));
    assert_int_equal(f->compare.unreadable, 1);
    assert_false(equal_with(f, "7"));
    assert_false(equal_with(f, ""));
}

static void a_newer_version_of_the_same_stays(void **state)
{
    struct fixture *f = *state;
    const char newer[] = "{\"version\":6,\"salt\":\"x\"}";
    const char tombstone[] = "{\"version\":9,\"deleted\":true}";
    assert_true(equal_with(f, newer));
    const struct store_set_item *item = store_set_find(&f->set, IMAGE_FLAG, "a", 1);
    assert_int_equal(item->newer_length, strlen(newer));
    assert_memory_equal(item->newer, newer, strlen(newer));
    assert_true(equal_with(f, tombstone));
    assert_memory_equal(item->newer, tombstone, strlen(tombstone));
    assert_true(equal_with(f, flag_a));
    assert_null(item->newer);
}

static void what_is_missing_or_too_much_is_different(void **state)
{
    struct fixture *f = *state;
    begin(f);
    assert_false(store_compare_equal(&f->compare));
    see(f, IMAGE_FLAG, "a", flag_a);
    see(f, IMAGE_FLAG, "b", "{\"version\":1,\"deleted\":true}"); /* as good as nothing */
    assert_true(store_compare_equal(&f->compare));
    see(f, IMAGE_FLAG, "c", "{\"version\":1}");
    assert_false(store_compare_equal(&f->compare));
}

static void what_is_too_much_stays_later(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 2; i++) {
        store_compare_begin(&f->compare, &f->set, false);
        see(f, IMAGE_SEGMENT, "s", "{\"version\":1}");
        see(f, IMAGE_FLAG, "a", flag_a);
        see(f, IMAGE_FLAG, "b", "{\"version\":1,\"deleted\":true}");
        for (int n = 0; n < 600; n++) {
            char key[16];
            snprintf(key, sizeof key, "c%d", n);
            see(f, IMAGE_FLAG, key, "{\"version\":1}");
        }
        assert_true(store_compare_equal(&f->compare));
        assert_int_equal(f->set.count, 603);
        assert_memory_equal(store_set_at(&f->set, 602)->key, "c599", 4);
        assert_null(store_set_find(&f->set, IMAGE_FLAG, "b", 1));
    }
    see(f, IMAGE_FLAG, "d", "{\"version\":"); /* not readable, so not newer */
    assert_false(store_compare_equal(&f->compare));
    begin(f);
    assert_int_equal(f->set.count, 2);
}

static void a_tombstone_need_not_be_there(void **state)
{
    struct fixture *f = *state;
    add(f, "/flags/gone", "{\"version\":5,\"deleted\":true}");
    order(f);
    store_compare_begin(&f->compare, &f->set, true);
    assert_true(store_compare_equal(&f->compare));
    see(f, IMAGE_FLAG, "gone", "{\"version\":4}");
    assert_false(store_compare_equal(&f->compare));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(segments_come_before_flags),
        TEST(prerequisites_come_before_what_needs_them),
        TEST(what_is_not_there_keeps_nobody_waiting),
        TEST(circles_come_last_and_whole),
        TEST(tombstones_need_nobody),
        TEST(the_last_of_a_name_counts),
        TEST(nothing_has_an_order_too),
        TEST(a_long_chain_is_no_problem),
        TEST(the_same_bytes_are_the_same),
        TEST(the_same_version_in_other_words_is_the_same),
        TEST(another_version_is_different),
        TEST(a_newer_version_of_the_same_stays),
        TEST(what_is_missing_or_too_much_is_different),
        TEST(what_is_too_much_stays_later),
        TEST(a_tombstone_need_not_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
