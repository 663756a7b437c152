/* How the sources fare, together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_states.h"

static void say(struct source_states *s, enum catalog_layer layer, enum image_source_state state,
                enum image_source_error error, uint64_t now_ms)
{
    const struct source_state told = {state, error, error ? 401 : 0, error ? "refused" : NULL};
    source_states_set(s, layer, &told, now_ms);
}

static void the_worst_source_is_what_readers_are_told(void **state)
{
    (void)state;
    struct source_states s = {0};
    struct image_source_report report;
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_INITIALIZING);
    say(&s, CATALOG_FILE, IMAGE_SOURCE_VALID, 0, 100);
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_VALID);
    assert_int_equal(report.since_ms, 100);
    s.of[CATALOG_LAUNCHDARKLY].expected = true;
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_INITIALIZING);
    say(&s, CATALOG_LAUNCHDARKLY, IMAGE_SOURCE_INTERRUPTED, IMAGE_SOURCE_ERROR_RESPONSE, 200);
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_INTERRUPTED);
    say(&s, CATALOG_LAUNCHDARKLY, IMAGE_SOURCE_INTERRUPTED, 0, 250); /* since when stays */
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(report.since_ms, 200);
    assert_int_equal(report.error, IMAGE_SOURCE_ERROR_RESPONSE);
    assert_int_equal(report.error_status, 401);
    assert_int_equal(report.error_ms, 200);
    assert_string_equal(report.error_text, "refused");
    say(&s, CATALOG_FILE, IMAGE_SOURCE_OFF, 0, 300);
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_OFF);
}

static void an_error_stays_told_when_all_is_well_again(void **state)
{
    (void)state;
    struct source_states s = {0};
    struct image_source_report report;
    say(&s, CATALOG_FILE, IMAGE_SOURCE_INTERRUPTED, IMAGE_SOURCE_INVALID_DATA, 100);
    say(&s, CATALOG_FILE, IMAGE_SOURCE_VALID, 0, 200);
    assert_int_equal(source_states_all(&s, &report), IMAGE_SOURCE_VALID);
    assert_int_equal(report.since_ms, 200);
    assert_int_equal(report.error_ms, 100);
}

static void all_sources_are_there_when_each_was_there_once(void **state)
{
    (void)state;
    struct source_states s = {0};
    s.of[CATALOG_FILE].expected = true;
    s.of[CATALOG_LAUNCHDARKLY].expected = true;
    s.of[CATALOG_FILE].loaded = true;
    assert_false(source_states_complete(&s));
    s.of[CATALOG_LAUNCHDARKLY].loaded = true;
    assert_true(source_states_complete(&s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_source_is_what_readers_are_told),
        cmocka_unit_test(an_error_stays_told_when_all_is_well_again),
        cmocka_unit_test(all_sources_are_there_when_each_was_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
