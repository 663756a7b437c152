/* Layers of definitions, what is in force, and what is handed out as changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"

/* ---- helpers ------------------------------------------------------------------------------ */

static struct model_item *make_from(enum image_blob_kind kind, const char *key, const char *json,
                                    const char *provenance)
{
    json_t *value = json_loads(json, 0, NULL);
    assert_non_null(value);
    struct fault fault;
    struct model_item *item = model_parse(kind, key, value, provenance, &fault);
    assert_non_null(item);
    json_decref(value);
    return item;
}

static struct model_item *make(const char *key, const char *json)
{
    return make_from(IMAGE_FLAG, key, json, "file:f");
}

/* The changes as text: "a=3 b- ", the version or - for gone, s: before a segment. */
static void note(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                 const struct model_item *item)
{
    char *text = arg;
    char one[64];
    assert_int_equal(strlen(key), length);
    if (item != NULL) {
        (void)snprintf(one, sizeof one, "%s%s=%d ", kind == IMAGE_SEGMENT ? "s:" : "", key,
                       (int)item->version);
    } else {
        (void)snprintf(one, sizeof one, "%s%s- ", kind == IMAGE_SEGMENT ? "s:" : "", key);
    }
    (void)strcat(text, one);
}

static void expect_changes(struct catalog *c, const char *expected)
{
    char text[512] = "";
    assert_int_equal(catalog_changed(c), expected[0] != '\0');
    catalog_changes(c, note, text);
    assert_string_equal(text, expected);
    assert_false(catalog_changed(c));
}

static void replace(struct catalog *c, enum catalog_layer layer, size_t count, ...)
{
    struct model_item *items[8];
    va_list arguments;
    va_start(arguments, count);
    for (size_t i = 0; i < count; i++) {
        items[i] = va_arg(arguments, struct model_item *);
    }
    va_end(arguments);
    assert_int_equal(catalog_replace(c, layer, items, count), 0);
}

static int64_t version_of(const struct catalog *c, const char *key)
{
    const struct model_item *item = catalog_get(c, IMAGE_FLAG, key, strlen(key));
    return item == NULL ? -1 : item->version;
}

static void count_items(void *arg, const struct model_item *item)
{
    (void)item;
    (*(size_t *)arg)++;
}

static size_t count_in_force(const struct catalog *c)
{
    size_t count = 0;
    catalog_each(c, count_items, &count);
    return count;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void changes_are_handed_out_once_in_their_order(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    expect_changes(c, "");
    replace(c, CATALOG_FILE, 3, make("b", "{\"version\":1}"), make("a", "{\"version\":2}"),
            make_from(IMAGE_SEGMENT, "a", "{\"version\":3}", "file:f"));
    expect_changes(c, "b=1 a=2 s:a=3 ");
    expect_changes(c, "");
    assert_int_equal(count_in_force(c), 3);
    catalog_free(c);
}

static void an_equal_definition_is_no_change(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1,\"on\":true}"),
            make("b", "{\"version\":1,\"variations\":[1,\"x\",{\"y\":0.5}]}"));
    expect_changes(c, "a=1 b=1 ");
    const struct model_item *before = catalog_get(c, IMAGE_FLAG, "a", 1);
    /* members in another order are equal, too */
    replace(c, CATALOG_FILE, 2, make("b", "{\"version\":1,\"variations\":[1,\"x\",{\"y\":0.5}]}"),
            make("a", "{\"on\":true,\"version\":1}"));
    expect_changes(c, "");
    assert_ptr_equal(catalog_get(c, IMAGE_FLAG, "a", 1), before);
    catalog_free(c);
}

static void any_difference_is_a_change(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "{\"version\":1,\"variations\":[\"ab\",\"c\"]}",
        "{\"version\":1,\"variations\":[\"a\",\"bc\"]}",
        "{\"version\":1,\"variations\":[[],[1]]}",
        "{\"version\":1,\"variations\":[[1],[]]}",
        "{\"version\":1,\"variations\":[{\"a\":1}]}",
        "{\"version\":1,\"variations\":[{\"b\":1}]}",
        "{\"version\":1,\"variations\":[1]}",
        "{\"version\":1,\"variations\":[1.0]}",
        "{\"version\":1,\"variations\":[\"1\"]}",
        "{\"version\":1,\"variations\":[true]}",
        "{\"version\":1,\"variations\":[null]}",
        "{\"version\":1,\"variations\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"ffshm\":{\"tags\":[]}}",
    };
    struct catalog *c = catalog_new();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        replace(c, CATALOG_FILE, 1, make("a", forms[i]));
        expect_changes(c, "a=1 ");
    }
    replace(c, CATALOG_FILE, 1, make_from(IMAGE_FLAG, "a", "{\"version\":1}", "file:g"));
    expect_changes(c, "a=1 ");
    replace(c, CATALOG_FILE, 1, make_from(IMAGE_FLAG, "a", "{\"version\":1}", "file:h"));
    expect_changes(c, "a=1 ");
    catalog_free(c);
}

static void a_replaced_layer_forgets_what_is_no_longer_in_it(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1}"), make("b", "{\"version\":1}"));
    expect_changes(c, "a=1 b=1 ");
    replace(c, CATALOG_FILE, 1, make("b", "{\"version\":1}"));
    expect_changes(c, "a- ");
    replace(c, CATALOG_FILE, 0);
    expect_changes(c, "b- ");
    assert_int_equal(version_of(c, "b"), -1);
    assert_int_equal(count_in_force(c), 0);
    catalog_free(c);
}

static void the_topmost_layer_is_in_force(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_LAUNCHDARKLY, 1, make("a", "{\"version\":1}"));
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":3}")), 0);
    expect_changes(c, "a=3 ");
    assert_int_equal(catalog_put(c, CATALOG_FILE, make("a", "{\"version\":2}")), 0);
    expect_changes(c, ""); /* hidden */
    assert_int_equal(version_of(c, "a"), 3);
    assert_int_equal(catalog_remove(c, CATALOG_ADMIN, IMAGE_FLAG, "a", 1), 0);
    expect_changes(c, "a=2 ");
    assert_int_equal(catalog_remove(c, CATALOG_ADMIN, IMAGE_FLAG, "a", 1), -1);
    assert_int_equal(catalog_remove(c, CATALOG_LAUNCHDARKLY, IMAGE_FLAG, "a", 1), 0);
    expect_changes(c, "");
    assert_int_equal(catalog_remove(c, CATALOG_FILE, IMAGE_FLAG, "a", 1), 0);
    expect_changes(c, "a- ");
    assert_int_equal(catalog_remove(c, CATALOG_FILE, IMAGE_FLAG, "a", 1), -1);
    assert_int_equal(catalog_remove(c, CATALOG_FILE, IMAGE_SEGMENT, "x", 1), -1);
    catalog_free(c);
}

static void replacing_a_layer_leaves_the_others(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":7}")), 0);
    replace(c, CATALOG_FILE, 1, make("b", "{\"version\":1}"));
    replace(c, CATALOG_FILE, 0);
    assert_int_equal(version_of(c, "a"), 7);
    assert_int_equal(version_of(c, "b"), -1);
    expect_changes(c, "a=7 b- ");
    catalog_free(c);
}

static void a_tombstone_hides_lower_layers(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":1}"));
    expect_changes(c, "a=1 ");
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":2,\"deleted\":true}")),
                     0);
    expect_changes(c, "a- ");
    assert_int_equal(version_of(c, "a"), 2);
    assert_int_equal(count_in_force(c), 0);
    assert_int_equal(catalog_remove(c, CATALOG_ADMIN, IMAGE_FLAG, "a", 1), 0);
    expect_changes(c, "a=1 ");
    catalog_free(c);
}

static int64_t version_before(const struct catalog *c, const char *key)
{
    const struct model_item *item = catalog_was(c, IMAGE_FLAG, key, strlen(key));
    return item == NULL ? -1 : item->version;
}

static void note_before(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                        const struct model_item *item)
{
    (void)kind, (void)length;
    assert_null(item);
    assert_int_equal(version_before(arg, key), 1);
}

static void what_was_in_force_is_known_until_it_is_tidied(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    assert_int_equal(version_before(c, "a"), -1);
    replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1}"), make("b", "{\"version\":1}"));
    assert_int_equal(version_before(c, "a"), -1);
    expect_changes(c, "a=1 b=1 ");
    replace(c, CATALOG_FILE, 0);
    catalog_changes(c, note_before, c);
    assert_int_equal(version_before(c, "a"), -1); /* nobody has it any more */
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":2}"));
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":3}")), 0);
    assert_int_equal(version_before(c, "a"), 2);
    catalog_tidy(c);
    assert_int_equal(version_before(c, "a"), -1);
    catalog_change_begin(c);
    assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":4}")), 0);
    assert_int_equal(version_before(c, "a"), 3);
    catalog_change_undo(c);
    assert_int_equal(version_of(c, "a"), 3);
    assert_int_equal(catalog_remove(c, CATALOG_ADMIN, IMAGE_FLAG, "a", 1), 0);
    assert_int_equal(version_before(c, "a"), 3);
    catalog_free(c);
}

/* ---- overrides and changes ---- */

static const struct override killed = {.kind = OVERRIDE_KILL, .reason = "r", .set_by = "ann"};

static void an_override_is_a_change_of_the_flag_that_it_changes(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    assert_int_equal(catalog_override_set(c, "a", 1, &killed), 0);
    expect_changes(c, ""); /* it waits */
    replace(c, CATALOG_FILE, 0);
    assert_non_null(catalog_override(c, "a", 1));
    replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1}"),
            make_from(IMAGE_SEGMENT, "a", "{\"version\":3}", "file:f"));
    expect_changes(c, "a=1 s:a=3 ");
    assert_int_equal(catalog_override_set(c, "a", 1, &killed), 0);
    expect_changes(c, ""); /* the same */
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":2}"));
    expect_changes(c, "a=2 s:a- ");
    assert_int_equal(catalog_override_clear(c, "a", 1), 0);
    expect_changes(c, "a=2 ");
    assert_int_equal(catalog_override_clear(c, "a", 1), -1);
    assert_int_equal(catalog_override_clear(c, "b", 1), -1);
    catalog_free(c);
}

static void count_touched(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                          const struct model_item *item)
{
    size_t *count = arg;
    (void)kind, (void)key, (void)length, (void)item;
    ++*count;
}

static void a_change_is_kept_or_undone_as_a_whole(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct catalog *c = catalog_new();
        char text[512] = "";
        replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1}"), make("b", "{\"version\":1}"));
        expect_changes(c, "a=1 b=1 ");
        const struct model_item *before = catalog_get(c, IMAGE_FLAG, "a", 1);
        catalog_change_begin(c);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":2}")), 0);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":2}")), 0);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("a", "{\"version\":3}")), 0);
        assert_int_equal(catalog_remove(c, CATALOG_FILE, IMAGE_FLAG, "b", 1), 0);
        assert_int_equal(catalog_put(c, CATALOG_ADMIN, make("c", "{\"version\":4}")), 0);
        assert_int_equal(catalog_override_set(c, "a", 1, &killed), 0);
        assert_int_equal(catalog_override_set(c, "z", 1, &killed), 0);
        assert_int_equal(catalog_override_clear(c, "z", 1), 0);
        size_t touched = 0;
        catalog_change_each(c, count_touched, &touched);
        assert_int_equal(touched, 7); /* one put was none */
        expect_changes(c, "a=3 b- c=4 ");
        catalog_change_each(c, note, text);
        assert_string_equal(text, "z- z- a=3 c=4 b- a=3 a=3 ");
        struct model_item *refused = make("x", "{\"version\":1}");
        assert_int_equal(catalog_replace(c, CATALOG_FILE, &refused, 1), -1);
        (keep ? catalog_change_keep : catalog_change_undo)(c);
        expect_changes(c, "");
        assert_int_equal(version_of(c, "a"), keep ? 3 : 1);
        assert_int_equal(version_of(c, "b"), keep ? -1 : 1);
        assert_int_equal(version_of(c, "c"), keep ? 4 : -1);
        assert_int_equal(catalog_override(c, "a", 1) != NULL, keep);
        if (!keep) {
            assert_ptr_equal(catalog_get(c, IMAGE_FLAG, "a", 1), before);
        }
        replace(c, CATALOG_FILE, 0);
        expect_changes(c, keep ? "" : "a- b- ");
        catalog_free(c);
    }
}

static void changes_not_yet_handed_out_are_merged(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":1}"));
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":2}"));
    replace(c, CATALOG_FILE, 0);
    replace(c, CATALOG_FILE, 1, make("a", "{\"version\":3}"));
    expect_changes(c, "a=3 ");
    catalog_free(c);
}

static void the_same_key_twice_in_one_replacement_leaves_the_last(void **state)
{
    (void)state;
    struct catalog *c = catalog_new();
    replace(c, CATALOG_FILE, 2, make("a", "{\"version\":1}"), make("a", "{\"version\":2}"));
    expect_changes(c, "a=2 ");
    catalog_free(c);
}

static void ten_thousand_flags_of_which_one_changes_give_one_change(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    struct catalog *c = catalog_new();
    struct model_item **items = calloc(COUNT, sizeof(struct model_item *));
    assert_non_null(items);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            char key[16];
            char json[64];
            (void)snprintf(key, sizeof key, "flag-%d", i);
            (void)snprintf(json, sizeof json, "{\"version\":%d,\"variations\":[%d]}",
                           i == 77 ? round + 1 : 1, i);
            items[i] = make(key, json);
        }
        assert_int_equal(catalog_replace(c, CATALOG_FILE, items, COUNT), 0);
        if (round == 0) {
            assert_true(catalog_changed(c));
            char *all = calloc(COUNT, 32);
            assert_non_null(all);
            catalog_changes(c, note, all);
            free(all);
        } else {
            expect_changes(c, round == 1 ? "flag-77=2 " : "flag-77=3 ");
        }
    }
    assert_int_equal(count_in_force(c), COUNT);
    free(items);
    catalog_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_handed_out_once_in_their_order),
        cmocka_unit_test(an_equal_definition_is_no_change),
        cmocka_unit_test(any_difference_is_a_change),
        cmocka_unit_test(a_replaced_layer_forgets_what_is_no_longer_in_it),
        cmocka_unit_test(the_topmost_layer_is_in_force),
        cmocka_unit_test(replacing_a_layer_leaves_the_others),
        cmocka_unit_test(a_tombstone_hides_lower_layers),
        cmocka_unit_test(what_was_in_force_is_known_until_it_is_tidied),
        cmocka_unit_test(an_override_is_a_change_of_the_flag_that_it_changes),
        cmocka_unit_test(a_change_is_kept_or_undone_as_a_whole),
        cmocka_unit_test(changes_not_yet_handed_out_are_merged),
        cmocka_unit_test(the_same_key_twice_in_one_replacement_leaves_the_last),
        cmocka_unit_test(ten_thousand_flags_of_which_one_changes_give_one_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
