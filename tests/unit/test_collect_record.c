/* Records of the ring: what they become, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/telemetry_record.h"
#include "recording_sink.h"
#include "telemetry_writer.h"

static struct telemetry_scratch scratch;

static int set_up(void **state)
{
    (void)state;
    return telemetry_scratch_init(&scratch) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    telemetry_scratch_free(&scratch);
    return 0;
}

/* The payload is copied to the end of an allocation of its own: reading beyond it is seen. */
static json_t *read_bytes(unsigned type, unsigned flags, const void *payload, size_t length)
{
    struct telemetry_item item;
    json_t *result = NULL;
    void *const copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, payload, length);
    if (telemetry_record_read(&scratch, type, flags, copy, length, &item)) {
        result = item.kind == TELEMETRY_ITEM_SEEN ? recorded_seen(&item.seen)
                                                  : recorded_event(&item.event);
        telemetry_item_free(&item);
    }
    free(copy);
    return result;
}

static json_t *read_json(unsigned type, unsigned flags, const char *json)
{
    size_t length;
    void *const payload = writer_pack(json, &length);
    json_t *const result = read_bytes(type, flags, payload, length);
    free(payload);
    return result;
}

static void becomes(unsigned type, unsigned flags, const char *json, const char *expected)
{
    json_t *const is = read_json(type, flags, json);
    json_t *const should = json_loads(expected, 0, NULL);
    assert_non_null(should);
    if (!is || !json_equal(is, should)) {
        char *const text = is ? json_dumps(is, JSON_SORT_KEYS) : NULL;
        fail_msg("%s\n  becomes %s\n  and not %s", json, text ? text : "nothing", expected);
    }
    json_decref(is);
    json_decref(should);
}

static void is_refused(unsigned type, unsigned flags, const char *json)
{
    json_t *const is = read_json(type, flags, json);
    if (is) {
        fail_msg("accepted: %s", json);
    }
}

#define USER "[[\"user\",\"u\",null,false,[],[]]]"
#define USER_OUT "{\"kind\":\"user\",\"key\":\"u\"}"

/* ---- events ------------------------------------------------------------------------------- */

static void an_evaluation_has_all_its_members(void **state)
{
    (void)state;
    becomes(
        TELEMETRY_EVALUATION, TELEMETRY_FEATURE | TELEMETRY_DEBUG,
        "[1000,\"flag\",7,1,\"{\\\"a\\\":[1,2.5]}\",\"null\",\"parent\","
        "[4,0,2,\"rule-id\",null,true,0],3,2000," USER "]",
        "{\"kind\":\"event\",\"type\":\"evaluation\",\"feature\":true,\"debug\":true,"
        "\"time\":1000,\"key\":\"flag\",\"version\":7,\"variation\":1,\"value\":{\"a\":[1,2.5]},"
        "\"default\":null,\"prereqOf\":\"parent\",\"reason\":{\"kind\":\"RULE_MATCH\","
        "\"ruleIndex\":2,\"ruleId\":\"rule-id\",\"inExperiment\":true},\"sampling\":3,"
        "\"debugUntil\":2000,\"context\":" USER_OUT "}");
}

static void what_is_optional_may_be_missing(void **state)
{
    (void)state;
    becomes(TELEMETRY_EVALUATION, TELEMETRY_FEATURE,
            "[0,\"f\",null,null,null,null,null,null,1,0," USER "]",
            "{\"kind\":\"event\",\"type\":\"evaluation\",\"feature\":true,\"time\":0,\"key\":\"f\","
            "\"context\":" USER_OUT "}");
    becomes(TELEMETRY_CUSTOM, 0, "[5,\"e\",null,null," USER "]",
            "{\"kind\":\"event\",\"type\":\"custom\",\"time\":5,\"key\":\"e\",\"context\":" USER_OUT
            "}");
}

static void reasons_are_launchdarklys(void **state)
{
    static const char *const reasons[][2] = {
        {"[1,0,null,null,null,false,0]", "{\"kind\":\"OFF\"}"},
        {"[2,0,null,null,null,true,1]",
         "{\"kind\":\"FALLTHROUGH\",\"inExperiment\":true,\"bigSegmentsStatus\":\"HEALTHY\"}"},
        {"[3,0,null,null,null,false,4]",
         "{\"kind\":\"TARGET_MATCH\",\"bigSegmentsStatus\":\"NOT_CONFIGURED\"}"},
        {"[4,0,0,\"\",null,false,0]", "{\"kind\":\"RULE_MATCH\",\"ruleIndex\":0}"},
        {"[5,0,null,null,\"p\",false,2]",
         "{\"kind\":\"PREREQUISITE_FAILED\",\"prerequisiteKey\":\"p\","
         "\"bigSegmentsStatus\":\"STALE\"}"},
        {"[0,2,null,null,null,false,0]", "{\"kind\":\"ERROR\",\"errorKind\":\"FLAG_NOT_FOUND\"}"},
        {"[0,5,null,null,null,false,0]", "{\"kind\":\"ERROR\",\"errorKind\":\"WRONG_TYPE\"}"},
        {"[0,99,null,null,null,false,3]",
         "{\"kind\":\"ERROR\",\"errorKind\":\"EXCEPTION\",\"bigSegmentsStatus\":\"STORE_ERROR\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        char json[512];
        char expected[512];
        snprintf(json, sizeof json, "[1,\"f\",1,0,\"1\",null,null,%s,1,0," USER "]", reasons[i][0]);
        snprintf(expected, sizeof expected,
                 "{\"kind\":\"event\",\"type\":\"evaluation\",\"debug\":true,\"time\":1,"
                 "\"key\":\"f\",\"version\":1,\"variation\":0,\"value\":1,\"reason\":%s,"
                 "\"context\":" USER_OUT "}",
                 reasons[i][1]);
        becomes(TELEMETRY_EVALUATION, TELEMETRY_DEBUG, json, expected);
    }
}

static void a_custom_event_has_data_and_metric(void **state)
{
    (void)state;
    becomes(TELEMETRY_CUSTOM, 0, "[5,\"bought\",\"[true,\\\"x\\\"]\",0," USER "]",
            "{\"kind\":\"event\",\"type\":\"custom\",\"time\":5,\"key\":\"bought\","
            "\"data\":[true,\"x\"],\"metric\":0.0,\"context\":" USER_OUT "}");
    becomes(TELEMETRY_CUSTOM, 0, "[5,\"bought\",null,2.5," USER "]",
            "{\"kind\":\"event\",\"type\":\"custom\",\"time\":5,\"key\":\"bought\",\"metric\":2.5,"
            "\"context\":" USER_OUT "}");
}

#define MIGRATION(operation, measurements)                                                         \
    "[9,\"m\",2,3,\"\\\"live\\\"\",\"\\\"off\\\"\",[2,0,null,null,null,false,0],1," operation      \
    "," measurements "," USER "]"
#define MIGRATION_OUT(operation, measurements)                                                     \
    "{\"kind\":\"event\",\"type\":\"migration\",\"time\":9,\"key\":\"m\",\"version\":2,"           \
    "\"variation\":3,\"value\":\"live\",\"default\":\"off\",\"reason\":{\"kind\":\"FALLTHROUGH\"}" \
    ","                                                                                            \
    "\"operation\":" operation ",\"measurements\":" measurements ",\"context\":" USER_OUT "}"

static void measurements_are_launchdarklys(void **state)
{
    (void)state;
    becomes(TELEMETRY_MIGRATION, 0, MIGRATION("\"read\"", "[3,2,1.5,40,false,5]"),
            MIGRATION_OUT("\"read\"",
                          "[{\"key\":\"invoked\",\"values\":{\"old\":true,\"new\":true}},"
                          "{\"key\":\"latency_ms\",\"values\":{\"old\":1.5,\"new\":40}},"
                          "{\"key\":\"error\",\"values\":{\"new\":true}},"
                          "{\"key\":\"consistent\",\"value\":false,\"samplingRatio\":5}]"));
    becomes(TELEMETRY_MIGRATION, 0, MIGRATION("\"write\"", "[1,0,null,null,null,1]"),
            MIGRATION_OUT("\"write\"", "[{\"key\":\"invoked\",\"values\":{\"old\":true}}]"));
    becomes(TELEMETRY_MIGRATION, 0, MIGRATION("\"write\"", "[2,0,null,7,null,1]"),
            MIGRATION_OUT("\"write\"", "[{\"key\":\"invoked\",\"values\":{\"new\":true}},"
                                       "{\"key\":\"latency_ms\",\"values\":{\"new\":7}}]"));
}

static void nothing_can_be_measured_of_an_origin_that_was_not_invoked(void **state)
{
    static const char *const measurements[] = {
        "[0,0,null,null,null,1]",
        "[1,2,null,null,null,1]",
        "[1,0,null,1,null,1]",
        "[2,0,1,null,null,1]",
        "[1,0,null,null,true,1]",
        "[4,0,null,null,null,1]",
        "[3,0,true,null,null,1]",
        "[3,0,\"1\",1,null,1]",
        "[3,0,null,null,1,1]",
        "[3,0,null,null]",
        "null",
    };
    (void)state;
    for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "[9,\"m\",2,3,\"1\",\"1\",[2,0,null,null,null,false,0],1,\"read\",%s," USER "]",
                 measurements[i]);
        is_refused(TELEMETRY_MIGRATION, 0, json);
    }
    is_refused(TELEMETRY_MIGRATION, 0, MIGRATION("\"delete\"", "[1,0,null,null,null,1]"));
    is_refused(TELEMETRY_MIGRATION, 0, MIGRATION("null", "[1,0,null,null,null,1]"));
}

static void the_first_of_a_window_is_seen(void **state)
{
    (void)state;
    becomes(TELEMETRY_SEEN, 0, "[\"flag\",3,\"\\\"x\\\"\",[\"user\",\"org\"]]",
            "{\"kind\":\"seen\",\"key\":\"flag\",\"default\":\"x\",\"kinds\":[\"user\",\"org\"]}");
    becomes(TELEMETRY_SEEN, 0, "[\"flag\",null,null,[]]",
            "{\"kind\":\"seen\",\"key\":\"flag\",\"kinds\":[]}");
    is_refused(TELEMETRY_SEEN, 0, "[\"flag\",null,null,[1]]");
    is_refused(TELEMETRY_SEEN, 0, "[\"flag\",null,null,null]");
    is_refused(TELEMETRY_SEEN, 0,
               "[\"f\",1,null,[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]]");
}

/* ---- contexts ----------------------------------------------------------------------------- */

static void context_becomes(const char *context, const char *expected)
{
    char json[2048];
    char out[2048];
    snprintf(json, sizeof json, "[1,%s]", context);
    snprintf(out, sizeof out,
             "{\"kind\":\"event\",\"type\":\"identify\",\"time\":1,\"context\":%s}", expected);
    becomes(TELEMETRY_IDENTIFY, 0, json, out);
}

static void context_is_refused(const char *context)
{
    char json[2048];
    snprintf(json, sizeof json, "[1,%s]", context);
    is_refused(TELEMETRY_INDEX, 0, json);
}

static void a_context_of_one_kind_is_single(void **state)
{
    (void)state;
    context_becomes("[[\"org\",\"k\",\"Name\",true,[],[]]]",
                    "{\"kind\":\"org\",\"key\":\"k\",\"name\":\"Name\",\"anonymous\":true}");
    context_becomes("[[\"user\",\"\",\"\",false,[],[]]]",
                    "{\"kind\":\"user\",\"key\":\"\",\"name\":\"\"}");
}

static void a_context_of_several_kinds_is_multi(void **state)
{
    (void)state;
    context_becomes("[[\"user\",\"u\",null,false,[[\"a\",1]],[\"a\"]],"
                    "[\"org\",\"o\",null,true,[],[]]]",
                    "{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"a\":1,\"_meta\":"
                    "{\"privateAttributes\":[\"a\"]}},\"org\":{\"key\":\"o\",\"anonymous\":true}}");
}

static void attributes_have_any_type(void **state)
{
    (void)state;
    context_becomes("[[\"user\",\"u\",null,false,[[\"b\",true],[\"i\",-3],[\"whole\",4.0],"
                    "[\"half\",4.5],[\"s\",\"t\\u00e4\"],[\"list\",[\"x\",\"y\"]],[\"none\",null],"
                    "[\"json\",{\"bin\":\"{\\\"deep\\\":[1,null]}\"}]],[]]]",
                    "{\"kind\":\"user\",\"key\":\"u\",\"b\":true,\"i\":-3,\"whole\":4,"
                    "\"half\":4.5,\"s\":\"t\\u00e4\",\"list\":[\"x\",\"y\"],"
                    "\"json\":{\"deep\":[1,null]}}");
}

static void private_references_stay_as_they_are_written(void **state)
{
    (void)state;
    context_becomes("[[\"user\",\"u\",null,false,[],[\"a\",\"/b/c\",\"/~1ssn\"]]]",
                    "{\"kind\":\"user\",\"key\":\"u\",\"_meta\":{\"privateAttributes\":"
                    "[\"a\",\"/b/c\",\"/~1ssn\"]}}");
}

static void contexts_that_cannot_be_are_refused(void **state)
{
    static const char *const contexts[] = {
        "null",
        "[]",
        "\"u\"",
        "[[]]",
        "[[\"user\",\"u\",null,false,[]]]",
        "[[\"\",\"u\",null,false,[],[]]]",
        "[[\"kind\",\"u\",null,false,[],[]]]",
        "[[\"multi\",\"u\",null,false,[],[]]]",
        "[[\"a b\",\"u\",null,false,[],[]]]",
        "[[null,\"u\",null,false,[],[]]]",
        "[[\"user\",null,null,false,[],[]]]",
        "[[\"user\",1,null,false,[],[]]]",
        "[[\"user\",\"u\\u0000\",null,false,[],[]]]",
        "[[\"user\",\"u\",1,false,[],[]]]",
        "[[\"user\",\"u\",null,null,[],[]]]",
        "[[\"user\",\"u\",null,0,[],[]]]",
        "[[\"user\",\"u\",null,false,null,[]]]",
        "[[\"user\",\"u\",null,false,[[\"a\"]],[]]]",
        "[[\"user\",\"u\",null,false,[[1,1]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"\",1]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"key\",\"x\"]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"kind\",\"x\"]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"name\",\"x\"]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"anonymous\",true]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"_meta\",1]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"a\",[1]]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"a\",[[\"x\"]]]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"a\",{\"bin\":\"1\"}]],[]]]",
        "[[\"user\",\"u\",null,false,[[\"a\",{\"bin\":\"{\"}]],[]]]",
        "[[\"user\",\"u\",null,false,[],null]]",
        "[[\"user\",\"u\",null,false,[],[1]]]",
        "[[\"user\",\"u\",null,false,[],[\"\"]]]",
        "[[\"user\",\"u\",null,false,[],[]],[\"user\",\"v\",null,false,[],[]]]",
        "[[\"user\",\"u\",null,false,[],[]],[\"org\",\"v\",null,false,[[\"key\",1]],[]]]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
        context_is_refused(contexts[i]);
    }
}

static void a_context_has_as_many_kinds_as_the_library_takes(void **state)
{
    char json[2048] = "[";
    (void)state;
    for (int i = 0; i < 9; i++) {
        char kind[64];
        snprintf(kind, sizeof kind, "%s[\"k%d\",\"u\",null,false,[],[]]", i ? "," : "", i);
        strcat(json, kind);
    }
    strcat(json, "]");
    context_is_refused(json);
}

/* ---- what is no record -------------------------------------------------------------------- */

static void every_field_has_its_type(void **state)
{
    static const char *const fields[] = {
        "1000",     "\"flag\"",  "7",          "1",
        "\"true\"", "\"false\"", "\"parent\"", "[1,0,null,null,null,false,0]",
        "1",        "0",         USER,
    };
    static const char *const wrong[] = {"true", "\"\"", "-7", "[]", "{\"bin\":\"x\"}", "1e300"};
    /* What is right after all, by field: an empty text and an empty JSON are told apart. */
    (void)state;
    for (size_t field = 0; field < 11; field++) {
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            char json[1024] = "[";
            for (size_t i = 0; i < 11; i++) {
                strcat(json, i ? "," : "");
                strcat(json, i == field ? wrong[w] : fields[i]);
            }
            strcat(json, "]");
            const bool right =
                (strcmp(wrong[w], "-7") == 0 && (field == 2 || field == 8 || field == 9)) ||
                (strcmp(wrong[w], "\"\"") == 0 && field == 6);
            json_t *const is = read_json(TELEMETRY_EVALUATION, TELEMETRY_FEATURE, json);
            if ((is != NULL) != right) {
                fail_msg("%s: %s", is ? "accepted" : "refused", json);
            }
            json_decref(is);
        }
    }
}

static void a_record_has_all_its_fields_and_may_have_more(void **state)
{
    (void)state;
    is_refused(TELEMETRY_CUSTOM, 0, "[5,\"e\",null,null]");
    is_refused(TELEMETRY_CUSTOM, 0, "[]");
    is_refused(TELEMETRY_IDENTIFY, 0, "1");
    becomes(TELEMETRY_IDENTIFY, 0, "[1," USER ",\"of a later version\"]",
            "{\"kind\":\"event\",\"type\":\"identify\",\"time\":1,\"context\":" USER_OUT "}");
}

static void an_evaluation_says_which_events_it_is_to_be(void **state)
{
    (void)state;
    is_refused(TELEMETRY_EVALUATION, 0, "[0,\"f\",1,0,\"1\",null,null,null,1,0," USER "]");
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    is_refused(0, 0, "[1," USER "]");
    is_refused(TELEMETRY_PAD, 0, "[1," USER "]");
    is_refused(8, 0, "[1," USER "]");
    is_refused(65535, 0, "[1," USER "]");
}

static void refuses_bytes(const char *bytes, size_t length)
{
    for (unsigned type = TELEMETRY_EVALUATION; type <= TELEMETRY_SEEN; type++) {
        json_t *const is = read_bytes(type, TELEMETRY_FEATURE, bytes, length);
        assert_null(is);
    }
}

#define REFUSES(bytes) refuses_bytes((bytes), sizeof(bytes) - 1)

static void bombs_cost_nothing(void **state)
{
    char deep[60000];
    (void)state;
    REFUSES("");
    REFUSES("\x9f");                         /* 15 elements, none there */
    REFUSES("\xdd\xff\xff\xff\xff");         /* 4 billion elements */
    REFUSES("\xdd\x7f\xff\xff\xff\x00");     /* 2 billion */
    REFUSES("\x92\x01\xdd\x10\x00\x00\x00"); /* 268 million, further in */
    REFUSES("\xdb\xff\xff\xff\xff"
            "a"); /* a string of 4 GiB */
    REFUSES("\xc6\xff\xff\xff\xff"
            "a");                    /* a bin of 4 GiB */
    REFUSES("\xdc\xff");             /* cut in its length */
    REFUSES("\xdf\xff\xff\xff\xff"); /* a map of 4 billion */
    REFUSES("\x81\x01\x02");         /* any map */
    REFUSES("\xc9\x00\x00\x00\x01\x05"
            "a"); /* an extension */
    REFUSES("\xd4\x05"
            "a");                    /* a fixed one */
    REFUSES("\xc1");                 /* never used */
    REFUSES("\x92\x01\x02\x03");     /* more than the value */
    memset(deep, 0x91, sizeof deep); /* arrays of one array */
    refuses_bytes(deep, sizeof deep);
    memset(deep, 0x9f, sizeof deep); /* arrays of fifteen arrays */
    refuses_bytes(deep, sizeof deep);
    memset(deep, 0xdd, sizeof deep);
    refuses_bytes(deep, sizeof deep);
}

static void json_may_nest_only_so_deep(void **state)
{
    char json[40000];
    (void)state;
    strcpy(json, "[5,\"e\",\"");
    memset(json + strlen(json), '[', 30000);
    json[8 + 30000] = '\0';
    strcat(json, "\",null," USER "]");
    is_refused(TELEMETRY_CUSTOM, 0, json);
}

static void invalid_utf8_is_refused(void **state)
{
    (void)state;
    /* [5, "e\xff", nil, nil, [["user", "u", nil, false, [], []]]] and so on */
    REFUSES("\x95\x05\xa2"
            "e\xff"
            "\xc0\xc0\x91\x96\xa4user\xa1u\xc0\xc2\x90\x90");
    REFUSES("\x92\x05\x91\x96\xa4user\xa1\xff\xc0\xc2\x90\x90");
    REFUSES("\x92\x05\x91\x96\xa4user\xa1u\xc0\xc2\x91\x92\xa1\x61\xa1\xc0\x90");
    REFUSES("\x92\x05\x91\x96\xa4user\xa1u\xc0\xc2\x91\x92\xa1\x61\x91\xa1\xc0\x90");
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    REFUSES("\x95\x05\xa1"
            "e\xc0\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"
            "\x91\x96\xa4user\xa1u\xc0\xc2\x90\x90"); /* metric: infinity */
    REFUSES("\x92\x05\x91\x96\xa4user\xa1u\xc0\xc2\x91\x92\xa1"
            "a"
            "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01\x90"); /* attribute: not a number */
}

static void large_integers_are_read(void **state)
{
    (void)state;
    becomes(TELEMETRY_CUSTOM, 0, "[5,\"e\",\"123456789012345678901234567890\",null," USER "]",
            "{\"kind\":\"event\",\"type\":\"custom\",\"time\":5,\"key\":\"e\","
            "\"data\":1.2345678901234568e29,\"context\":" USER_OUT "}");
}

/* Every prefix of a good record, and every byte of it changed, is read or refused, no more. */
static void damage_is_survived(void **state)
{
    size_t length;
    uint8_t *const payload =
        writer_pack("[1000,\"flag\",7,1,\"{\\\"a\\\":[1,2.5]}\",\"null\",\"parent\","
                    "[4,0,2,\"rule-id\",null,true,0],3,2000,[[\"user\",\"u\",\"n\",true,"
                    "[[\"a\",1.5],[\"b\",[\"x\"]],[\"c\",{\"bin\":\"[1]\"}]],[\"a\"]]]]",
                    &length);
    (void)state;
    for (size_t cut = 0; cut < length; cut++) {
        assert_null(read_bytes(TELEMETRY_EVALUATION, TELEMETRY_FEATURE, payload, cut));
    }
    for (size_t at = 0; at < length; at++) {
        const uint8_t was = payload[at];
        for (unsigned value = 0; value < 256; value++) {
            payload[at] = (uint8_t)value;
            json_decref(read_bytes(TELEMETRY_EVALUATION, TELEMETRY_FEATURE, payload, length));
        }
        payload[at] = was;
    }
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_evaluation_has_all_its_members),
        cmocka_unit_test(what_is_optional_may_be_missing),
        cmocka_unit_test(reasons_are_launchdarklys),
        cmocka_unit_test(a_custom_event_has_data_and_metric),
        cmocka_unit_test(measurements_are_launchdarklys),
        cmocka_unit_test(nothing_can_be_measured_of_an_origin_that_was_not_invoked),
        cmocka_unit_test(the_first_of_a_window_is_seen),
        cmocka_unit_test(a_context_of_one_kind_is_single),
        cmocka_unit_test(a_context_of_several_kinds_is_multi),
        cmocka_unit_test(attributes_have_any_type),
        cmocka_unit_test(private_references_stay_as_they_are_written),
        cmocka_unit_test(contexts_that_cannot_be_are_refused),
        cmocka_unit_test(a_context_has_as_many_kinds_as_the_library_takes),
        cmocka_unit_test(every_field_has_its_type),
        cmocka_unit_test(a_record_has_all_its_fields_and_may_have_more),
        cmocka_unit_test(an_evaluation_says_which_events_it_is_to_be),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(bombs_cost_nothing),
        cmocka_unit_test(json_may_nest_only_so_deep),
        cmocka_unit_test(invalid_utf8_is_refused),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(large_integers_are_read),
        cmocka_unit_test(damage_is_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
