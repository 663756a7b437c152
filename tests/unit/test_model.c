#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "catalog/member.h"
#include "catalog/model.h"

static struct fault fault;

static struct model_item *parse(enum image_blob_kind kind, const char *key, const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!json) {
        fail_msg("%s: %s", error.text, text);
    }
    memset(&fault, 0, sizeof(fault));
    struct model_item *item = model_parse(kind, key, json, "flags.json", &fault);
    json_decref(json);
    return item;
}

static struct model_item *good(enum image_blob_kind kind, const char *text)
{
    struct model_item *item = parse(kind, "x", text);
    if (!item) {
        fail_msg("%s: %s in %s", fault.member, fault.cause, text);
    }
    return item;
}

static void refused(enum image_blob_kind kind, const char *text, const char *member)
{
    assert_null(parse(kind, "x", text));
    assert_string_equal(fault.member, member);
    assert_true(strlen(fault.cause) > 0);
}

static void text_is(struct model_string s, const char *text)
{
    assert_non_null(s.text);
    assert_int_equal(s.length, strlen(text));
    assert_memory_equal(s.text, text, s.length);
}

static void an_empty_flag_has_launchdarklys_defaults(void **state)
{
    (void)state;
    struct model_item *item = good(IMAGE_FLAG, "{}");
    text_is(item->key, "x");
    text_is(item->provenance, "flags.json");
    assert_int_equal(item->version, 0);
    assert_false(item->auto_version || item->deleted);
    const struct model_flag *f = &item->as.flag;
    assert_false(f->on || f->has_off_variation || f->has_migration);
    assert_false(f->fallthrough.has_variation || f->fallthrough.has_rollout);
    assert_int_equal(f->rule_count + f->target_count + f->context_target_count, 0);
    assert_int_equal(f->sampling_ratio, 1);
    assert_int_equal(f->debug_until_ms, 0);
    assert_true(f->mobile_key);
    assert_false(f->client_side_id);
    model_free(item);
}

static void null_is_the_same_as_absent(void **state)
{
    (void)state;
    struct model_item *item = good(
        IMAGE_FLAG,
        "{\"on\":null,\"version\":null,\"key\":null,\"salt\":null,\"variations\":null,"
        "\"offVariation\":null,\"fallthrough\":null,\"prerequisites\":null,\"targets\":null,"
        "\"contextTargets\":null,\"rules\":[{\"clauses\":null,\"rollout\":null,\"variation\":null}]"
        ","
        "\"clientSideAvailability\":null,\"clientSide\":true,\"migration\":null,\"ffshm\":null,"
        "\"samplingRatio\":null,\"debugEventsUntilDate\":null}");
    assert_true(item->as.flag.client_side_id);
    assert_true(item->as.flag.mobile_key);
    assert_int_equal(item->as.flag.rule_count, 1);
    assert_false(item->as.flag.rules[0].serve.has_variation);
    assert_false(item->as.flag.rules[0].serve.has_rollout);
    model_free(item);
}

static void every_member_of_a_flag_is_read(void **state)
{
    (void)state;
    struct model_item *item = good(
        IMAGE_FLAG,
        "{\"key\":\"inner\",\"version\":7,\"on\":true,\"salt\":\"s\",\"variations\":[1,\"b\"],"
        "\"offVariation\":1,\"fallthrough\":{\"rollout\":{\"kind\":\"experiment\","
        "\"contextKind\":\"org\",\"bucketBy\":\"/a\",\"seed\":-61,\"variations\":["
        "{\"variation\":0,\"weight\":60000},{\"variation\":1,\"weight\":-5,\"untracked\":true}]}},"
        "\"prerequisites\":[{\"key\":\"p\",\"variation\":-1}],"
        "\"targets\":[{\"variation\":1,\"values\":[\"u\"]}],"
        "\"contextTargets\":[{\"contextKind\":\"org\",\"variation\":0,\"values\":[]}],"
        "\"rules\":[{\"id\":\"r\",\"variation\":0,\"trackEvents\":true,\"clauses\":[{"
        "\"contextKind\":\"org\",\"attribute\":\"/n\",\"op\":\"in\",\"values\":[1],"
        "\"negate\":true}]}],\"trackEvents\":true,\"trackEventsFallthrough\":true,"
        "\"debugEventsUntilDate\":1500000000000,\"clientSideAvailability\":{"
        "\"usingEnvironmentId\":true},\"migration\":{\"checkRatio\":3},\"samplingRatio\":9,"
        "\"excludeFromSummaries\":true,\"ffshm\":{\"variants\":[\"one\",null],\"tags\":[\"t\"],"
        "\"autoVersion\":true},\"unknown\":{\"deep\":[1]}}");
    const struct model_flag *f = &item->as.flag;
    text_is(item->key, "x");
    assert_int_equal(item->version, 7);
    assert_true(item->auto_version);
    assert_true(f->on && f->has_off_variation && f->off_variation == 1);
    const struct model_rollout *r = &f->fallthrough.rollout;
    assert_true(r->experiment && r->has_seed && r->seed == -61);
    text_is(r->context_kind, "org");
    text_is(r->bucket_by, "/a");
    assert_int_equal(r->variation_count, 2);
    assert_int_equal(r->variations[1].weight, -5);
    assert_true(r->variations[1].untracked && !r->variations[0].untracked);
    text_is(f->prerequisites[0].key, "p");
    assert_int_equal(f->prerequisites[0].variation, -1);
    assert_int_equal(json_array_size(f->targets[0].values), 1);
    text_is(f->context_targets[0].context_kind, "org");
    text_is(f->rules[0].id, "r");
    assert_true(f->rules[0].track_events && f->rules[0].clauses[0].negate);
    text_is(f->rules[0].clauses[0].attribute, "/n");
    assert_true(f->track_events && f->track_events_fallthrough && f->exclude_from_summaries);
    assert_true(f->client_side_id);
    assert_false(f->mobile_key);
    assert_true(f->has_migration && f->migration_check_ratio == 3 && f->sampling_ratio == 9);
    assert_true(f->debug_until_ms == 1500000000000);
    assert_int_equal(json_array_size(f->variants), 2);
    assert_int_equal(json_array_size(f->tags), 1);
    model_free(item);
}

static void every_member_of_a_segment_is_read(void **state)
{
    (void)state;
    struct model_item *item =
        good(IMAGE_SEGMENT,
             "{\"version\":2,\"salt\":\"s\",\"included\":[\"a\",\"b\"],\"excluded\":[\"c\"],"
             "\"includedContexts\":[{\"contextKind\":\"org\",\"values\":[\"o\"]}],"
             "\"excludedContexts\":[{\"values\":[\"u\"]}],\"rules\":[{\"id\":\"r\",\"weight\":5e4,"
             "\"bucketBy\":\"b\",\"rolloutContextKind\":\"org\",\"clauses\":[{\"op\":\"in\"}]},{}],"
             "\"unbounded\":true,\"unboundedContextKind\":\"org\",\"generation\":0}");
    const struct model_segment *s = &item->as.segment;
    assert_int_equal(json_array_size(s->included), 2);
    assert_int_equal(json_array_size(s->excluded), 1);
    text_is(s->included_contexts[0].context_kind, "org");
    assert_int_equal(s->excluded_context_count, 1);
    assert_int_equal(s->rule_count, 2);
    assert_true(s->rules[0].has_weight && s->rules[0].weight == 50000);
    assert_false(s->rules[1].has_weight);
    text_is(s->rules[0].rollout_context_kind, "org");
    assert_true(s->unbounded && s->has_generation && s->generation == 0);
    model_free(item);
}

static void whole_numbers_may_be_written_with_a_fraction(void **state)
{
    (void)state;
    struct model_item *item =
        good(IMAGE_FLAG, "{\"version\":3.0,\"offVariation\":-2.0,\"samplingRatio\":1e3}");
    assert_int_equal(item->version, 3);
    assert_int_equal(item->as.flag.off_variation, -2);
    assert_int_equal(item->as.flag.sampling_ratio, 1000);
    model_free(item);
    refused(IMAGE_FLAG, "{\"version\":3.5}", "version");
    refused(IMAGE_FLAG, "{\"version\":1e19}", "version");
    refused(IMAGE_FLAG, "{\"version\":9223372036854775808.0}", "version");
    item = good(IMAGE_FLAG, "{\"version\":-9223372036854775808.0}");
    assert_true(item->version == INT64_MIN);
    model_free(item);
}

static void a_wrong_type_is_named_by_its_member(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *member;
    } flags[] = {
        {"[]", ""},
        {"7", ""},
        {"{\"key\":1}", "key"},
        {"{\"on\":\"true\"}", "on"},
        {"{\"version\":\"1\"}", "version"},
        {"{\"deleted\":1}", "deleted"},
        {"{\"salt\":1}", "salt"},
        {"{\"variations\":{}}", "variations"},
        {"{\"offVariation\":\"0\"}", "offVariation"},
        {"{\"fallthrough\":[]}", "fallthrough"},
        {"{\"fallthrough\":{\"variation\":true}}", "fallthrough.variation"},
        {"{\"fallthrough\":{\"rollout\":{\"variations\":[{\"weight\":\"9\"}]}}}",
         "fallthrough.rollout.variations[0].weight"},
        {"{\"fallthrough\":{\"rollout\":{\"kind\":1}}}", "fallthrough.rollout.kind"},
        {"{\"fallthrough\":{\"rollout\":{\"seed\":1.5}}}", "fallthrough.rollout.seed"},
        {"{\"prerequisites\":[1]}", "prerequisites[0]"},
        {"{\"prerequisites\":[{},{\"key\":[]}]}", "prerequisites[1].key"},
        {"{\"targets\":[{\"values\":[\"a\",1]}]}", "targets[0].values[1]"},
        {"{\"targets\":[{\"values\":\"a\"}]}", "targets[0].values"},
        {"{\"contextTargets\":[{\"contextKind\":1}]}", "contextTargets[0].contextKind"},
        {"{\"rules\":[null]}", "rules[0]"},
        {"{\"rules\":[{},{\"clauses\":[{},{\"op\":3}]}]}", "rules[1].clauses[1].op"},
        {"{\"rules\":[{\"clauses\":[{\"negate\":0}]}]}", "rules[0].clauses[0].negate"},
        {"{\"rules\":[{\"clauses\":[{\"values\":\"a\"}]}]}", "rules[0].clauses[0].values"},
        {"{\"rules\":[{\"rollout\":{\"bucketBy\":1}}]}", "rules[0].rollout.bucketBy"},
        {"{\"clientSideAvailability\":true}", "clientSideAvailability"},
        {"{\"clientSideAvailability\":{\"usingMobileKey\":1}}",
         "clientSideAvailability.usingMobileKey"},
        {"{\"clientSide\":1}", "clientSide"},
        {"{\"migration\":1}", "migration"},
        {"{\"migration\":{\"checkRatio\":\"1\"}}", "migration.checkRatio"},
        {"{\"ffshm\":1}", "ffshm"},
        {"{\"ffshm\":{\"autoVersion\":1}}", "ffshm.autoVersion"},
        {"{\"ffshm\":{\"variants\":[null,1]}}", "ffshm.variants[1]"},
        {"{\"ffshm\":{\"tags\":[null]}}", "ffshm.tags[0]"},
        {"{\"debugEventsUntilDate\":\"x\"}", "debugEventsUntilDate"},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        refused(IMAGE_FLAG, flags[i].text, flags[i].member);
    }
    refused(IMAGE_SEGMENT, "{\"included\":[1]}", "included[0]");
    refused(IMAGE_SEGMENT, "{\"rules\":[{\"weight\":\"1\"}]}", "rules[0].weight");
    refused(IMAGE_SEGMENT, "{\"unbounded\":1}", "unbounded");
    refused(IMAGE_SEGMENT, "{\"generation\":\"1\"}", "generation");
}

static void the_first_of_several_faults_is_told(void **state)
{
    (void)state;
    refused(IMAGE_FLAG, "{\"rules\":[{\"id\":1}],\"targets\":[{\"variation\":\"x\"}]}",
            "targets[0].variation");
    assert_string_equal(fault.cause, "must be an integer, not a string");
}

static void keys_must_be_there_and_without_nul(void **state)
{
    (void)state;
    struct model_item *item = parse(IMAGE_FLAG, NULL, "{\"key\":\"inner\"}");
    assert_non_null(item);
    text_is(item->key, "inner");
    model_free(item);
    assert_null(parse(IMAGE_FLAG, NULL, "{}"));
    assert_string_equal(fault.member, "key");
    assert_null(parse(IMAGE_FLAG, NULL, "{\"key\":\"\"}"));
    assert_string_equal(fault.member, "key");
    assert_null(parse(IMAGE_FLAG, "", "{\"key\":\"inner\"}"));
    assert_null(parse(IMAGE_FLAG, NULL, "{\"key\":\"a\\u0000b\"}"));
    assert_string_equal(fault.member, "key");
    refused(IMAGE_FLAG, "{\"prerequisites\":[{\"key\":\"a\\u0000\"}]}", "prerequisites[0].key");
    refused(IMAGE_FLAG, "{\"ffshm\":{\"tags\":[\"\\u0000\"]}}", "ffshm.tags[0]");
}

static void a_tombstone_is_not_read_further(void **state)
{
    (void)state;
    struct model_item *item = good(IMAGE_FLAG, "{\"deleted\":true,\"version\":9,\"rules\":7}");
    assert_true(item->deleted);
    assert_int_equal(item->version, 9);
    model_free(item);
}

static void the_item_outlives_the_callers_reference_and_strings(void **state)
{
    (void)state;
    char key[] = "outer";
    char origin[] = "here";
    json_t *json = json_loads("{\"salt\":\"pepper\"}", 0, NULL);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, origin, &fault);
    json_decref(json);
    memset(key, 'z', sizeof(key));
    memset(origin, 'z', sizeof(origin));
    text_is(item->key, "outer");
    text_is(item->provenance, "here");
    text_is(item->as.flag.salt, "pepper");
    model_free(item);
    json = json_object();
    item = model_parse(IMAGE_FLAG, "k", json, NULL, &fault);
    json_decref(json);
    assert_null(item->provenance.text);
    model_free(item);
    model_free(NULL);
}

static void a_member_path_that_does_not_fit_is_cut_off(void **state)
{
    (void)state;
    const struct member a = {NULL, "rules", 0};
    const struct member b = {&a, NULL, 12};
    const struct member c = {&b, "clauses", 0};
    char text[10];
    member_text(&c, text, sizeof(text));
    assert_string_equal(text, "rules[12]");
    member_text(&c, text, 0);
    member_text(NULL, text, sizeof(text));
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_flag_has_launchdarklys_defaults),
        cmocka_unit_test(null_is_the_same_as_absent),
        cmocka_unit_test(every_member_of_a_flag_is_read),
        cmocka_unit_test(every_member_of_a_segment_is_read),
        cmocka_unit_test(whole_numbers_may_be_written_with_a_fraction),
        cmocka_unit_test(a_wrong_type_is_named_by_its_member),
        cmocka_unit_test(the_first_of_several_faults_is_told),
        cmocka_unit_test(keys_must_be_there_and_without_nul),
        cmocka_unit_test(a_tombstone_is_not_read_further),
        cmocka_unit_test(the_item_outlives_the_callers_reference_and_strings),
        cmocka_unit_test(a_member_path_that_does_not_fit_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
