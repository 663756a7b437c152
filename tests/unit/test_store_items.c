/* What a store had when it was last looked at: what is told after each look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "source/store_items.h"

struct fixture {
    struct store_items *items;
    char told[1024];
    size_t length;
    unsigned changed, gone;
    bool refuses;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.items = store_items_new()};
    assert_non_null(f.items);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    store_items_free(f->items);
    return 0;
}

static bool on_changed(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                       const char *json, size_t length)
{
    struct fixture *f = arg;
    f->changed++;
    if (f->length < sizeof f->told - 100) {
        f->length += (size_t)snprintf(
            f->told + f->length, sizeof f->told - f->length, "%s%.*s=%.*s ",
            kind == IMAGE_FLAG ? "" : "s:", (int)key_length, key, (int)length, json);
    }
    return !f->refuses;
}

static void on_gone(void *arg, enum image_blob_kind kind, const char *key, size_t key_length)
{
    struct fixture *f = arg;
    f->gone++;
    f->length += (size_t)snprintf(f->told + f->length, sizeof f->told - f->length, "%s-%.*s ",
                                  kind == IMAGE_FLAG ? "" : "s:", (int)key_length, key);
}

static void see(struct fixture *f, enum image_blob_kind kind, const char *key, const char *json)
{
    assert_true(store_items_see(f->items, kind, key, strlen(key), json, strlen(json)));
}

static const char *end(struct fixture *f)
{
    const struct store_items_teller teller = {on_changed, on_gone, f};
    f->length = f->changed = f->gone = 0;
    f->told[0] = '\0';
    store_items_end(f->items, &teller);
    return f->told;
}

static void only_what_differs_is_told(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_string_equal(end(f), "a=1 ");
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_int_equal(store_items_changes(f->items), 0);
    assert_int_equal(store_items_bytes(f->items), 0);
    assert_string_equal(end(f), "");
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "2");
    assert_string_equal(end(f), "a=2 ");
}

static void a_flag_and_a_segment_of_one_name_are_two(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    see(f, IMAGE_SEGMENT, "a", "2");
    end(f);
    assert_int_equal(f->changed, 2);
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_string_equal(end(f), "s:-a ");
}

static void what_is_not_seen_any_more_is_gone_once(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    end(f);
    store_items_begin(f->items);
    assert_string_equal(end(f), "-a ");
    store_items_begin(f->items);
    assert_string_equal(end(f), "");
    assert_int_equal(store_items_count(f->items), 0);
}

static void a_look_that_is_dropped_has_not_been(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    end(f);
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "2");
    see(f, IMAGE_FLAG, "b", "1");
    store_items_drop(f->items);
    assert_int_equal(store_items_count(f->items), 1);
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_string_equal(end(f), "");
}

static void of_what_is_seen_twice_the_later_counts(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    see(f, IMAGE_FLAG, "a", "2");
    assert_int_equal(store_items_changes(f->items), 1);
    assert_string_equal(end(f), "a=2 ");
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "3");
    see(f, IMAGE_FLAG, "a", "2");
    assert_string_equal(end(f), "");
}

static void what_could_not_be_taken_is_told_again(void **state)
{
    struct fixture *f = *state;
    f->refuses = true;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_string_equal(end(f), "a=1 ");
    f->refuses = false;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    assert_string_equal(end(f), "a=1 ");
    f->refuses = true;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "2");
    end(f);
    store_items_begin(f->items); /* it is gone, and was told once */
    assert_string_equal(end(f), "-a ");
}

static void all_is_new_to_who_has_forgotten(void **state)
{
    struct fixture *f = *state;
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "a", "1");
    end(f);
    store_items_forget(f->items);
    store_items_begin(f->items);
    see(f, IMAGE_FLAG, "b", "1");
    assert_string_equal(end(f), "b=1 ");
}

static void thousands_are_found_again(void **state)
{
    struct fixture *f = *state;
    char key[32];
    for (unsigned round = 0; round < 2; round++) {
        store_items_begin(f->items);
        for (unsigned i = 0; i < 5000; i++) {
            snprintf(key, sizeof key, "flag-%u", i);
            see(f, i % 2 ? IMAGE_FLAG : IMAGE_SEGMENT, key, key);
        }
        end(f);
        assert_int_equal(f->changed, round == 0 ? 5000 : 0);
        assert_int_equal(f->gone, 0);
    }
    assert_int_equal(store_items_count(f->items), 5000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_differs_is_told),
        TEST(a_flag_and_a_segment_of_one_name_are_two),
        TEST(what_is_not_seen_any_more_is_gone_once),
        TEST(a_look_that_is_dropped_has_not_been),
        TEST(of_what_is_seen_twice_the_later_counts),
        TEST(what_could_not_be_taken_is_told_again),
        TEST(all_is_new_to_who_has_forgotten),
        TEST(thousands_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
