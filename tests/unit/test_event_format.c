/* The exact JSON of every event: which members there are, and which are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/event_format.h"

#define USER "{\"kind\":\"user\",\"key\":\"u\"}"
#define ANONYMOUS "{\"kind\":\"user\",\"key\":\"u\",\"anonymous\":true,\"a\":1}"
#define ANONYMOUS_REDACTED                                                                         \
    "{\"kind\":\"user\",\"key\":\"u\",\"anonymous\":true,\"_meta\":{\"redactedAttributes\":"       \
    "[\"a\"]}}"

/* Version 7 of "big" is known: its values are its variations' numbers. */
static json_t *look_up(void *arg, const char *key, int64_t version, int64_t variation)
{
    (void)arg;
    return strcmp(key, "big") == 0 && version == 7 ? json_integer(variation) : NULL;
}

static json_t *json(const char *text)
{
    json_error_t error;
    json_t *const value = json_loads(text, JSON_DECODE_ANY, &error);
    if (!value) {
        fail_msg("%s: %s", error.text, text);
    }
    return value;
}

/* Frees what the event holds. expected NULL: nothing may be told. */
static void expect(const struct event_rules *rules, struct deliver_event *event,
                   enum event_kind kind, const char *expected)
{
    char *text;
    assert_true(event_well_formed(event));
    assert_int_equal(event_format(rules, event, kind, &text), 0);
    if (expected) {
        assert_non_null(text);
        assert_string_equal(text, expected);
    } else {
        assert_null(text);
    }
    free(text);
    json_decref(event->context);
    json_decref(event->value);
    json_decref(event->fallback);
    json_decref(event->reason);
    json_decref(event->data);
    json_decref(event->measurements);
}

#define EXPECT(rules, kind, expected, ...)                                                         \
    expect(rules, &(struct deliver_event){__VA_ARGS__}, kind, expected)

static const struct event_rules plain = {.value = look_up};

static void index_and_identify_are_a_context_and_a_time(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_INDEX, "{\"kind\":\"index\",\"creationDate\":1000,\"context\":" USER "}",
           .type = DELIVER_INDEX, .time_ms = 1000, .context = json(USER));
    EXPECT(&plain, EVENT_IDENTIFY,
           "{\"kind\":\"identify\",\"creationDate\":1000,\"context\":" ANONYMOUS "}",
           .type = DELIVER_IDENTIFY, .time_ms = 1000, .context = json(ANONYMOUS));
}

static void a_feature_event_has_what_there_is(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" USER ",\"key\":\"f\","
           "\"version\":3,\"variation\":1,\"value\":\"v\",\"default\":false,\"reason\":"
           "{\"kind\":\"OFF\"},\"prereqOf\":\"p\",\"samplingRatio\":10}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "f", .has_version = true, .version = 3,
           .variation = 1, .value = json("\"v\""), .fallback = json("false"), .prereq_of = "p",
           .reason = json("{\"kind\":\"OFF\"}"), .sampling_ratio = 10, .context = json(USER));
}

static void a_feature_event_leaves_out_what_there_is_not(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" USER ",\"key\":\"f\","
           "\"value\":null,\"default\":null}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "f", .variation = -1,
           .sampling_ratio = 1, .context = json(USER));
}

static void the_fallback_is_the_value_when_no_variation_was_served(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" USER ",\"key\":\"f\","
           "\"version\":0,\"value\":[1],\"default\":[1]}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "f", .has_version = true,
           .variation = -1, .fallback = json("[1]"), .context = json(USER));
}

static void a_value_that_did_not_fit_is_looked_up(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" USER ",\"key\":\"big\","
           "\"version\":7,\"variation\":2,\"value\":2,\"default\":0}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "big", .has_version = true,
           .version = 7, .variation = 2, .fallback = json("0"), .context = json(USER));
    /* Nobody knows version 8 any more. */
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" USER ",\"key\":\"big\","
           "\"version\":8,\"variation\":2,\"value\":0,\"default\":0}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "big", .has_version = true,
           .version = 8, .variation = 2, .fallback = json("0"), .context = json(USER));
}

static void anonymous_contexts_are_redacted_in_features_but_not_for_debugging(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_FEATURE,
           "{\"kind\":\"feature\",\"creationDate\":5,\"context\":" ANONYMOUS_REDACTED
           ",\"key\":\"f\",\"variation\":0,\"value\":1,\"default\":null}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "f", .value = json("1"),
           .context = json(ANONYMOUS));
    EXPECT(&plain, EVENT_DEBUG,
           "{\"kind\":\"debug\",\"creationDate\":5,\"context\":" ANONYMOUS
           ",\"key\":\"f\",\"variation\":0,\"value\":1,\"default\":null,\"samplingRatio\":2}",
           .type = DELIVER_EVALUATION, .time_ms = 5, .key = "f", .value = json("1"),
           .sampling_ratio = 2, .context = json(ANONYMOUS));
    EXPECT(&plain, EVENT_CUSTOM,
           "{\"kind\":\"custom\",\"creationDate\":5,\"context\":" ANONYMOUS_REDACTED
           ",\"key\":\"c\"}",
           .type = DELIVER_CUSTOM, .time_ms = 5, .key = "c", .context = json(ANONYMOUS));
}

static void a_custom_event_has_data_and_metric_if_given(void **state)
{
    (void)state;
    const double zero = 0.0;
    const double half = 2.5;
    const double none = NAN;
    EXPECT(&plain, EVENT_CUSTOM,
           "{\"kind\":\"custom\",\"creationDate\":9,\"context\":" USER
           ",\"key\":\"c\",\"data\":{\"a\":[null]},\"metricValue\":0}",
           .type = DELIVER_CUSTOM, .time_ms = 9, .key = "c", .data = json("{\"a\":[null]}"),
           .metric = &zero, .context = json(USER));
    EXPECT(&plain, EVENT_CUSTOM,
           "{\"kind\":\"custom\",\"creationDate\":9,\"context\":" USER
           ",\"key\":\"c\",\"metricValue\":2.5}",
           .type = DELIVER_CUSTOM, .time_ms = 9, .key = "c", .data = json("null"), .metric = &half,
           .context = json(USER));
    EXPECT(&plain, EVENT_CUSTOM,
           "{\"kind\":\"custom\",\"creationDate\":9,\"context\":" USER ",\"key\":\"c\"}",
           .type = DELIVER_CUSTOM, .time_ms = 9, .key = "c", .metric = &none,
           .context = json(USER));
}

static void a_migration_event_has_evaluation_and_measurements(void **state)
{
    (void)state;
    EXPECT(&plain, EVENT_MIGRATION_OP,
           "{\"kind\":\"migration_op\",\"creationDate\":9,\"context\":" ANONYMOUS_REDACTED
           ",\"operation\":\"read\",\"evaluation\":{\"key\":\"m\",\"version\":4,\"variation\":2,"
           "\"value\":\"live\",\"default\":\"off\",\"reason\":{\"kind\":\"FALLTHROUGH\"}},"
           "\"measurements\":[{\"key\":\"invoked\",\"values\":{\"old\":true}}],"
           "\"samplingRatio\":3}",
           .type = DELIVER_MIGRATION, .time_ms = 9, .key = "m", .has_version = true, .version = 4,
           .variation = 2, .value = json("\"live\""), .fallback = json("\"off\""),
           .reason = json("{\"kind\":\"FALLTHROUGH\"}"), .sampling_ratio = 3, .operation = "read",
           .measurements = json("[{\"key\":\"invoked\",\"values\":{\"old\":true}}]"),
           .context = json(ANONYMOUS));
    EXPECT(&plain, EVENT_MIGRATION_OP,
           "{\"kind\":\"migration_op\",\"creationDate\":9,\"context\":" USER
           ",\"operation\":\"write\",\"evaluation\":{\"key\":\"m\",\"value\":\"off\",\"default\":"
           "\"off\"},\"measurements\":[]}",
           .type = DELIVER_MIGRATION, .time_ms = 9, .key = "m", .variation = -1,
           .fallback = json("\"off\""), .sampling_ratio = 1, .operation = "write",
           .context = json(USER));
}

static void anonymous_contexts_can_be_omitted_from_index_and_identify_alone(void **state)
{
    (void)state;
    const struct event_rules rules = {.omit_anonymous = true};
    EXPECT(&rules, EVENT_INDEX, NULL, .type = DELIVER_INDEX, .context = json(ANONYMOUS));
    EXPECT(&rules, EVENT_IDENTIFY, NULL, .type = DELIVER_IDENTIFY, .context = json(ANONYMOUS));
    EXPECT(&rules, EVENT_CUSTOM,
           "{\"kind\":\"custom\",\"creationDate\":0,\"context\":" ANONYMOUS_REDACTED
           ",\"key\":\"c\"}",
           .type = DELIVER_CUSTOM, .key = "c", .context = json(ANONYMOUS));
    EXPECT(&rules, EVENT_DEBUG,
           "{\"kind\":\"debug\",\"creationDate\":0,\"context\":" ANONYMOUS
           ",\"key\":\"f\",\"value\":null,\"default\":null}",
           .type = DELIVER_EVALUATION, .key = "f", .variation = -1, .context = json(ANONYMOUS));
}

static void events_that_cannot_be_told_are_not_well_formed(void **state)
{
    (void)state;
    json_t *const context = json(USER);
    const struct deliver_event bad[] = {
        {.type = DELIVER_INDEX},
        {.type = DELIVER_EVALUATION, .context = context},
        {.type = DELIVER_EVALUATION, .context = context, .key = "\xff"},
        {.type = DELIVER_EVALUATION, .context = context, .key = "f", .prereq_of = "\xc3"},
        {.type = DELIVER_CUSTOM, .context = context},
        {.type = DELIVER_CUSTOM, .context = context, .key = "\xed\xa0\x80"},
        {.type = DELIVER_MIGRATION, .context = context, .key = "m"},
        {.type = (enum deliver_type)99, .context = context, .key = "m"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(event_well_formed(&bad[i]));
    }
    json_decref(context);
}

static void numbers_are_integers_where_they_are(void **state)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {42, "42"},
                 {-7, "-7"},
                 {9007199254740991.0, "9007199254740991"},
                 {0.5, "0.5"},
                 {1e300, "1.0000000000000001e300"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *const number = event_number(cases[i].number);
        char *const text = event_text(number);
        assert_string_equal(text, cases[i].text);
        free(text);
        json_decref(number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_and_identify_are_a_context_and_a_time),
        cmocka_unit_test(a_feature_event_has_what_there_is),
        cmocka_unit_test(a_feature_event_leaves_out_what_there_is_not),
        cmocka_unit_test(the_fallback_is_the_value_when_no_variation_was_served),
        cmocka_unit_test(a_value_that_did_not_fit_is_looked_up),
        cmocka_unit_test(anonymous_contexts_are_redacted_in_features_but_not_for_debugging),
        cmocka_unit_test(a_custom_event_has_data_and_metric_if_given),
        cmocka_unit_test(a_migration_event_has_evaluation_and_measurements),
        cmocka_unit_test(anonymous_contexts_can_be_omitted_from_index_and_identify_alone),
        cmocka_unit_test(events_that_cannot_be_told_are_not_well_formed),
        cmocka_unit_test(numbers_are_integers_where_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
