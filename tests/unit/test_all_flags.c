/* The state of all flags as JSON, on a store that the agent's own code publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ffshm.h"
#include "live_store.h"

#define INVALID "{\"$flagsState\":{},\"$valid\":false}"

static struct live_store store;
static struct ffshm *ff;
static struct ffshm_context who;

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

/* A flag that serves variation 0 of two, with more members before the usual ones. */
static void put(const char *key, const char *more)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{%s%s\"version\":3,\"salt\":\"s\",\"on\":true,\"variations\":[true,false],"
             "\"fallthrough\":{\"variation\":0}}",
             more, *more ? "," : "");
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

static void put_text(const char *key, const char *text)
{
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

static void publish(void)
{
    live_store_publish(&store);
    assert_int_equal(ffshm_refresh(ff), FFSHM_OK);
}

static json_t *parsed(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json) {
        fail_msg("%s at %d: %s", error.text, error.position, text);
    }
    return json;
}

static json_t *state_for(const struct ffshm_context *c, unsigned options)
{
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    const size_t length = ffshm_all_flags_json(&view, c, options, NULL, 0);
    char *text = malloc(length + 1);
    assert_non_null(text);
    assert_int_equal(ffshm_all_flags_json(&view, c, options, text, length + 1), length);
    ffshm_unpin(&view);
    assert_int_equal(strlen(text), length);
    json_t *state = parsed(text);
    free(text);
    return state;
}

static void is(json_t *got, const char *wanted)
{
    json_t *want = parsed(wanted);
    if (!json_equal(got, want)) {
        char *text = json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);
        fail_msg("not %s\nbut %s", wanted, text ? text : "nothing");
    }
    json_decref(want);
}

static void state_is(unsigned options, const char *wanted)
{
    json_t *state = state_for(&who, options);
    is(state, wanted);
    json_decref(state);
}

/* What is said about one flag. */
static void about_is(const char *key, unsigned options, const char *wanted)
{
    json_t *state = state_for(&who, options);
    is(json_object_get(json_object_get(state, "$flagsState"), key), wanted);
    json_decref(state);
}

static void values_of_every_type_are_there(void **state)
{
    (void)state;
    static const char *const values[] = {"true", "false",
                                         "null", "0",
                                         "-2.5", "1e300",
                                         "\"\"", "\"a \\\"b\\\" \\u0001 \\u00e9\"",
                                         "[]",   "[1, [\"x\"], {\"y\": null}]",
                                         "{}",   "{\"a\": {\"b\": [true, \"}\"]}}"};
    json_t *wanted = parsed("{\"$flagsState\":{},\"$valid\":true}");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char key[16];
        char text[256];
        snprintf(key, sizeof key, "f%zu", i);
        snprintf(text, sizeof text,
                 "{\"version\":%zu,\"on\":true,\"variations\":[9,%s],"
                 "\"fallthrough\":{\"variation\":1}}",
                 i + 1, values[i]);
        put_text(key, text);
        json_object_set_new(wanted, key, json_loads(values[i], JSON_DECODE_ANY, NULL));
        json_object_set_new(json_object_get(wanted, "$flagsState"), key,
                            json_pack("{s:i,s:i}", "variation", 1, "version", (int)i + 1));
    }
    publish();
    json_t *got = state_for(&who, 0);
    assert_true(json_equal(got, wanted));
    json_decref(got);
    json_decref(wanted);
}

static void without_flags_it_is_valid_and_empty(void **state)
{
    (void)state;
    publish();
    state_is(0, "{\"$flagsState\":{},\"$valid\":true}");
}

static void keys_and_large_versions_are_written_as_they_are(void **state)
{
    (void)state;
    put_text("a \"b\" \\ \xc3\xa9 \x01",
             "{\"version\":9007199254740993,\"on\":true,\"variations\":[1],"
             "\"fallthrough\":{\"variation\":0}}");
    publish();
    state_is(0, "{\"a \\\"b\\\" \\\\ \\u00e9 \\u0001\":1,\"$valid\":true,\"$flagsState\":"
                "{\"a \\\"b\\\" \\\\ \\u00e9 \\u0001\":"
                "{\"variation\":0,\"version\":9007199254740993}}}");
}

static void deleted_flags_are_left_out(void **state)
{
    (void)state;
    put("a", "");
    put_text("b", "{\"version\":4,\"deleted\":true}");
    publish();
    state_is(0, "{\"a\":true,\"$flagsState\":{\"a\":{\"variation\":0,\"version\":3}},"
                "\"$valid\":true}");
}

static void a_flag_without_a_value_is_null_and_has_no_variation(void **state)
{
    (void)state;
    put_text("off", "{\"version\":1,\"on\":false,\"variations\":[1]}");
    put_text("off-served", "{\"version\":2,\"on\":false,\"variations\":[1],\"offVariation\":0}");
    put_text("broken", "{\"version\":3,\"on\":true,\"variations\":[1],"
                       "\"fallthrough\":{\"variation\":5}}");
    publish();
    state_is(FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"off\":null,\"off-served\":1,\"broken\":null,\"$valid\":true,\"$flagsState\":{"
             "\"off\":{\"version\":1,\"reason\":{\"kind\":\"OFF\"}},"
             "\"off-served\":{\"variation\":0,\"version\":2,\"reason\":{\"kind\":\"OFF\"}},"
             "\"broken\":{\"version\":3,"
             "\"reason\":{\"kind\":\"ERROR\",\"errorKind\":\"MALFORMED_FLAG\"}}}}");
    about_is("broken", 0, "{\"version\":3}");
}

static void reasons_are_there_when_asked_for(void **state)
{
    (void)state;
    put("target", "\"targets\":[{\"variation\":1,\"values\":[\"somebody\"]}]");
    put("rule", "\"rules\":[{\"id\":\"n\\\"1\",\"variation\":1,\"clauses\":[]}]");
    put("nameless", "\"rules\":[{\"variation\":1,\"clauses\":[]}]");
    put("big", "\"rules\":[{\"variation\":1,\"clauses\":[{\"attribute\":\"\","
               "\"op\":\"segmentMatch\",\"values\":[\"s\"]}]}]");
    live_store_put_text(&store, IMAGE_SEGMENT, "s",
                        "{\"version\":1,\"unbounded\":true,\"generation\":1}");
    publish();
    about_is("target", FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":1,\"version\":3,\"reason\":{\"kind\":\"TARGET_MATCH\"}}");
    about_is("rule", FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":1,\"version\":3,\"reason\":{\"kind\":\"RULE_MATCH\","
             "\"ruleIndex\":0,\"ruleId\":\"n\\\"1\"}}");
    about_is("nameless", FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":1,\"version\":3,\"reason\":{\"kind\":\"RULE_MATCH\","
             "\"ruleIndex\":0}}");
    about_is("big", FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":0,\"version\":3,\"reason\":{\"kind\":\"FALLTHROUGH\","
             "\"bigSegmentsStatus\":\"NOT_CONFIGURED\"}}");
    about_is("rule", 0, "{\"variation\":1,\"version\":3}");
}

static void experiments_tell_their_reason_unasked(void **state)
{
    (void)state;
    put("fallthrough", "\"trackEventsFallthrough\":true");
    put("elsewhere", "\"trackEventsFallthrough\":true,"
                     "\"targets\":[{\"variation\":1,\"values\":[\"somebody\"]}]");
    put("rule", "\"rules\":[{\"variation\":0,\"trackEvents\":true,\"clauses\":[{\"attribute\":"
                "\"key\",\"op\":\"in\",\"values\":[\"nobody\"]}]},{\"variation\":1,"
                "\"trackEvents\":true,\"clauses\":[]}]");
    put("other-rule", "\"rules\":[{\"variation\":1,\"clauses\":[]},{\"variation\":1,"
                      "\"trackEvents\":true,\"clauses\":[]}]");
    put_text("rollout", "{\"version\":3,\"on\":true,\"salt\":\"s\",\"variations\":[1],"
                        "\"fallthrough\":{\"rollout\":{\"kind\":\"experiment\",\"seed\":1,"
                        "\"variations\":[{\"variation\":0,\"weight\":100000}]}}}");
    publish();
    about_is("fallthrough", 0,
             "{\"variation\":0,\"version\":3,\"reason\":{\"kind\":\"FALLTHROUGH\"},"
             "\"trackEvents\":true,\"trackReason\":true}");
    about_is("elsewhere", 0, "{\"variation\":1,\"version\":3}");
    about_is("rule", FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED,
             "{\"variation\":1,\"version\":3,\"reason\":{\"kind\":\"RULE_MATCH\","
             "\"ruleIndex\":1},\"trackEvents\":true,\"trackReason\":true}");
    about_is("other-rule", 0, "{\"variation\":1,\"version\":3}");
    about_is("rollout", 0,
             "{\"variation\":0,\"version\":3,\"reason\":{\"kind\":\"FALLTHROUGH\","
             "\"inExperiment\":true},\"trackEvents\":true,\"trackReason\":true}");
}

static void only_flags_for_browsers_when_asked(void **state)
{
    (void)state;
    put("page", "\"clientSideAvailability\":{\"usingEnvironmentId\":true},"
                "\"prerequisites\":[{\"key\":\"server\",\"variation\":0}]");
    put("phone", "\"clientSideAvailability\":{\"usingMobileKey\":true}");
    put("server", "");
    publish();
    state_is(FFSHM_ALL_FLAGS_CLIENT_SIDE_ONLY,
             "{\"page\":true,\"$flagsState\":{\"page\":{\"variation\":0,\"version\":3,"
             "\"prerequisites\":[\"server\"]}},\"$valid\":true}");
}

static void details_only_for_tracked_flags_when_asked(void **state)
{
    (void)state;
    const unsigned options = FFSHM_ALL_FLAGS_DETAILS_ONLY_FOR_TRACKED;
    const long long now = (long long)time(NULL) * 1000;
    char text[256];
    put("plain", "");
    put("tracked", "\"trackEvents\":true");
    snprintf(text, sizeof text, "\"debugEventsUntilDate\":%lld", now - 1000);
    put("past", text);
    snprintf(text, sizeof text, "\"debugEventsUntilDate\":%lld", now + 3600000);
    put("future", text);
    put_text("off", "{\"version\":1,\"on\":false,\"variations\":[1]}");
    publish();
    about_is("plain", options | FFSHM_ALL_FLAGS_WITH_REASONS, "{\"variation\":0}");
    about_is("tracked", options, "{\"variation\":0,\"version\":3,\"trackEvents\":true}");
    about_is("tracked", options | FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":0,\"version\":3,\"reason\":{\"kind\":\"FALLTHROUGH\"},"
             "\"trackEvents\":true}");
    snprintf(text, sizeof text, "{\"variation\":0,\"debugEventsUntilDate\":%lld}", now - 1000);
    about_is("past", options | FFSHM_ALL_FLAGS_WITH_REASONS, text);
    snprintf(text, sizeof text, "{\"variation\":0,\"version\":3,\"debugEventsUntilDate\":%lld}",
             now - 1000);
    about_is("past", 0, text);
    snprintf(text, sizeof text,
             "{\"variation\":0,\"version\":3,\"reason\":{\"kind\":\"FALLTHROUGH\"},"
             "\"debugEventsUntilDate\":%lld}",
             now + 3600000);
    about_is("future", options | FFSHM_ALL_FLAGS_WITH_REASONS, text);
    about_is("off", options, "{}");
}

#define NEEDS(list) "\"offVariation\":1,\"prerequisites\":[" list "]"
#define ON(key) "{\"key\":\"" key "\",\"variation\":0}"

static void prerequisites_are_those_that_were_reached(void **state)
{
    (void)state;
    put("a", "");
    put("b", NEEDS(ON("a")));
    put("c", NEEDS(ON("b") "," ON("a")));
    put("no", NEEDS("{\"key\":\"a\",\"variation\":1}," ON("b")));
    put_text("dark", "{\"version\":1,\"on\":false,\"variations\":[1],\"offVariation\":0}");
    put("first-off", NEEDS(ON("a") "," ON("dark") "," ON("b")));
    put("first-missing", NEEDS(ON("a") "," ON("nothing") "," ON("b")));
    put_text("off", "{\"version\":1,\"on\":false,\"variations\":[1],"
                    "\"prerequisites\":[" ON("a") "]}");
    publish();
    about_is("a", 0, "{\"variation\":0,\"version\":3}");
    about_is("b", 0, "{\"variation\":0,\"version\":3,\"prerequisites\":[\"a\"]}");
    about_is("c", 0, "{\"variation\":0,\"version\":3,\"prerequisites\":[\"b\",\"a\"]}");
    about_is("no", FFSHM_ALL_FLAGS_WITH_REASONS,
             "{\"variation\":1,\"version\":3,\"reason\":{\"kind\":\"PREREQUISITE_FAILED\","
             "\"prerequisiteKey\":\"a\"},\"prerequisites\":[\"a\"]}");
    about_is("first-off", 0, "{\"variation\":1,\"version\":3,\"prerequisites\":[\"a\",\"dark\"]}");
    about_is("first-missing", 0, "{\"variation\":1,\"version\":3,\"prerequisites\":[\"a\"]}");
    about_is("off", 0, "{\"version\":1}");
}

static void broken_prerequisites_are_reached_unless_they_end_everything(void **state)
{
    (void)state;
    put("a", "");
    put_text("out-of-range", "{\"version\":1,\"on\":true,\"variations\":[1],"
                             "\"fallthrough\":{\"variation\":7}}");
    put("fails", NEEDS(ON("a") "," ON("out-of-range") "," ON("a")));
    put("malformed", "\"rules\":[{\"variation\":0,\"clauses\":[{\"contextKind\":\"user\","
                     "\"attribute\":\"//\",\"op\":\"in\",\"values\":[1]}]}]");
    put("ends", NEEDS(ON("a") "," ON("malformed") "," ON("a")));
    put("cycle", NEEDS(ON("a") "," ON("cycle-2")));
    put("cycle-2", NEEDS(ON("a") "," ON("cycle")));
    put("self", NEEDS(ON("self")));
    publish();
    about_is("fails", 0,
             "{\"variation\":1,\"version\":3,\"prerequisites\":[\"a\",\"out-of-range\"]}");
    about_is("ends", 0, "{\"version\":3,\"prerequisites\":[\"a\"]}");
    about_is("cycle", 0, "{\"version\":3,\"prerequisites\":[\"a\"]}");
    about_is("cycle-2", 0, "{\"version\":3,\"prerequisites\":[\"a\"]}");
    about_is("self", 0, "{\"version\":3}");
}

static void before_the_first_snapshot_it_is_not_valid(void **state)
{
    (void)state;
    struct ffshm_view view;
    const struct ffshm_view unpinned = {NULL, NULL};
    char text[64];
    ffshm_pin(ff, &view);
    assert_int_equal(ffshm_all_flags_json(&view, &who, 7, text, sizeof text), strlen(INVALID));
    assert_string_equal(text, INVALID);
    ffshm_unpin(&view);
    assert_int_equal(ffshm_all_flags_json(&unpinned, &who, 0, text, sizeof text), strlen(INVALID));
    assert_string_equal(text, INVALID);
}

static void with_an_invalid_context_it_is_not_valid(void **state)
{
    (void)state;
    struct ffshm_context nobody;
    ffshm_context_init(&nobody, NULL, "");
    put("a", "");
    publish();
    json_t *got = state_for(&nobody, 0);
    is(got, INVALID);
    json_decref(got);
    got = state_for(NULL, 0);
    is(got, INVALID);
    json_decref(got);
}

static void a_text_that_does_not_fit_is_cut_and_its_length_told(void **state)
{
    (void)state;
    put("a", NEEDS(ON("b") "," ON("c")));
    put("b", "\"trackEventsFallthrough\":true");
    put("c", "\"debugEventsUntilDate\":1");
    publish();
    struct ffshm_view view;
    char whole[1024];
    ffshm_pin(ff, &view);
    const size_t length = ffshm_all_flags_json(&view, &who, 1, whole, sizeof whole);
    assert_in_range(length, 100, sizeof whole - 1);
    for (size_t capacity = 0; capacity <= length + 1; capacity++) {
        char *text = malloc(capacity + 8); /* eight bytes that nobody may touch */
        assert_non_null(text);
        memset(text, '#', capacity + 8);
        assert_int_equal(ffshm_all_flags_json(&view, &who, 1, text, capacity), length);
        assert_memory_equal(text + capacity, "########", 8);
        if (capacity > 0) {
            assert_int_equal(strlen(text), capacity - 1);
            assert_memory_equal(text, whole, capacity - 1);
        }
        free(text);
    }
    ffshm_unpin(&view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_every_type_are_there),
        TEST(without_flags_it_is_valid_and_empty),
        TEST(keys_and_large_versions_are_written_as_they_are),
        TEST(deleted_flags_are_left_out),
        TEST(a_flag_without_a_value_is_null_and_has_no_variation),
        TEST(reasons_are_there_when_asked_for),
        TEST(experiments_tell_their_reason_unasked),
        TEST(only_flags_for_browsers_when_asked),
        TEST(details_only_for_tracked_flags_when_asked),
        TEST(prerequisites_are_those_that_were_reached),
        TEST(broken_prerequisites_are_reached_unless_they_end_everything),
        TEST(before_the_first_snapshot_it_is_not_valid),
        TEST(with_an_invalid_context_it_is_not_valid),
        TEST(a_text_that_does_not_fit_is_cut_and_its_length_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
