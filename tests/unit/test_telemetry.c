/*
 * test_telemetry.c - what evaluations tell: counts, SEEN, INDEX, whole events, errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "told_store.h"

static struct told_store store;
static struct ffshm *ff;
static struct ffshm_context user;
static struct ffshm_context other;

static int setup(void **state)
{
    (void)state;
    told_store_open(&store);
    ff = store.ff;
    ffshm_context_init(&user, NULL, "ann");
    ffshm_context_string(&user, "country", "DE");
    ffshm_context_init(&other, "org", "acme");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    told_store_close(&store);
    return 0;
}

static uint64_t counted(const char *key, int variation)
{
    return telemetry_counted(store.live.dir, key, 3, variation);
}

/* The payloads of a type but for the member `leave_out` (a time), as one text. */
static const char *told(const char *type)
{
    static char text[16384];
    json_t *records = telemetry_records_of(store.live.dir, type);
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        if (strcmp(type, "seen") != 0) {
            const int64_t time_ms = json_integer_value(json_array_get(record, 0));
            assert_in_range(time_ms / 1000, time(NULL) - 10, time(NULL) + 1);
            json_array_remove(record, 0);
        }
    }
    char *dumped = json_dumps(records, JSON_COMPACT);
    snprintf(text, sizeof(text), "%s", dumped);
    free(dumped);
    json_decref(records);
    return text;
}

static size_t how_many(const char *type)
{
    json_t *records = telemetry_records_of(store.live.dir, type);
    const size_t count = json_array_size(records);
    json_decref(records);
    return count;
}

/* ---- counts ---- */

static void each_variation_is_counted(void **state)
{
    (void)state;
    char text[16];
    for (int i = 0; i < 10; i++) {
        assert_true(ffshm_bool(ff, "on", &user, false));
        ffshm_string(ff, "text", &user, "", text, sizeof(text));
        assert_string_equal(text, "two");
    }
    for (int i = 0; i < 3; i++) {
        ffshm_string(ff, "text", &other, "", text, sizeof(text));
        assert_string_equal(text, "one");
    }
    assert_int_equal(ffshm_int(ff, "number", &user, 0), 7);
    assert_int_equal(counted("on", 1), 10);
    assert_int_equal(counted("on", 0), 0);
    assert_int_equal(counted("on", -1), 0);
    assert_int_equal(counted("text", 1), 10);
    assert_int_equal(counted("text", 0), 3);
    assert_int_equal(counted("number", 0), 1);
    assert_int_equal(telemetry_counted_all(store.live.dir), 24);
    assert_int_equal(telemetry_files(store.live.dir), 1);
}

static void every_way_of_evaluating_counts(void **state)
{
    (void)state;
    static struct ffshm_flag on = FFSHM_FLAG("on");
    static struct ffshm_flag text_flag = FFSHM_FLAG("text");
    struct ffshm_detail d;
    char text[64];
    for (int i = 0; i < 5; i++) {
        ffshm_bool(ff, "on", &user, false);
        ffshm_flag_bool(ff, &on, &user, false);
        ffshm_bool_detail(ff, "on", &user, false, &d);
        ffshm_json(ff, "on", &user, "null", text, sizeof(text));
        ffshm_flag_json(ff, &on, &user, "null", text, sizeof(text));
        ffshm_json_detail(ff, "on", &user, "null", text, sizeof(text), &d);
        ffshm_int(ff, "number", &user, 0);
        ffshm_double(ff, "number", &user, 0);
        ffshm_int_detail(ff, "number", &user, 0, &d);
        ffshm_double_detail(ff, "number", &user, 0, &d);
        ffshm_string(ff, "text", &user, "", text, sizeof(text));
        ffshm_flag_string(ff, &text_flag, &user, "", text, sizeof(text));
        ffshm_string_detail(ff, "text", &user, "", text, sizeof(text), &d);
    }
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    const char *keys[] = {"on", "text", "number"};
    struct ffshm_result results[3];
    ffshm_evaluate(&view, "on", &user);
    assert_int_equal(ffshm_evaluate_many(&view, keys, 3, &user, results), 3);
    ffshm_unpin(&view);
    assert_int_equal(counted("on", 1), 32);
    assert_int_equal(counted("number", 0), 21);
    assert_int_equal(counted("text", 1), 16);
}

static void rollouts_are_counted_by_what_they_serve(void **state)
{
    (void)state;
    unsigned served[2] = {0, 0};
    for (int i = 0; i < 2000; i++) {
        char key[16];
        struct ffshm_context c;
        snprintf(key, sizeof(key), "user-%d", i);
        ffshm_context_init(&c, NULL, key);
        served[ffshm_bool(ff, "share", &c, false)]++;
        telemetry_desk_ack(&store.desk);
    }
    assert_in_range(served[0], 800, 1200);
    assert_int_equal(counted("share", 0), served[0]);
    assert_int_equal(counted("share", 1), served[1]);
}

static void fallbacks_are_counted_apart(void **state)
{
    (void)state;
    struct ffshm_detail d;
    assert_true(ffshm_bool(ff, "off", &user, true));
    assert_false(ffshm_bool_detail(ff, "off", &user, false, &d));
    assert_int_equal(ffshm_int(ff, "on", &user, 5), 5); /* of another type */
    assert_true(ffshm_bool(ff, "broken", &user, true));
    assert_int_equal(counted("off", -1), 2);
    assert_int_equal(counted("on", -1), 1);
    assert_int_equal(counted("on", 1), 0);
    assert_int_equal(counted("broken", -1), 1);
}

static void unknown_keys_are_counted_by_key(void **state)
{
    (void)state;
    static struct ffshm_flag handle = FFSHM_FLAG("nobody");
    for (int i = 0; i < 4; i++) {
        assert_true(ffshm_bool(ff, "nobody", &user, true));
        ffshm_flag_bool(ff, &handle, &user, true);
    }
    assert_true(ffshm_bool(ff, "else", &user, true));
    ffshm_bool(ff, NULL, &user, true);
    assert_int_equal(telemetry_counted(store.live.dir, "nobody", -1, -1), 8);
    assert_int_equal(telemetry_counted(store.live.dir, "else", -1, -1), 1);
    assert_int_equal(telemetry_counted(store.live.dir, "", -1, -1), 1);
    assert_string_equal(told("seen"), "[[\"nobody\",null,\"true\",[\"user\"]],"
                                      "[\"else\",null,\"true\",[\"user\"]],"
                                      "[\"\",null,\"true\",[\"user\"]]]");
}

static void versions_are_counted_apart(void **state)
{
    (void)state;
    struct ffshm_view old;
    ffshm_pin(ff, &old);
    ffshm_bool(ff, "on", &user, false);
    told_store_flag(&store, "on",
                    "{\"version\":4,\"on\":true,\"variations\":[false,true,1],"
                    "\"fallthrough\":{\"variation\":0}}");
    for (int i = 0; i < 3; i++) {
        assert_false(ffshm_bool(ff, "on", &user, true));
        assert_true(ffshm_evaluate(&old, "on", &user).boolean);
    }
    ffshm_unpin(&old);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 3, 1), 4);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 4, 0), 3);
    assert_int_equal(telemetry_counted_all(store.live.dir), 7);
    /* One of each version: an old view does not push the new one out. */
    assert_string_equal(told("seen"), "[[\"on\",3,\"false\",[\"user\"]],"
                                      "[\"on\",4,\"true\",[\"user\"]]]");
}

static void what_is_excluded_from_summaries_is_not_counted(void **state)
{
    (void)state;
    assert_true(ffshm_bool(ff, "quiet", &user, false));
    assert_int_equal(telemetry_counted_all(store.live.dir), 0);
    assert_int_equal(how_many("seen"), 0);
    assert_int_equal(how_many("evaluation"), 1);
}

static void nothing_is_told_while_nobody_collects(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 0, 0, false);
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "tracked", &user, false);
    ffshm_bool(ff, "nobody", &user, false);
    assert_int_equal(telemetry_files(store.live.dir), 0);
    struct ffshm *silent =
        ffshm_open(store.live.dir, &(struct ffshm_options){.size = sizeof(struct ffshm_options),
                                                           .no_telemetry = true});
    telemetry_desk_window(&store.desk, 1, 1, true);
    ffshm_bool(silent, "on", &user, false);
    ffshm_bool(silent, "tracked", &user, false);
    ffshm_track(silent, "event", &user, 1);
    struct ffshm_status status;
    ffshm_status(silent, &status);
    assert_int_equal(status.dropped_events, 0);
    ffshm_close(silent);
    assert_int_equal(telemetry_files(store.live.dir), 0);
}

static void all_flags_tell_nothing(void **state)
{
    (void)state;
    struct ffshm_view view;
    char text[4096];
    ffshm_pin(ff, &view);
    ffshm_all_flags_json(&view, &user, FFSHM_ALL_FLAGS_WITH_REASONS, text, sizeof(text));
    ffshm_unpin(&view);
    assert_int_equal(telemetry_files(store.live.dir), 0);
}

static void only_counts_are_told_where_no_events_are_wanted(void **state)
{
    (void)state;
    telemetry_desk_window(&store.desk, 1, 1, false);
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "needs", &user, false);
    ffshm_track(ff, "event", &user, 1);
    ffshm_identify(ff, &user);
    assert_int_equal(telemetry_counted_all(store.live.dir), 3);
    json_t *records = telemetry_records(store.live.dir);
    assert_int_equal(json_array_size(records), 0);
    json_decref(records);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_events, 0);
}

static void a_store_without_a_snapshot_counts_what_is_asked(void **state)
{
    (void)state;
    struct live_store empty;
    struct telemetry_desk desk;
    live_store_open(&empty);
    telemetry_desk_open(&desk, empty.dir);
    telemetry_desk_window(&desk, 1, 1, true);
    struct ffshm *waiting = ffshm_open(empty.dir, NULL);
    assert_true(ffshm_bool(waiting, "on", &user, true));
    assert_int_equal(telemetry_counted(empty.dir, "on", -1, -1), 1);
    ffshm_close(waiting);
    telemetry_desk_close(&desk);
    live_store_close(&empty);
}

static void errno_is_kept(void **state)
{
    (void)state;
    errno = 4711;
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "tracked", &user, false);
    ffshm_bool(ff, "nobody", &user, false);
    ffshm_track(ff, "event", &user, 1);
    ffshm_identify(ff, &user);
    ffshm_flush(ff);
    assert_int_equal(errno, 4711);
}

/* ---- SEEN and INDEX ---- */

static void a_flag_is_told_of_once_a_window_and_set_of_kinds(void **state)
{
    (void)state;
    struct ffshm_context both;
    struct ffshm_context turned;
    ffshm_context_init(&both, NULL, "ann");
    ffshm_context_add(&both, &other);
    turned = other;
    ffshm_context_add(&turned, &user);
    for (int i = 0; i < 5; i++) {
        ffshm_bool(ff, "on", &user, i != 0);
        ffshm_bool(ff, "on", &other, true);
        ffshm_bool(ff, "on", &both, true);
        ffshm_bool(ff, "on", &turned, true); /* the same set */
    }
    assert_string_equal(told("seen"), "[[\"on\",3,\"false\",[\"user\"]],"
                                      "[\"on\",3,\"true\",[\"org\"]],"
                                      "[\"on\",3,\"true\",[\"user\",\"org\"]]]");
    telemetry_desk_ack(&store.desk);
    telemetry_desk_window(&store.desk, 1, 2, true);
    ffshm_bool(ff, "on", &user, true);
    ffshm_bool(ff, "on", &user, true);
    assert_string_equal(told("seen"), "[[\"on\",3,\"true\",[\"user\"]]]");
    assert_int_equal(counted("on", 1), 22);
    /* Another agent, which counts windows from the beginning, has not been told. */
    telemetry_desk_ack(&store.desk);
    telemetry_desk_window(&store.desk, 7, 2, true);
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "on", &user, false);
    assert_string_equal(told("seen"), "[[\"on\",3,\"false\",[\"user\"]]]");
}

static void fallbacks_are_told_as_json(void **state)
{
    (void)state;
    char text[64];
    ffshm_int(ff, "number", &user, -12);
    ffshm_double(ff, "off", &user, 0.25);
    ffshm_string(ff, "text", &user, "a \"b\"", text, sizeof(text));
    ffshm_json(ff, "on", &user, "{\"a\":1}", text, sizeof(text));
    ffshm_string(ff, "broken", &user, NULL, text, sizeof(text));
    struct ffshm_view view;
    ffshm_pin(ff, &view);
    ffshm_evaluate(&view, "share", &user);
    ffshm_unpin(&view);
    assert_string_equal(told("seen"), "[[\"number\",3,\"-12\",[\"user\"]],"
                                      "[\"off\",3,\"0.25\",[\"user\"]],"
                                      "[\"text\",3,\"\\\"a \\\\\\\"b\\\\\\\"\\\"\",[\"user\"]],"
                                      "[\"on\",3,\"{\\\"a\\\":1}\",[\"user\"]],"
                                      "[\"broken\",3,null,[\"user\"]],"
                                      "[\"share\",3,null,[\"user\"]]]");
}

static void more_sets_of_kinds_than_are_told_of_are_counted(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 40; i++) {
            char kind[16];
            struct ffshm_context c;
            snprintf(kind, sizeof(kind), "kind-%d", i);
            ffshm_context_init(&c, kind, "k");
            ffshm_bool(ff, "on", &c, false);
        }
    }
    assert_int_equal(counted("on", 1), 120);
    assert_int_equal(how_many("seen"), 32);
    assert_int_equal(how_many("index"), 40);
}

static void a_context_is_told_of_once_an_epoch(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        ffshm_bool(ff, "on", &user, false);
        ffshm_bool(ff, "text", &user, false);
        ffshm_bool(ff, "nobody", &other, false);
    }
    assert_string_equal(told("index"),
                        "[[[[\"user\",\"ann\",null,false,[[\"country\",\"DE\"]],[]]]],"
                        "[[[\"org\",\"acme\",null,false,[],[]]]]]");
    telemetry_desk_ack(&store.desk);
    telemetry_desk_window(&store.desk, 1, 2, true);
    ffshm_bool(ff, "on", &user, false);
    assert_string_equal(told("index"), "[]");
    telemetry_desk_window(&store.desk, 2, 2, true);
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "on", &user, false);
    assert_string_equal(told("index"), "[[[[\"user\",\"ann\",null,false,[[\"country\",\"DE\"]],"
                                       "[]]]]]");
    assert_int_equal(counted("on", 1), 6);
}

static void contexts_are_told_whole(void **state)
{
    (void)state;
    static const char *const groups[] = {"a", NULL, "b"};
    struct ffshm_context c;
    struct ffshm_context org;
    char scratch[256];
    static const char user_json[] =
        "{\"key\":\"j\",\"name\":\"J\",\"anonymous\":true,\"privateAttributeNames\":[\"/a~b/\","
        "\"email\"]}";
    ffshm_context_init(&c, NULL, "k");
    ffshm_context_name(&c, "N");
    ffshm_context_anonymous(&c, true);
    ffshm_context_bool(&c, "b", true);
    ffshm_context_number(&c, "i", -3);
    ffshm_context_number(&c, "f", 0.5);
    ffshm_context_strings(&c, "s", groups, 3);
    ffshm_context_json(&c, "j", "{\"a\": [1]}");
    ffshm_context_private(&c, "/j/a");
    ffshm_context_private(&c, "b");
    ffshm_context_init(&org, "org", "o");
    ffshm_context_string(&org, "b", "of org");
    ffshm_context_private(&org, "x");
    ffshm_context_add(&c, &org);
    ffshm_identify(ff, &c);
    assert_int_equal(
        ffshm_context_parse(&c, user_json, strlen(user_json), scratch, sizeof(scratch)), FFSHM_OK);
    ffshm_identify(ff, &c);
    assert_string_equal(
        told("identify"),
        "[[[[\"user\",\"k\",\"N\",true,[[\"b\",true],[\"i\",-3],[\"f\",0.5],"
        "[\"s\",[\"a\",null,\"b\"]],[\"j\",{\"bin\":\"{\\\"a\\\": [1]}\"}]],[\"/j/a\",\"b\"]],"
        "[\"org\",\"o\",null,false,[[\"b\",\"of org\"]],[\"x\"]]]],"
        "[[[\"user\",\"j\",\"J\",true,[],[\"/~1a~0b~1\",\"email\"]]]]]");
}

static void nobody_is_identified_by_an_empty_key(void **state)
{
    (void)state;
    struct ffshm_context c;
    char scratch[128];
    static const char user_json[] = "{\"key\":\"\",\"name\":\"J\"}";
    assert_int_equal(
        ffshm_context_parse(&c, user_json, strlen(user_json), scratch, sizeof(scratch)), FFSHM_OK);
    ffshm_identify(ff, &c);
    assert_string_equal(told("identify"), "[]");
}

/* ---- whole events ---- */

static void tracked_flags_are_told_whole(void **state)
{
    (void)state;
    struct ffshm_detail d;
    ffshm_bool(ff, "tracked", &other, false);
    ffshm_bool_detail(ff, "tracked", &other, false, &d);
    ffshm_int(ff, "tracked", &other, 5);
    assert_string_equal(
        told("evaluation"),
        "[[\"tracked\",3,1,\"true\",\"false\",null,null,1,0,[[\"org\",\"acme\",null,false,[],[]]]],"
        "[\"tracked\",3,1,\"true\",\"false\",null,[2,0,null,null,null,false,0],1,0,"
        "[[\"org\",\"acme\",null,false,[],[]]]],"
        "[\"tracked\",3,null,\"5\",\"5\",null,null,1,0,[[\"org\",\"acme\",null,false,[],[]]]]]");
    assert_int_equal(counted("tracked", 1), 2);
    assert_int_equal(counted("tracked", -1), 1);
    assert_int_equal(how_many("index"), 1);
}

static void prerequisites_are_told_before(void **state)
{
    (void)state;
    assert_true(ffshm_bool(ff, "needs", &other, false));
    assert_false(ffshm_bool(ff, "fails", &other, true));
    assert_string_equal(told("evaluation"), "[[\"tracked\",3,1,\"true\",null,\"needs\",null,1,0,"
                                            "[[\"org\",\"acme\",null,false,[],[]]]]]");
    assert_string_equal(told("seen"), "[[\"tracked\",3,null,[\"org\"]],"
                                      "[\"needs\",3,\"false\",[\"org\"]],"
                                      "[\"on\",3,null,[\"org\"]],"
                                      "[\"fails\",3,\"true\",[\"org\"]]]");
    assert_int_equal(counted("tracked", 1), 1);
    assert_int_equal(counted("needs", 1), 1);
    assert_int_equal(counted("on", 1), 1);
    assert_int_equal(counted("fails", 0), 1);
}

static void an_abandoned_evaluation_keeps_what_was_told(void **state)
{
    (void)state;
    static const char *const round =
        "{\"version\":3,\"on\":true,\"variations\":[false,true],\"offVariation\":0,"
        "\"prerequisites\":[{\"key\":\"tracked\",\"variation\":1},{\"key\":\"%s\",\"variation\":1}]"
        ","
        "\"fallthrough\":{\"variation\":1}}";
    char json[512];
    snprintf(json, sizeof(json), round, "b");
    live_store_put_text(&store.live, IMAGE_FLAG, "a", json);
    snprintf(json, sizeof(json), round, "a");
    told_store_flag(&store, "b", json);
    assert_true(ffshm_bool(ff, "a", &user, true));
    assert_int_equal(how_many("evaluation"), 2); /* of tracked, for a and for b */
    assert_int_equal(counted("tracked", 1), 2);
    assert_int_equal(counted("a", -1), 1);
    assert_int_equal(counted("b", 0) + counted("b", 1) + counted("b", -1), 0);
    assert_int_equal(telemetry_failed(store.live.dir, FFSHM_MALFORMED_FLAG, "a"), 1);
}

static void experiments_are_told_with_their_reason(void **state)
{
    (void)state;
    told_store_flag(
        &store, "on",
        "{\"version\":4,\"on\":true,\"variations\":[false,true],"
        "\"trackEventsFallthrough\":true,\"fallthrough\":{\"variation\":1},"
        "\"rules\":[{\"id\":\"quiet\",\"variation\":0,\"clauses\":[{\"attribute\":"
        "\"key\",\"op\":\"in\",\"values\":[\"ann\"]}]},{\"id\":\"loud\",\"variation\":0,"
        "\"trackEvents\":true,\"clauses\":[{\"attribute\":\"key\",\"op\":\"in\","
        "\"values\":[\"bob\"]}]}]}");
    struct ffshm_context bob;
    struct ffshm_context eve;
    ffshm_context_init(&bob, NULL, "bob");
    ffshm_context_init(&eve, NULL, "eve");
    ffshm_bool(ff, "on", &user, false); /* quiet */
    ffshm_bool(ff, "on", &bob, false);
    ffshm_bool(ff, "on", &eve, false);
    assert_string_equal(told("evaluation"),
                        "[[\"on\",4,0,\"false\",\"false\",null,[4,0,1,\"loud\",null,false,0],1,0,"
                        "[[\"user\",\"bob\",null,false,[],[]]]],"
                        "[\"on\",4,1,\"true\",\"false\",null,[2,0,null,null,null,false,0],1,0,"
                        "[[\"user\",\"eve\",null,false,[],[]]]]]");
    told_store_flag(&store, "on",
                    "{\"version\":5,\"on\":true,\"variations\":[false,true],\"fallthrough\":"
                    "{\"rollout\":{\"kind\":\"experiment\",\"variations\":[{\"variation\":1,"
                    "\"weight\":100000}]}}}");
    telemetry_desk_ack(&store.desk);
    ffshm_bool(ff, "on", &bob, false);
    assert_string_equal(told("evaluation"),
                        "[[\"on\",5,1,\"true\",\"false\",null,[2,0,null,null,null,true,0],1,0,"
                        "[[\"user\",\"bob\",null,false,[],[]]]]]");
}

static int flags_of_first(void)
{
    json_t *records = telemetry_records(store.live.dir);
    int flags = -1;
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        if (strcmp(json_string_value(json_array_get(record, 0)), "evaluation") == 0) {
            flags = (int)json_integer_value(json_array_get(record, 1));
            break;
        }
    }
    json_decref(records);
    return flags;
}

static void debugging_is_told_until_its_end(void **state)
{
    (void)state;
    char json[256];
    static const char *const format = "{\"version\":%d,\"on\":true,\"variations\":[false,true],"
                                      "\"fallthrough\":{\"variation\":1},"
                                      "\"debugEventsUntilDate\":%lld}";
    snprintf(json, sizeof(json), format, 4, (long long)time(NULL) * 1000 + 60000);
    told_store_flag(&store, "on", json);
    ffshm_bool(ff, "on", &user, false);
    assert_int_equal(flags_of_first(), TELEMETRY_DEBUG);
    telemetry_desk_ack(&store.desk);
    snprintf(json, sizeof(json), format, 5, (long long)time(NULL) * 1000 - 60000);
    told_store_flag(&store, "on", json);
    ffshm_bool(ff, "on", &user, false);
    assert_int_equal(how_many("evaluation"), 0);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 5, 1), 1);
    ffshm_bool(ff, "tracked", &user, false);
    assert_int_equal(flags_of_first(), TELEMETRY_FEATURE);
}

static void sampling_is_drawn_here(void **state)
{
    (void)state;
    static const char *const format = "{\"version\":%d,\"on\":true,\"variations\":[false,true],"
                                      "\"trackEvents\":true,\"samplingRatio\":%d,"
                                      "\"fallthrough\":{\"variation\":1}}";
    char json[256];
    snprintf(json, sizeof(json), format, 4, 4);
    told_store_flag(&store, "on", json);
    size_t told_whole = 0;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 100; k++) {
            ffshm_bool(ff, "on", &user, false);
        }
        told_whole += how_many("evaluation");
        telemetry_desk_ack(&store.desk);
    }
    assert_in_range(told_whole, 800, 1200); /* of 4000; 7 standard deviations */
    snprintf(json, sizeof(json), format, 5, 0);
    told_store_flag(&store, "on", json);
    for (int k = 0; k < 100; k++) {
        ffshm_bool(ff, "on", &user, false);
    }
    assert_int_equal(how_many("evaluation"), 0);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 5, 1), 100);
}

static void long_values_are_left_to_the_agent(void **state)
{
    (void)state;
    char *json = malloc(8192);
    assert_non_null(json);
    const int head = snprintf(json, 8192,
                              "{\"version\":4,\"on\":true,\"trackEvents\":true,"
                              "\"fallthrough\":{\"variation\":0},\"variations\":[\"");
    memset(json + head, 'x', 5000);
    snprintf(json + head + 5000, 8, "\"]}");
    told_store_flag(&store, "on", json);
    char text[16];
    ffshm_string(ff, "on", &other, json + head, text, sizeof(text));
    assert_string_equal(told("evaluation"), "[[\"on\",4,0,null,null,null,null,1,0,"
                                            "[[\"org\",\"acme\",null,false,[],[]]]]]");
    free(json);
}

/* ---- errors ---- */

static void failures_are_counted_by_error_and_flag(void **state)
{
    (void)state;
    struct ffshm_context invalid;
    ffshm_context_init(&invalid, NULL, "");
    for (int i = 0; i < 3; i++) {
        ffshm_int(ff, "on", &user, 0);
        ffshm_bool(ff, "nobody-of-a-rather-long-name-that-is-cut", &user, false);
        ffshm_bool(ff, "broken", &user, false);
        ffshm_bool(ff, "on", &invalid, false);
        ffshm_bool(ff, "on", NULL, false);
    }
    const char *dir = store.live.dir;
    assert_int_equal(telemetry_failed(dir, FFSHM_WRONG_TYPE, "on"), 3);
    assert_int_equal(
        telemetry_failed(dir, FFSHM_FLAG_NOT_FOUND, "nobody-of-a-rather-long-name-that-is-cut"), 3);
    assert_int_equal(telemetry_failed(dir, FFSHM_MALFORMED_FLAG, "broken"), 3);
    assert_int_equal(telemetry_failed(dir, FFSHM_INVALID_CONTEXT, "on"), 6);
    assert_int_equal(telemetry_counted_all(dir), 9); /* none of an invalid context */
}

static void more_errors_than_fit_are_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "nobody-%d", i);
        ffshm_bool(ff, key, &user, false);
    }
    uint64_t sum = 0;
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof(key), "nobody-%d", i);
        sum += telemetry_failed(store.live.dir, FFSHM_FLAG_NOT_FOUND, key);
    }
    assert_int_equal(sum, TELEMETRY_ERRORS);
    assert_int_equal(telemetry_counted_all(store.live.dir), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_variation_is_counted),
        TEST(every_way_of_evaluating_counts),
        TEST(rollouts_are_counted_by_what_they_serve),
        TEST(fallbacks_are_counted_apart),
        TEST(unknown_keys_are_counted_by_key),
        TEST(versions_are_counted_apart),
        TEST(what_is_excluded_from_summaries_is_not_counted),
        TEST(nothing_is_told_while_nobody_collects),
        TEST(all_flags_tell_nothing),
        TEST(only_counts_are_told_where_no_events_are_wanted),
        TEST(a_store_without_a_snapshot_counts_what_is_asked),
        TEST(errno_is_kept),
        TEST(a_flag_is_told_of_once_a_window_and_set_of_kinds),
        TEST(fallbacks_are_told_as_json),
        TEST(more_sets_of_kinds_than_are_told_of_are_counted),
        TEST(a_context_is_told_of_once_an_epoch),
        TEST(contexts_are_told_whole),
        TEST(nobody_is_identified_by_an_empty_key),
        TEST(tracked_flags_are_told_whole),
        TEST(prerequisites_are_told_before),
        TEST(an_abandoned_evaluation_keeps_what_was_told),
        TEST(experiments_are_told_with_their_reason),
        TEST(debugging_is_told_until_its_end),
        TEST(sampling_is_drawn_here),
        TEST(long_values_are_left_to_the_agent),
        TEST(failures_are_counted_by_error_and_flag),
        TEST(more_errors_than_fit_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
