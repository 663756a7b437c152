/* Stages of migrations, and what makes an operation worth telling of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ffshm.h"
#include "live_store.h"
#include "telemetry_tell.h"

static struct live_store store;
static struct ffshm *ff;
static struct ffshm_context who;
static char logged[256];

static void keep_log(void *arg, int level, const char *message)
{
    (void)arg;
    assert_int_equal(level, FFSHM_LOG_ERROR);
    (void)snprintf(logged, sizeof logged, "%s", message);
}

static void put(const char *key, const char *members, int variation)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"version\":7,\"on\":true,\"fallthrough\":{\"variation\":%d},%s\"variations\":"
                   "[\"off\",\"dualwrite\",\"shadow\",\"live\",\"rampdown\",\"complete\",\"Off\"]}",
                   variation, members);
    live_store_put_text(&store, IMAGE_FLAG, key, text);
}

static void open_store(void)
{
    const struct ffshm_options options = {.size = sizeof options, .log = keep_log};
    live_store_publish(&store);
    ff = ffshm_open(store.dir, &options);
    assert_non_null(ff);
}

static int set_up(void **state)
{
    (void)state;
    live_store_open(&store);
    ffshm_context_init(&who, NULL, "somebody");
    logged[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ffshm_close(ff);
    ff = NULL;
    live_store_close(&store);
    return 0;
}

static uint64_t dropped(void)
{
    struct ffshm_status status;
    ffshm_status(ff, &status);
    return status.dropped_events;
}

/* ---- stages -------------------------------------------------------------------------------- */

static void names_and_stages_are_one_to_one(void **state)
{
    (void)state;
    static const char *const names[] = {"off",  "dualwrite", "shadow",
                                        "live", "rampdown",  "complete"};
    for (int i = 0; i < 6; i++) {
        assert_string_equal(ffshm_stage_name(i), names[i]);
        assert_int_equal(ffshm_stage_parse(names[i]), i);
    }
    assert_string_equal(ffshm_stage_name(-1), "");
    assert_string_equal(ffshm_stage_name(6), "");
    assert_int_equal(ffshm_stage_parse("Off"), -1);
    assert_int_equal(ffshm_stage_parse("offx"), -1);
    assert_int_equal(ffshm_stage_parse(""), -1);
    assert_int_equal(ffshm_stage_parse(NULL), -1);
}

static void a_flag_gives_its_stage(void **state)
{
    (void)state;
    char key[8];
    for (int i = 0; i < 6; i++) {
        (void)snprintf(key, sizeof key, "m%d", i);
        put(key, "", i);
    }
    open_store();
    for (int i = 0; i < 6; i++) {
        struct ffshm_migration m;
        (void)snprintf(key, sizeof key, "m%d", i);
        assert_int_equal(ffshm_migration_stage(ff, key, &who, (i + 1) % 6, NULL), i);
        assert_int_equal(ffshm_migration_stage(ff, key, &who, (i + 1) % 6, &m), i);
        assert_int_equal(m.stage, i);
        assert_int_equal(m.fallback, (i + 1) % 6);
        assert_int_equal(m.variation, i);
        assert_int_equal(m.flag_version, 7);
        assert_int_equal(m.reason, FFSHM_REASON_FALLTHROUGH);
        assert_string_equal(m.flag, key);
    }
}

static void what_is_no_stage_is_the_fallback(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("wrong", "", 6);
    live_store_put_text(&store, IMAGE_FLAG, "number",
                        "{\"version\":1,\"on\":false,\"offVariation\":0,\"variations\":[1]}");
    open_store();
    assert_int_equal(ffshm_migration_stage(ff, "wrong", &who, FFSHM_STAGE_LIVE, &m),
                     FFSHM_STAGE_LIVE);
    assert_int_equal(m.reason, FFSHM_REASON_ERROR);
    assert_int_equal(m.error, FFSHM_WRONG_TYPE);
    assert_int_equal(m.variation, -1);
    assert_int_equal(m.flag_version, 7);
    assert_int_equal(ffshm_migration_stage(ff, "number", &who, FFSHM_STAGE_SHADOW, &m),
                     FFSHM_STAGE_SHADOW);
    assert_int_equal(m.error, FFSHM_WRONG_TYPE);
    assert_int_equal(ffshm_migration_stage(ff, "none", &who, FFSHM_STAGE_COMPLETE, &m),
                     FFSHM_STAGE_COMPLETE);
    assert_int_equal(m.error, FFSHM_FLAG_NOT_FOUND);
    assert_int_equal(m.flag_version, -1);
    assert_int_equal(ffshm_migration_stage(ff, "wrong", NULL, FFSHM_STAGE_LIVE, &m),
                     FFSHM_STAGE_LIVE);
    assert_int_equal(m.error, FFSHM_INVALID_CONTEXT);
    assert_int_equal(ffshm_migration_stage(ff, "none", &who, 99, &m), FFSHM_STAGE_OFF);
    assert_int_equal(ffshm_migration_stage(ff, "none", &who, -1, NULL), FFSHM_STAGE_OFF);
}

static void before_the_first_snapshot_the_fallback_is_the_stage(void **state)
{
    (void)state;
    struct ffshm_migration m;
    ff = ffshm_open(store.dir, NULL);
    assert_int_equal(ffshm_migration_stage(ff, "m", &who, FFSHM_STAGE_LIVE, &m), FFSHM_STAGE_LIVE);
    assert_int_equal(m.error, FFSHM_NOT_READY);
    assert_true(ffshm_migration_wants_check(&m));
}

/* ---- hooks --------------------------------------------------------------------------------- */

static void tell_stage(void *arg, const struct ffshm_hook_evaluation *e,
                       const struct ffshm_result *result, struct ffshm_hook_data *data)
{
    char *const told = arg;
    char fallback[16];
    char value[16];
    (void)data;
    (void)ffshm_hook_value(e, NULL, fallback, sizeof fallback);
    (void)ffshm_hook_value(e, result, value, sizeof value);
    (void)snprintf(told, 128, "%s %s %s %s %d", e->method, e->flag, fallback, value,
                   result->variation);
}

static void hooks_are_told_of_stages(void **state)
{
    (void)state;
    char told[128] = "";
    struct ffshm_migration m;
    put("m", "", FFSHM_STAGE_SHADOW);
    put("wrong", "", 6);
    open_store();
    const struct ffshm_hook hook = {
        .size = sizeof hook, .after_evaluation = tell_stage, .arg = told};
    assert_int_equal(ffshm_add_hook(ff, &hook), FFSHM_OK);
    assert_int_equal(ffshm_migration_stage(ff, "m", &who, FFSHM_STAGE_OFF, &m), FFSHM_STAGE_SHADOW);
    assert_string_equal(told, "ffshm_migration_stage m \"off\" \"shadow\" 2");
    assert_int_equal(m.variation, 2);
    assert_int_equal(ffshm_migration_stage(ff, "wrong", &who, FFSHM_STAGE_LIVE, NULL),
                     FFSHM_STAGE_LIVE);
    assert_string_equal(told, "ffshm_migration_stage wrong \"live\" \"live\" -1");
}

/* ---- operations ---------------------------------------------------------------------------- */

static void begin(struct ffshm_migration *m)
{
    assert_int_equal(ffshm_migration_stage(ff, "m", &who, FFSHM_STAGE_OFF, m), FFSHM_STAGE_SHADOW);
}

/* A store of its own each, for the log says a second's worth only. */
static void assert_refused(struct ffshm_migration *m, const char *why)
{
    const uint64_t before = dropped();
    assert_int_equal(ffshm_migration_track(m), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(dropped(), before);
    if (!strstr(logged, why)) {
        fail_msg("the log does not say \"%s\": %s", why, logged);
    }
    logged[0] = '\0';
    ffshm_close(ff);
    open_store();
    begin(m);
}

static void an_operation_is_told_once(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("m", "", FFSHM_STAGE_SHADOW);
    open_store();
    begin(&m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_error(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, 1.5);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_NEW, 0);
    ffshm_migration_consistent(&m, false);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_int_equal(dropped(), 1); /* no agent collects here */
    assert_string_equal(logged, "");
    assert_refused(&m, "already");
    ffshm_migration_operation(&m, FFSHM_OPERATION_WRITE); /* evaluated again, it is another one */
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
}

static void an_unknown_flag_is_told_of_too(void **state)
{
    (void)state;
    struct ffshm_migration m;
    open_store();
    (void)ffshm_migration_stage(ff, "none", &who, FFSHM_STAGE_OFF, &m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
}

static void what_is_incomplete_is_refused_and_logged(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("m", "", FFSHM_STAGE_SHADOW);
    open_store();
    begin(&m);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_refused(&m, "no operation");
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    assert_refused(&m, "no origin");
    (void)memset(&m, 0, sizeof m);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_migration_track(NULL), FFSHM_INVALID_ARGUMENT);
}

static void what_is_told_of_an_origin_that_was_not_asked_is_refused(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("m", "", FFSHM_STAGE_SHADOW);
    open_store();
    begin(&m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    ffshm_migration_error(&m, FFSHM_ORIGIN_NEW);
    assert_refused(&m, "an error was told");
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, 3);
    assert_refused(&m, "a latency was told");
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_NEW);
    ffshm_migration_consistent(&m, true);
    assert_refused(&m, "consistency");
}

static void what_is_out_of_range_is_refused(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("m", "", FFSHM_STAGE_SHADOW);
    open_store();
    for (unsigned i = 0; i < 7; i++) {
        begin(&m);
        ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
        ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
        switch (i) {
        case 0:
            ffshm_migration_operation(&m, 3);
            break;
        case 1:
            ffshm_migration_invoked(&m, 3);
            break;
        case 2:
            ffshm_migration_error(&m, 0);
            break;
        case 3:
            ffshm_migration_latency(&m, 3, 1);
            break;
        case 4:
            ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, -1);
            break;
        case 5:
            ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, NAN);
            break;
        default:
            ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, HUGE_VAL);
            break;
        }
        assert_refused(&m, "out of range");
    }
}

static void an_invalid_context_and_a_bad_key_are_refused(void **state)
{
    (void)state;
    struct ffshm_migration m;
    struct ffshm_context bad;
    char key[1026];
    open_store();
    ffshm_context_init(&bad, NULL, "");
    (void)ffshm_migration_stage(ff, "none", &bad, FFSHM_STAGE_OFF, &m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_INVALID_CONTEXT);
    for (unsigned i = 0; i < 3; i++) {
        memset(key, 'k', sizeof key);
        key[1025] = '\0';
        const char *const keys[] = {NULL, "", key};
        (void)ffshm_migration_stage(ff, keys[i], &who, FFSHM_STAGE_OFF, &m);
        ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
        ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
        assert_int_equal(ffshm_migration_track(&m), FFSHM_INVALID_ARGUMENT);
    }
    key[1024] = '\0';
    (void)ffshm_migration_stage(ff, key, &who, FFSHM_STAGE_OFF, &m);
    ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
    ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
    assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    assert_int_equal(dropped(), 1);
}

static void rules_and_prerequisites_are_kept_with_it(void **state)
{
    (void)state;
    struct ffshm_migration m;
    put("rule", "\"rules\":[{\"id\":\"r-1\",\"variation\":3,\"clauses\":[]}],", 0);
    put("failed", "\"offVariation\":1,\"prerequisites\":[{\"key\":\"rule\",\"variation\":0}],", 0);
    open_store();
    assert_int_equal(ffshm_migration_stage(ff, "rule", &who, FFSHM_STAGE_OFF, &m),
                     FFSHM_STAGE_LIVE);
    assert_int_equal(m.reason, FFSHM_REASON_RULE_MATCH);
    assert_int_equal(m.rule_index, 0);
    assert_string_equal(m.cause, "r-1");
    assert_int_equal(ffshm_migration_stage(ff, "failed", &who, FFSHM_STAGE_OFF, &m),
                     FFSHM_STAGE_DUALWRITE);
    assert_int_equal(m.reason, FFSHM_REASON_PREREQUISITE_FAILED);
    assert_string_equal(m.cause, "rule");
}

/* ---- ratios -------------------------------------------------------------------------------- */

static unsigned wanted_of(const char *flag, unsigned count)
{
    unsigned wanted = 0;
    for (unsigned i = 0; i < count; i++) {
        struct ffshm_migration m;
        (void)ffshm_migration_stage(ff, flag, &who, FFSHM_STAGE_OFF, &m);
        const bool first = ffshm_migration_wants_check(&m);
        for (unsigned again = 0; again < 4; again++) {
            assert_int_equal(ffshm_migration_wants_check(&m), first);
        }
        wanted += first;
    }
    return wanted;
}

static void consistency_is_checked_as_the_ratio_says(void **state)
{
    (void)state;
    put("plain", "", 0);
    put("always", "\"migration\":{\"checkRatio\":1},", 0);
    put("never", "\"migration\":{\"checkRatio\":0},", 0);
    put("tenth", "\"samplingRatio\":3,\"migration\":{\"checkRatio\":10},", 0);
    open_store();
    assert_int_equal(wanted_of("plain", 100), 100);
    assert_int_equal(wanted_of("always", 100), 100);
    assert_int_equal(wanted_of("never", 100), 0);
    assert_in_range(wanted_of("tenth", 10000), 800, 1200); /* 6.7 standard deviations */
    struct ffshm_migration m;
    (void)ffshm_migration_stage(ff, "tenth", &who, FFSHM_STAGE_OFF, &m);
    assert_int_equal(m.sampling_ratio, 3);
    assert_int_equal(m.check_ratio, 10);
}

static void one_in_so_many_is_drawn_at_random(void **state)
{
    (void)state;
    unsigned hits = 0;
    unsigned pairs = 0;
    bool before = false;
    for (unsigned i = 0; i < 100000; i++) {
        const bool hit = telemetry_drawn(10);
        hits += hit;
        pairs += hit && before;
        before = hit;
    }
    assert_in_range(hits, 9400, 10600);
    assert_in_range(pairs, 800, 1200); /* and not by turns */
    assert_true(telemetry_drawn(1));
    assert_false(telemetry_drawn(0));
    assert_false(telemetry_drawn(-3));
}

/* ---- threads ------------------------------------------------------------------------------- */

static void *ask_new(void *arg)
{
    struct ffshm_migration *const m = arg;
    ffshm_migration_invoked(m, FFSHM_ORIGIN_NEW);
    ffshm_migration_latency(m, FFSHM_ORIGIN_NEW, 2);
    ffshm_migration_error(m, FFSHM_ORIGIN_NEW);
    return NULL;
}

static void two_threads_tell_of_one_origin_each(void **state)
{
    (void)state;
    put("m", "", FFSHM_STAGE_SHADOW);
    open_store();
    for (unsigned i = 0; i < 200; i++) {
        struct ffshm_migration m;
        pthread_t thread;
        begin(&m);
        ffshm_migration_operation(&m, FFSHM_OPERATION_READ);
        assert_int_equal(pthread_create(&thread, NULL, ask_new, &m), 0);
        ffshm_migration_invoked(&m, FFSHM_ORIGIN_OLD);
        ffshm_migration_latency(&m, FFSHM_ORIGIN_OLD, 1);
        ffshm_migration_error(&m, FFSHM_ORIGIN_OLD);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(m.invoked, 3);
        assert_int_equal(m.errors, 3);
        assert_true(m.latency_ms[0] == 1 && m.latency_ms[1] == 2);
        assert_int_equal(ffshm_migration_track(&m), FFSHM_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_stages_are_one_to_one),
        TEST(a_flag_gives_its_stage),
        TEST(what_is_no_stage_is_the_fallback),
        TEST(before_the_first_snapshot_the_fallback_is_the_stage),
        TEST(hooks_are_told_of_stages),
        TEST(an_operation_is_told_once),
        TEST(an_unknown_flag_is_told_of_too),
        TEST(what_is_incomplete_is_refused_and_logged),
        TEST(what_is_told_of_an_origin_that_was_not_asked_is_refused),
        TEST(what_is_out_of_range_is_refused),
        TEST(an_invalid_context_and_a_bad_key_are_refused),
        TEST(rules_and_prerequisites_are_kept_with_it),
        TEST(consistency_is_checked_as_the_ratio_says),
        cmocka_unit_test(one_in_so_many_is_drawn_at_random),
        TEST(two_threads_tell_of_one_origin_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
