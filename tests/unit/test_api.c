/* The API as programs call it, on a store that the agent's own code publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "ffshm.h"
#include "live_store.h"

static struct live_store store;
static struct ffshm *ff;
static struct ffshm_context who;

static void put(const char *key, const char *variations, int variation)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"version\":7,\"on\":true,\"variations\":%s,\"fallthrough\":{\"variation\":%d},"
             "\"ffshm\":{\"variants\":[\"one\",\"two\"],\"tags\":[\"red\",\"blue\"]}}",
             variations, variation);
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

/* Before the first snapshot a store looks for one by the clock: here it is told. */
static void publish(void)
{
    live_store_publish(&store);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
}

static int set_up(void **state)
{
    (void)state;
    live_store_open(&store);
    ff = ffshm_open(store.dir, NULL);
    ffshm_context_init(&who, NULL, "somebody");
    return ff == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    ffshm_close(ff);
    live_store_close(&store);
    return 0;
}

static void before_the_first_snapshot_everything_is_the_fallback(void **state)
{
    (void)state;
    struct ffshm_flag handle = FFSHM_FLAG("a");
    struct ffshm_detail d;
    struct ffshm_view view;
    char text[8];
    assert_true(ffshm_bool(ff, "a", &who, true));
    assert_int_equal(ffshm_flag_int(ff, &handle, &who, -3), -3);
    assert_int_equal(ffshm_string(ff, "a", &who, "none", text, sizeof text), 4);
    assert_string_equal(text, "none");
    assert_int_equal(ffshm_int_detail(ff, "a", &who, 5, &d), 5);
    assert_int_equal(d.reason, FFSHM_REASON_ERROR);
    assert_int_equal(d.error, FFSHM_NOT_READY);
    assert_int_equal(d.variation, -1);
    ffshm_pin(ff, &view);
    assert_int_equal(ffshm_evaluate(&view, "a", &who).error, FFSHM_NOT_READY);
    assert_int_equal(ffshm_each(&view, NULL, NULL), 0);
    ffshm_unpin(&view);
    ffshm_unpin(&view);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    assert_false(status.ready);
    assert_int_equal(status.snapshot_age_ms, -1);
}

static void a_value_comes_with_its_detail(void **state)
{
    (void)state;
    struct ffshm_detail d;
    put("a", "[true, false]", 1);
    publish();
    assert_false(ffshm_bool_detail(ff, "a", &who, true, &d));
    assert_int_equal(d.reason, FFSHM_REASON_FALLTHROUGH);
    assert_int_equal(d.error, FFSHM_OK);
    assert_int_equal(d.variation, 1);
    assert_int_equal(d.rule_index, -1);
    assert_string_equal(d.variant, "two");
    assert_int_equal(d.flag_version, 7);
    assert_int_not_equal(d.generation, 0);
    ffshm_bool_detail(ff, "b", &who, true, &d);
    assert_int_equal(d.error, FFSHM_FLAG_NOT_FOUND);
    assert_int_equal(d.flag_version, 0);
    ffshm_bool_detail(ff, NULL, &who, true, &d);
    assert_int_equal(d.error, FFSHM_FLAG_NOT_FOUND);
    ffshm_bool_detail(ff, "a", NULL, true, &d);
    assert_int_equal(d.error, FFSHM_INVALID_CONTEXT);
    assert_int_equal(d.flag_version, 7);
    assert_int_equal(ffshm_int_detail(ff, "a", &who, 9, &d), 9);
    assert_int_equal(d.error, FFSHM_WRONG_TYPE);
    assert_int_equal(d.variation, -1);
    assert_string_equal(d.variant, "");
}

/* Short keys, long ones, many with one hash to begin with: each flag gives its own number, wherever
   its key's text lies, also at the end of the last page that there is; and no other key does. */
static void a_key_is_found_whatever_its_length_and_place(void **state)
{
    (void)state;
    enum { LENGTHS = 70, KEYS = 500, PAGE = 4096 };
    char key[LENGTHS + 2];
    char numbers[64];
    char *const pages =
        mmap(NULL, (size_t)2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED && mprotect(pages + PAGE, PAGE, PROT_NONE) == 0);
    for (int i = 0; i < KEYS; i++) {
        const int length = i < LENGTHS ? i + 1 : snprintf(key, sizeof key, "key-%d", i);
        if (i < LENGTHS) {
            memset(key, 'x', (size_t)length);
        }
        key[length] = '\0';
        snprintf(numbers, sizeof numbers, "[%d, -1]", i);
        put(key, numbers, 0);
    }
    publish();
    for (int i = 0; i < KEYS; i++) {
        const int length = i < LENGTHS ? i + 1 : snprintf(key, sizeof key, "key-%d", i);
        if (i < LENGTHS) {
            memset(key, 'x', (size_t)length);
        }
        key[length] = '\0';
        for (int before_end = 0; before_end < 40; before_end++) {
            char *const at = pages + PAGE - length - 1 - before_end;
            memcpy(at, key, (size_t)length + 1);
            assert_int_equal(ffshm_int(ff, at, &who, -2), i);
            at[length / 2] = '!';
            assert_int_equal(ffshm_int(ff, at, &who, -2), -2);
        }
    }
    assert_int_equal(ffshm_int(ff, "", &who, -2), -2);
    munmap(pages, (size_t)2 * PAGE);
}

#define ROLLOUT(more, second)                                                                      \
    "{\"version\":1,\"on\":true,\"salt\":\"s\",\"variations\":[10,20,\"text\"],\"fallthrough\":"   \
    "{\"rollout\":{" more "\"variations\":[{\"variation\":0,\"weight\":40000},"                    \
    "{\"variation\":" second ",\"weight\":60000}]}}}"

/* The short ways to a rollout's variation, and the long one of the functions with details. */
static void a_rollout_gives_the_same_by_every_way(void **state)
{
    (void)state;
    static const char *const flags[] = {
        ROLLOUT("", "1"),
        ROLLOUT("\"seed\":61,", "1"),
        ROLLOUT("", "2"),                            /* another type than the caller's */
        ROLLOUT("", "7"),                            /* no such variation */
        ROLLOUT("\"contextKind\":\"device\",", "1"), /* that the context has not */
        ROLLOUT("\"bucketBy\":\"group\",", "1"),
        ROLLOUT("\"bucketBy\":\"//\",", "1"),
        ROLLOUT("\"kind\":\"experiment\",", "1"),
    };
    enum { FLAGS = sizeof flags / sizeof flags[0], PEOPLE = 100 };
    char key[80];
    for (int f = 0; f < FLAGS; f++) {
        snprintf(key, sizeof key, "rollout-%d", f);
        live_store_put_text(&store, IMAGE_FLAG, key, flags[f]);
    }
    publish();
    for (int f = 0; f < FLAGS; f++) {
        char name[16];
        unsigned served[3] = {0};
        snprintf(name, sizeof name, "rollout-%d", f);
        struct ffshm_flag handle = FFSHM_FLAG(name);
        for (int i = 0; i < PEOPLE; i++) {
            struct ffshm_context c;
            struct ffshm_detail d;
            /* Some keys need a second block of SHA-1. */
            snprintf(key, sizeof key, "%0*d", i % 2 ? 8 : 60, i);
            ffshm_context_init(&c, NULL, key);
            ffshm_context_number(&c, "group", i);
            const int64_t expected = ffshm_int_detail(ff, name, &c, 30, &d);
            assert_int_equal(ffshm_int(ff, name, &c, 30), expected);
            assert_int_equal(ffshm_flag_int(ff, &handle, &c, 30), expected);
            served[expected / 10 - 1]++;
        }
        if (f < 2) {
            assert_in_range(served[0], 20, 60);
            assert_int_equal(served[2], 0);
        }
    }
}

static void numbers_truncate_and_saturate(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t expected;
    } cases[] = {
        {"[2.9]", 2},
        {"[-2.9]", -2},
        {"[1e300]", INT64_MAX},
        {"[-1e300]", INT64_MIN},
        {"[9223372036854775808.0]", INT64_MAX},
        {"[-9223372036854775809.0]", INT64_MIN},
        {"[9007199254740993.0]", 9007199254740992}, /* a double between two integers */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put("n", cases[i].json, 0);
        publish();
        assert_int_equal(ffshm_int(ff, "n", &who, 0), cases[i].expected);
    }
    put("n", "[2.5]", 0);
    live_store_publish(&store);
    assert_true(ffshm_double(ff, "n", &who, 0) == 2.5);
}

static void strings_are_copied_as_snprintf_does(void **state)
{
    (void)state;
    char text[8];
    put("s", "[\"seven77\"]", 0);
    put("j", "[{\"a\": [1, null]}]", 0);
    publish();
    memset(text, 'x', sizeof text);
    assert_int_equal(ffshm_string(ff, "s", &who, "", text, sizeof text), 7);
    assert_string_equal(text, "seven77");
    memset(text, 'x', sizeof text);
    assert_int_equal(ffshm_string(ff, "s", &who, "", text, 7), 7);
    assert_string_equal(text, "seven7");
    assert_int_equal(text[7], 'x');
    memset(text, 'x', sizeof text);
    assert_int_equal(ffshm_string(ff, "s", &who, "", text, 1), 7);
    assert_string_equal(text, "");
    assert_int_equal(text[1], 'x');
    assert_int_equal(ffshm_string(ff, "s", &who, "", NULL, 0), 7);
    assert_int_equal(ffshm_string(ff, "j", &who, NULL, text, sizeof text), 0);
    assert_string_equal(text, "");
    char json[32];
    assert_int_equal(ffshm_json(ff, "j", &who, "0", json, sizeof json), 14);
    assert_string_equal(json, "{\"a\":[1,null]}");
    assert_int_equal(ffshm_json(ff, "s", &who, "0", json, sizeof json), 9);
    assert_string_equal(json, "\"seven77\"");
}

static void a_handle_follows_its_flag(void **state)
{
    (void)state;
    struct ffshm_flag handle = FFSHM_FLAG("late");
    struct ffshm_flag nameless = {0};
    char text[8];
    put("early", "[1]", 0);
    publish();
    assert_int_equal(ffshm_flag_int(ff, &handle, &who, -1), -1);
    put("late", "[2]", 0);
    live_store_publish(&store);
    assert_int_equal(ffshm_flag_int(ff, &handle, &who, -1), 2);
    put("late", "[3]", 0);
    live_store_publish(&store);
    assert_true(ffshm_flag_double(ff, &handle, &who, -1) == 3);
    publisher_remove(store.publisher, IMAGE_FLAG, "late", 4);
    live_store_publish(&store);
    assert_int_equal(ffshm_flag_int(ff, &handle, &who, -1), -1);
    put("late", "[\"four\"]", 0);
    live_store_publish(&store);
    assert_int_equal(ffshm_flag_string(ff, &handle, &who, "", text, sizeof text), 4);
    assert_string_equal(text, "four");
    assert_int_equal(ffshm_flag_json(ff, &handle, &who, "", text, sizeof text), 6);
    assert_true(ffshm_flag_bool(ff, &nameless, &who, true));
}

static void a_handle_serves_many_stores(void **state)
{
    (void)state;
    struct ffshm_flag handle = FFSHM_FLAG("shared");
    struct live_store other;
    live_store_open(&other);
    /* The other store has another flag in the slot that the first one gives to "shared". */
    live_store_put_text(
        &other, IMAGE_FLAG, "padding",
        "{\"version\":1,\"on\":true,\"variations\":[99],\"fallthrough\":{\"variation\":0}}");
    live_store_put_text(
        &other, IMAGE_FLAG, "shared",
        "{\"version\":1,\"on\":true,\"variations\":[20],\"fallthrough\":{\"variation\":0}}");
    live_store_publish(&other);
    put("shared", "[10]", 0);
    publish();
    struct ffshm *second = ffshm_open(other.dir, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ffshm_flag_int(ff, &handle, &who, -1), 10);
        assert_int_equal(ffshm_flag_int(second, &handle, &who, -1), 20);
    }
    ffshm_close(second);
    live_store_close(&other);
}

static void a_view_stays_at_its_version(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "missing"};
    struct ffshm_view view;
    struct ffshm_result results[3];
    put("a", "[\"old\"]", 0);
    put("b", "[{\"k\":1}]", 0);
    publish();
    ffshm_pin(ff, &view);
    for (int i = 0; i < 40; i++) { /* more publishes than are retained */
        put("a", i % 2 ? "[\"new\"]" : "[\"newer\"]", 0);
        publish();
    }
    assert_int_equal(ffshm_evaluate_many(&view, keys, 3, &who, results), 2);
    assert_string_equal(results[0].string, "old");
    assert_int_equal(results[0].string_length, 3);
    assert_string_equal(results[0].json, "\"old\"");
    assert_string_equal(results[0].variant, "one");
    assert_int_equal(results[1].type, FFSHM_TYPE_OBJECT);
    assert_null(results[1].string);
    assert_string_equal(results[1].json, "{\"k\":1}");
    assert_int_equal(results[2].error, FFSHM_FLAG_NOT_FOUND);
    assert_int_equal(results[2].type, FFSHM_TYPE_NULL);
    assert_null(results[2].json);
    ffshm_unpin(&view);
    assert_null(view.snapshot);
    char text[8];
    ffshm_string(ff, "a", &who, "", text, sizeof text);
    assert_string_equal(text, "new");
}

struct seen {
    unsigned flags;
    unsigned limit;
};

static bool see(void *arg, const struct ffshm_flag_info *info)
{
    struct seen *seen = arg;
    assert_int_equal(info->version, 7);
    assert_int_equal(info->variation_count, 1);
    assert_int_equal(info->tag_count, 2);
    assert_string_equal(ffshm_flag_tag(info, 0), "red");
    assert_string_equal(ffshm_flag_tag(info, 1), "blue");
    assert_null(ffshm_flag_tag(info, 2));
    assert_string_equal(info->provenance, "test");
    assert_true(info->on);
    seen->flags |= 1u << (info->key[0] - 'a');
    return --seen->limit > 0;
}

static void each_shows_every_flag_once(void **state)
{
    (void)state;
    struct ffshm_view view;
    for (char key[] = "a"; key[0] <= 'j'; key[0]++) {
        put(key, "[1]", 0);
    }
    live_store_put_text(&store, IMAGE_SEGMENT, "segment", "{\"version\":1}");
    publish();
    ffshm_pin(ff, &view);
    struct seen seen = {0, 100};
    assert_int_equal(ffshm_each(&view, see, &seen), 10);
    assert_int_equal(seen.flags, 0x3ff);
    seen = (struct seen){0, 3};
    assert_int_equal(ffshm_each(&view, see, &seen), 3);
    ffshm_unpin(&view);
}

static void events_count_as_dropped(void **state)
{
    (void)state;
    struct ffshm_status status;
    const double value = 1;
    ffshm_track(ff, "bought", &who, 42.5);
    ffshm_track_data(ff, "bought", &who, &value, "{}");
    ffshm_identify(ff, &who);
    assert_int_equal(ffshm_flush(ff), FFSHM_OK);
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_events, 3);
}

static void options_are_checked(void **state)
{
    (void)state;
    struct ffshm_options options = {.size = sizeof options, .refresh = 7};
    assert_null(ffshm_open(store.dir, &options));
    options = (struct ffshm_options){.size = 1};
    assert_null(ffshm_open(store.dir, &options));
    options = (struct ffshm_options){.size = sizeof options, .refresh = FFSHM_REFRESH_MANUAL};
    put("a", "[1]", 0);
    live_store_publish(&store);
    struct ffshm *manual = ffshm_open(store.dir, &options);
    put("a", "[2]", 0);
    live_store_publish(&store);
    assert_int_equal(ffshm_int(manual, "a", &who, 0), 1);
    assert_int_equal(ffshm_refresh(manual), FFSHM_OK);
    assert_int_equal(ffshm_int(manual, "a", &who, 0), 2);
    ffshm_close(manual);
    ffshm_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(before_the_first_snapshot_everything_is_the_fallback),
        TEST(a_value_comes_with_its_detail),
        TEST(a_key_is_found_whatever_its_length_and_place),
        TEST(a_rollout_gives_the_same_by_every_way),
        TEST(numbers_truncate_and_saturate),
        TEST(strings_are_copied_as_snprintf_does),
        TEST(a_handle_follows_its_flag),
        TEST(a_handle_serves_many_stores),
        TEST(a_view_stays_at_its_version),
        TEST(each_shows_every_flag_once),
        TEST(events_count_as_dropped),
        TEST(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
