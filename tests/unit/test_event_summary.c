/* The summary: counters by version and variation, defaults and kinds, taking and going back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/event_summary.h"

static int64_t known_version; /* of every flag */
static unsigned look_ups;

static json_t *look_up(void *arg, const char *key, int64_t version, int64_t variation)
{
    (void)arg;
    look_ups++;
    return version == known_version ? json_sprintf("%s%d", key, (int)variation) : NULL;
}

static struct event_summary *new_summary(void)
{
    known_version = 1;
    look_ups = 0;
    struct event_summary *const s = event_summary_new(look_up, NULL);
    assert_non_null(s);
    return s;
}

static void count(struct event_summary *s, const char *key, int64_t version, int64_t variation,
                  uint64_t times)
{
    uint64_t lost = 0;
    const struct deliver_count c = {key, version, variation, false, times};
    assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
    assert_int_equal(lost, 0);
}

static void count_unknown(struct event_summary *s, const char *key, uint64_t times)
{
    uint64_t lost = 0;
    const struct deliver_count c = {key, 77, 3, true, times};
    assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
}

/* fallback: JSON; NULL: none. */
static void seen(struct event_summary *s, const char *key, const char *fallback, const char *kind)
{
    json_t *const value = fallback ? json_loads(fallback, JSON_DECODE_ANY, NULL) : NULL;
    const struct deliver_seen told = {key, value, &kind, kind ? 1 : 0};
    assert_int_equal(event_summary_seen(s, &told, 1000), 0);
    json_decref(value);
}

/* features NULL: there is no event. */
static void expect_taken(struct event_summary *s, const char *features)
{
    char *text;
    assert_int_equal(event_summary_take(s, 10, 20, &text), 0);
    if (!features) {
        assert_null(text);
        return;
    }
    char *expected = NULL;
    assert_true(asprintf(&expected,
                         "{\"kind\":\"summary\",\"startDate\":10,\"endDate\":20,\"features\":%s}",
                         features) > 0);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(expected);
    free(text);
}

static void counters_are_by_version_and_variation(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", "\"d\"", "user");
    count(s, "a", 1, 0, 2);
    count(s, "a", 1, 1, 1);
    count(s, "a", 1, 0, 3);
    count(s, "a", 2, 0, 4);
    count(s, "a", 1, -1, 5);
    expect_taken(s, "{\"a\":{\"default\":\"d\",\"contextKinds\":[\"user\"],\"counters\":["
                    "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":5},"
                    "{\"version\":1,\"variation\":1,\"value\":\"a1\",\"count\":1},"
                    "{\"version\":2,\"variation\":0,\"value\":null,\"count\":4},"
                    "{\"version\":1,\"value\":\"d\",\"count\":5}]}}");
    event_summary_free(s);
}

static void unknown_flags_have_neither_version_nor_variation(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    count_unknown(s, "x", 2);
    count_unknown(s, "x", 1);
    seen(s, "x", "{\"a\":1}", "org");
    expect_taken(s, "{\"x\":{\"default\":{\"a\":1},\"contextKinds\":[\"org\"],\"counters\":["
                    "{\"unknown\":true,\"value\":{\"a\":1},\"count\":3}]}}");
    assert_int_equal(look_ups, 0);
    event_summary_free(s);
}

static void counting_begins_anew_after_each_flush(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", "true", "user");
    count(s, "a", 1, 0, 10);
    count(s, "b", 1, 0, 1);
    expect_taken(s, "{\"a\":{\"default\":true,\"contextKinds\":[\"user\"],\"counters\":["
                    "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":10}]},"
                    "\"b\":{\"default\":null,\"contextKinds\":[],\"counters\":["
                    "{\"version\":1,\"variation\":0,\"value\":\"b0\",\"count\":1}]}}");
    event_summary_commit(s);
    expect_taken(s, NULL);
    count(s, "a", 1, 1, 2);
    expect_taken(s, "{\"a\":{\"default\":true,\"contextKinds\":[\"user\"],\"counters\":["
                    "{\"version\":1,\"variation\":1,\"value\":\"a1\",\"count\":2}]}}");
    event_summary_free(s);
}

static void the_first_default_since_the_flush_counts(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", NULL, "user"); /* as a prerequisite */
    seen(s, "a", "1", "user");
    seen(s, "a", "2", "org");
    seen(s, "a", "3", "user");
    count(s, "a", 1, -1, 1);
    expect_taken(s, "{\"a\":{\"default\":1,\"contextKinds\":[\"user\",\"org\"],\"counters\":["
                    "{\"version\":1,\"value\":1,\"count\":1}]}}");
    seen(s, "a", NULL, "org");
    seen(s, "a", "2", NULL);
    count(s, "a", 1, -1, 1);
    expect_taken(s, "{\"a\":{\"default\":2,\"contextKinds\":[\"org\"],\"counters\":["
                    "{\"version\":1,\"value\":2,\"count\":1}]}}");
    event_summary_free(s);
}

static void seen_alone_makes_no_event(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", "1", "user");
    expect_taken(s, NULL);
    event_summary_free(s);
}

static void a_value_is_looked_up_while_it_is_known(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    count(s, "a", 1, 0, 1);
    assert_int_equal(look_ups, 1);
    known_version = 2; /* the definition changes before the flush */
    count(s, "a", 1, 0, 1);
    count(s, "a", 2, 0, 1);
    expect_taken(s, "{\"a\":{\"default\":null,\"contextKinds\":[],\"counters\":["
                    "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":2},"
                    "{\"version\":2,\"variation\":0,\"value\":\"a0\",\"count\":1}]}}");
    assert_int_equal(look_ups, 2);
    event_summary_free(s);
}

/* ---- going back --------------------------------------------------------------------------- */

#define A_ONCE                                                                                     \
    "{\"a\":{\"default\":1,\"contextKinds\":[\"user\"],\"counters\":["                             \
    "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":1}]}}"

static void reverting_forgets_what_came_since_the_commit(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", "1", "user");
    count(s, "a", 1, 0, 1);
    event_summary_commit(s);
    count(s, "a", 1, 0, 5);
    count(s, "a", 1, 1, 5);
    seen(s, "a", "2", "org");
    count(s, "new", 1, 0, 1);
    assert_int_equal(event_summary_flags(s), 2);
    event_summary_revert(s);
    assert_int_equal(event_summary_flags(s), 1);
    expect_taken(s, A_ONCE);
    event_summary_free(s);
}

static void reverting_brings_back_what_was_taken(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    seen(s, "a", "1", "user");
    count(s, "a", 1, 0, 1);
    event_summary_commit(s);
    expect_taken(s, A_ONCE);
    seen(s, "a", "2", "org");
    event_summary_revert(s);
    expect_taken(s, A_ONCE);
    event_summary_revert(s);
    expect_taken(s, A_ONCE);
    event_summary_commit(s);
    event_summary_revert(s);
    expect_taken(s, NULL);
    event_summary_free(s);
}

/* ---- the spool ---------------------------------------------------------------------------- */

static char *keep(struct event_summary *s)
{
    char *text;
    assert_int_equal(event_summary_keep(s, &text), 0);
    return text;
}

static void load(struct event_summary *s, char *text)
{
    assert_non_null(text);
    assert_int_equal(event_summary_load(s, text, strlen(text), 1000), 0);
    free(text);
}

static void what_was_kept_gives_the_same_event(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    struct event_summary *const other = new_summary();
    seen(s, "a", "[\"\\u0000\"]", "user");
    count(s, "a", 1, 0, 1);
    count(s, "a", 1, -1, 2);
    count_unknown(s, "x", 3);
    load(other, keep(s));
    assert_null(keep(s));
    event_summary_commit(s);
    count(s, "a", 1, 0, 7);
    seen(s, "a", "9", "org");
    load(other, keep(s));
    static const char expected[] =
        "{\"x\":{\"default\":null,\"contextKinds\":[],\"counters\":["
        "{\"unknown\":true,\"value\":null,\"count\":3}]},"
        "\"a\":{\"default\":9,\"contextKinds\":[\"user\",\"org\"],\"counters\":["
        "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":8},"
        "{\"version\":1,\"value\":9,\"count\":2}]}}";
    expect_taken(s, expected);
    expect_taken(other, expected);
    event_summary_free(s);
    event_summary_free(other);
}

static void what_was_kept_in_vain_is_kept_again(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    count(s, "a", 1, 0, 1);
    event_summary_commit(s);
    free(keep(s));
    event_summary_revert(s); /* the row is gone, too */
    char *const again = keep(s);
    assert_non_null(again);
    free(again);
    event_summary_free(s);
}

static void what_is_no_summary_is_refused(void **state)
{
    static const char *const bad[] = {"",    "x",           "{}",
                                      "[1]", "[[\"a\",1]]", "[[\"a\",[[1]],true,true,null]]"};
    (void)state;
    struct event_summary *const s = new_summary();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(event_summary_load(s, bad[i], strlen(bad[i]), 1000), 1);
    }
    event_summary_free(s);
}

/* ---- bounds ------------------------------------------------------------------------------- */

static void flags_that_nobody_evaluates_are_forgotten(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    count(s, "a", 1, 0, 1);
    seen(s, "b", "1", "user");
    event_summary_commit(s);
    event_summary_forget(s, 1000);
    assert_int_equal(event_summary_flags(s), 2);
    event_summary_forget(s, 1001);
    assert_int_equal(event_summary_flags(s), 1); /* what is counted stays */
    char *text;
    assert_int_equal(event_summary_take(s, 10, 20, &text), 0);
    free(text);
    event_summary_commit(s);
    event_summary_forget(s, 1001);
    assert_int_equal(event_summary_flags(s), 0);
    event_summary_free(s);
}

static void more_flags_than_the_limit_are_counted_as_lost(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    uint64_t lost = 0;
    for (unsigned i = 0; i < EVENT_SUMMARY_FLAGS + 10; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "flag-%u", i);
        const struct deliver_count c = {key, 1, -1, false, 3};
        assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
    }
    assert_int_equal(lost, 30);
    assert_int_equal(event_summary_flags(s), EVENT_SUMMARY_FLAGS);
    event_summary_free(s);
}

static void more_counters_than_the_limit_are_counted_as_lost(void **state)
{
    (void)state;
    struct event_summary *const s = event_summary_new(NULL, NULL);
    uint64_t lost = 0;
    for (unsigned i = 0; i < EVENT_SUMMARY_COUNTERS + 2; i++) {
        const struct deliver_count c = {"a", i, 0, false, 1};
        assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
    }
    assert_int_equal(lost, 2);
    event_summary_free(s);
}

static void the_counters_of_all_flags_are_limited_too(void **state)
{
    enum { EACH = 50, FLAGS = EVENT_SUMMARY_ALL / EACH };
    (void)state;
    struct event_summary *const s = event_summary_new(NULL, NULL);
    uint64_t lost = 0;
    for (unsigned i = 0; i <= FLAGS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "f%u", i);
        for (unsigned j = 0; j < EACH; j++) {
            const struct deliver_count c = {key, j, 0, false, 1};
            assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
        }
    }
    assert_int_equal(lost, EACH);
    event_summary_revert(s); /* there is room again */
    count(s, "a", 1, 0, 1);
    event_summary_free(s);
}

static void a_key_that_is_not_text_is_lost(void **state)
{
    (void)state;
    struct event_summary *const s = new_summary();
    uint64_t lost = 0;
    const struct deliver_count c = {"\xff", 1, 0, false, 4};
    assert_int_equal(event_summary_count(s, &c, 1000, &lost), 0);
    assert_int_equal(lost, 4);
    seen(s, "a", NULL, "\xff");
    count(s, "a", 1, 0, 1);
    expect_taken(s, "{\"a\":{\"default\":null,\"contextKinds\":[],\"counters\":["
                    "{\"version\":1,\"variation\":0,\"value\":\"a0\",\"count\":1}]}}");
    event_summary_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_by_version_and_variation),
        cmocka_unit_test(unknown_flags_have_neither_version_nor_variation),
        cmocka_unit_test(counting_begins_anew_after_each_flush),
        cmocka_unit_test(the_first_default_since_the_flush_counts),
        cmocka_unit_test(seen_alone_makes_no_event),
        cmocka_unit_test(a_value_is_looked_up_while_it_is_known),
        cmocka_unit_test(reverting_forgets_what_came_since_the_commit),
        cmocka_unit_test(reverting_brings_back_what_was_taken),
        cmocka_unit_test(what_was_kept_gives_the_same_event),
        cmocka_unit_test(what_was_kept_in_vain_is_kept_again),
        cmocka_unit_test(what_is_no_summary_is_refused),
        cmocka_unit_test(flags_that_nobody_evaluates_are_forgotten),
        cmocka_unit_test(more_flags_than_the_limit_are_counted_as_lost),
        cmocka_unit_test(more_counters_than_the_limit_are_counted_as_lost),
        cmocka_unit_test(the_counters_of_all_flags_are_limited_too),
        cmocka_unit_test(a_key_that_is_not_text_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
