/* Who refers to whom, while items come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "catalog/catalog.h"

#define NEEDS_B_TWICE                                                                              \
    "{\"prerequisites\":[{\"key\":\"b\",\"variation\":0},{\"key\":\"b\",\"variation\":1},"         \
    "{\"key\":\"c\",\"variation\":0}],\"rules\":[{\"clauses\":[{\"op\":\"segmentMatch\","          \
    "\"values\":[\"s\",\"t\",\"s\"]}],\"variation\":0}],\"variations\":[1,2]}"
#define OF_S                                                                                       \
    "{\"rules\":[{\"clauses\":[{\"op\":\"segmentMatch\",\"values\":[\"s\",\"b\"]},"                \
    "{\"op\":\"in\",\"attribute\":\"key\",\"values\":[\"c\"]}]}]}"

static struct model_item *make(enum image_blob_kind kind, const char *key, const char *json)
{
    struct fault fault;
    json_t *value = json_loads(json, 0, NULL);
    struct model_item *item = model_parse(kind, key, value, "file:f", &fault);
    assert_non_null(item);
    json_decref(value);
    return item;
}

static void note(void *arg, enum image_blob_kind kind, const char *key)
{
    strcat(arg, kind == IMAGE_SEGMENT ? "s:" : "");
    strcat(arg, key);
    strcat(arg, " ");
}

static void expect(const struct referrers *r, enum image_blob_kind kind, const char *key,
                   const char *expected)
{
    char text[128] = "";
    assert_true(referrers_each(r, kind, key, note, text));
    assert_string_equal(text, expected);
}

static void each_is_told_once_and_only_of_the_kind_that_it_names(void **state)
{
    struct referrers *r = referrers_new();
    struct model_item *flag = make(IMAGE_FLAG, "a", NEEDS_B_TWICE);
    struct model_item *segment = make(IMAGE_SEGMENT, "a", OF_S);
    (void)state;
    referrers_add(r, flag);
    referrers_add(r, segment);
    expect(r, IMAGE_FLAG, "b", "a ");
    expect(r, IMAGE_FLAG, "c", "a ");
    expect(r, IMAGE_FLAG, "s", "");
    expect(r, IMAGE_SEGMENT, "s", "a s:a ");
    expect(r, IMAGE_SEGMENT, "t", "a ");
    expect(r, IMAGE_SEGMENT, "b", "s:a ");
    expect(r, IMAGE_SEGMENT, "c", "");
    referrers_remove(r, flag);
    expect(r, IMAGE_FLAG, "b", "");
    expect(r, IMAGE_SEGMENT, "s", "s:a ");
    referrers_remove(r, segment);
    expect(r, IMAGE_SEGMENT, "s", "");
    model_free(flag);
    model_free(segment);
    referrers_free(r);
}

static void who_was_added_twice_is_to_be_removed_twice(void **state)
{
    struct referrers *r = referrers_new();
    struct model_item *of_a_file = make(IMAGE_FLAG, "a", NEEDS_B_TWICE);
    struct model_item *other =
        make(IMAGE_FLAG, "a", "{\"prerequisites\":[{\"key\":\"b\",\"variation\":0}]}");
    (void)state;
    referrers_add(r, of_a_file);
    referrers_add(r, other);
    referrers_remove(r, of_a_file);
    expect(r, IMAGE_FLAG, "b", "a ");
    expect(r, IMAGE_FLAG, "c", "");
    referrers_remove(r, other);
    expect(r, IMAGE_FLAG, "b", "");
    model_free(of_a_file);
    model_free(other);
    referrers_free(r);
}

/* ---- as the catalog keeps them ---- */

static void expect_of(const struct catalog *c, const char *expected)
{
    char text[128] = "";
    catalog_referrers(c, IMAGE_FLAG, "b", note, text);
    assert_string_equal(text, expected);
}

static struct model_item *needing(const char *key, int version)
{
    struct fault fault;
    json_t *value = json_pack("{s:i, s:[{s:s, s:i}]}", "version", version, "prerequisites", "key",
                              version == 0 ? "other" : "b", "variation", 0);
    struct model_item *item = model_parse(IMAGE_FLAG, key, value, "file:f", &fault);
    assert_non_null(item);
    json_decref(value);
    return item;
}

static void a_catalog_knows_those_of_all_its_layers(void **state)
{
    struct catalog *c = catalog_new();
    struct model_item *items[] = {needing("x", 1), needing("y", 1)};
    struct model_item *fewer[] = {needing("y", 1)};
    (void)state;
    assert_int_equal(catalog_replace(c, CATALOG_FILE, items, 2), 0);
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, needing("x", 0)), 0);
    expect_of(c, "x y "); /* the file's is below */
    assert_int_equal(catalog_replace(c, CATALOG_FILE, fewer, 1), 0);
    expect_of(c, "y ");
    assert_int_equal(catalog_put(c, CATALOG_FILE, needing("y", 1)), 0); /* the same again */
    assert_int_equal(catalog_remove(c, CATALOG_FILE, IMAGE_FLAG, "y", 1), 0);
    expect_of(c, "");
    catalog_free(c);
}

static void a_change_that_is_undone_leaves_them_as_they_were(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct catalog *c = catalog_new();
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, needing("x", 1)), 0);
        catalog_change_begin(c);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, needing("x", 0)), 0);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, needing("y", 1)), 0);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, needing("y", 2)), 0);
        expect_of(c, "x y ");
        if (keep) {
            catalog_change_keep(c);
            expect_of(c, "y ");
        } else {
            catalog_change_undo(c);
            expect_of(c, "x ");
        }
        catalog_tidy(c);
        expect_of(c, keep ? "y " : "x ");
        catalog_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_once_and_only_of_the_kind_that_it_names),
        cmocka_unit_test(who_was_added_twice_is_to_be_removed_twice),
        cmocka_unit_test(a_catalog_knows_those_of_all_its_layers),
        cmocka_unit_test(a_change_that_is_undone_leaves_them_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
