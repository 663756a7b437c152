#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"

static void a_fixed_flag_has_no_steps(void **state)
{
    (void)state;
    struct blob b = flag("{\"on\":true,\"version\":42,\"variations\":[false,true],"
                         "\"fallthrough\":{\"variation\":1},\"offVariation\":0}");
    const struct image_flag *f = flag_of(&b);
    assert_int_equal(f->blob.size, b.size);
    assert_int_equal(f->blob.kind, IMAGE_FLAG);
    assert_true(f->blob.key_hash == hash_bytes("f", 1));
    text_is(&b, f->blob.key, "f");
    assert_int_equal(f->blob.version, 42);
    assert_int_equal(f->steps, 0);
    assert_int_equal(f->fallthrough.variation, 1);
    assert_int_equal(f->off_variation, 0);
    assert_int_equal(f->flags, IMAGE_FLAG_MOBILE_KEY);
    assert_int_equal(f->sampling_ratio, 1);
    assert_string_equal(warnings, "");
    assert_int_equal((uintptr_t)b.bytes % IMAGE_ALIGN, 0);
    blob_free(&b);
}

static void steps_say_what_there_is_to_do(void **state)
{
    (void)state;
    struct blob b = flag("{\"on\":false,\"variations\":[0],\"fallthrough\":{\"variation\":0}}");
    assert_int_equal(flag_of(&b)->steps, IMAGE_STEP_OFF);
    assert_int_equal(flag_of(&b)->off_variation, IMAGE_SERVE_NOTHING);
    blob_free(&b);
    b = flag("{\"on\":true,\"variations\":[0],\"fallthrough\":{\"variation\":0},"
             "\"prerequisites\":[{\"key\":\"p\",\"variation\":0}],"
             "\"targets\":[{\"variation\":0,\"values\":[\"u\"]}],\"rules\":[{\"variation\":0}]}");
    assert_int_equal(flag_of(&b)->steps,
                     IMAGE_STEP_PREREQUISITES | IMAGE_STEP_TARGETS | IMAGE_STEP_RULES);
    blob_free(&b);
    b = flag("{\"on\":true,\"variations\":[0],\"fallthrough\":{\"variation\":0},"
             "\"targets\":[{\"variation\":0,\"values\":[]}]}");
    assert_int_equal(flag_of(&b)->steps, 0);
    blob_free(&b);
}

static void what_tells_more_than_its_count_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        bool more;
    } cases[] = {
        {"\"trackEvents\":false", false},
        {"\"trackEvents\":true", true},
        {"\"trackEventsFallthrough\":true", true},
        {"\"excludeFromSummaries\":true", true},
        {"\"samplingRatio\":1", false},
        {"\"samplingRatio\":0", true},
        {"\"debugEventsUntilDate\":1", true},
        {"\"prerequisites\":[{\"key\":\"p\",\"variation\":0}]", false},
        {"\"rules\":[{\"variation\":0}]", false},
        {"\"rules\":[{\"variation\":0},{\"variation\":0,\"trackEvents\":true}]", true},
        {"\"fallthrough\":{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":1}]}}", false},
        {"\"fallthrough\":{\"rollout\":{\"kind\":\"experiment\",\"variations\":["
         "{\"variation\":0,\"weight\":1}]}}",
         true},
        {"\"rules\":[{\"rollout\":{\"kind\":\"experiment\",\"variations\":["
         "{\"variation\":0,\"weight\":1}]}}]",
         true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[512];
        snprintf(json, sizeof(json), "{\"on\":true,\"variations\":[0],%s}", cases[i].members);
        struct blob b = flag(json);
        const bool more = flag_of(&b)->flags & IMAGE_FLAG_COUNTS_MORE;
        blob_free(&b);
        if (more != cases[i].more) {
            fail_msg("%s", cases[i].members);
        }
    }
}

static void members_for_events_are_carried_over(void **state)
{
    (void)state;
    struct blob b =
        flag("{\"on\":true,\"variations\":[0],\"fallthrough\":{\"variation\":0},"
             "\"trackEvents\":true,\"trackEventsFallthrough\":true,\"excludeFromSummaries\":true,"
             "\"clientSideAvailability\":{\"usingEnvironmentId\":true},\"migration\":{},"
             "\"samplingRatio\":99999999999,\"debugEventsUntilDate\":1500000000000,"
             "\"rules\":[{\"id\":\"r-1\",\"variation\":0,\"trackEvents\":true}],"
             "\"ffshm\":{\"variants\":[\"zero\"],\"tags\":[\"x\",\"\",\"x\"]}}");
    const struct image_flag *f = flag_of(&b);
    assert_int_equal(f->flags, IMAGE_FLAG_TRACK_EVENTS | IMAGE_FLAG_TRACK_FALLTHROUGH |
                                   IMAGE_FLAG_CLIENT_SIDE_ID | IMAGE_FLAG_NO_SUMMARY |
                                   IMAGE_FLAG_MIGRATION | IMAGE_FLAG_COUNTS_MORE);
    assert_int_equal(f->sampling_ratio, INT32_MAX);
    assert_int_equal(f->migration_check_ratio, 1);
    assert_true(f->debug_until_ms == 1500000000000);
    const struct image_rule *rule = at(&b, f->rules_offset);
    assert_int_equal(rule->flags, IMAGE_RULE_TRACK_EVENTS);
    text_is(&b, rule->id, "r-1");
    const struct image_string *tags = at(&b, f->tags_offset);
    assert_int_equal(f->tag_count, 3);
    text_is(&b, tags[0], "x");
    text_is(&b, tags[1], "");
    text_is(&b, tags[2], "x");
    const struct image_variation *v = at(&b, f->variations_offset);
    text_is(&b, v->key, "zero");
    blob_free(&b);
}

static void variations_of_every_type_are_kept(void **state)
{
    (void)state;
    struct blob b = flag("{\"variations\":[null,true,false,3,2.5,\"a\\\"\\u00e9\",[1, 2],"
                         "{\"b\": 1, \"a\": \"\"},\"\"]}");
    static const struct {
        uint32_t type;
        const char *text;
        const char *json;
        double number;
    } expected[] = {
        {IMAGE_NULL, "null", "null", 0},
        {IMAGE_BOOL, "true", "true", 0},
        {IMAGE_BOOL, "false", "false", 0},
        {IMAGE_NUMBER, "3", "3", 3},
        {IMAGE_NUMBER, "2.5", "2.5", 2.5},
        {IMAGE_STRING, "a\"\xc3\xa9", "\"a\\\"\xc3\xa9\"", 0},
        {IMAGE_ARRAY, "[1,2]", "[1,2]", 0},
        {IMAGE_OBJECT, "{\"b\":1,\"a\":\"\"}", "{\"b\":1,\"a\":\"\"}", 0},
        {IMAGE_STRING, "", "\"\"", 0},
    };
    const struct image_variation *v = at(&b, flag_of(&b)->variations_offset);
    assert_int_equal(flag_of(&b)->variation_count, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(v[i].type, expected[i].type);
        assert_int_equal(v[i].boolean, i == 1);
        assert_true(v[i].number == expected[i].number);
        text_is(&b, v[i].text, expected[i].text);
        text_is(&b, v[i].json, expected[i].json);
        assert_int_equal(v[i].key.offset, 0);
    }
    blob_free(&b);
}

static void indexes_out_of_range_become_malformed(void **state)
{
    (void)state;
    struct blob b = flag("{\"on\":true,\"variations\":[0],\"offVariation\":1,"
                         "\"fallthrough\":{\"variation\":-1},"
                         "\"targets\":[{\"variation\":9999999999,\"values\":[\"u\"]}],"
                         "\"rules\":[{\"rollout\":{\"variations\":[{\"variation\":1,"
                         "\"weight\":100000}]}}],"
                         "\"prerequisites\":[{\"key\":\"p\",\"variation\":9999999999}]}");
    const struct image_flag *f = flag_of(&b);
    assert_int_equal(f->off_variation, IMAGE_SERVE_MALFORMED);
    assert_int_equal(f->fallthrough.variation, IMAGE_SERVE_MALFORMED);
    const struct image_target *target = at(&b, f->targets_offset);
    assert_int_equal(target->variation, IMAGE_SERVE_MALFORMED);
    const struct image_rule *rule = at(&b, f->rules_offset);
    const struct image_rollout *rollout = at(&b, rule->serve.rollout);
    const struct image_weighted *weighted = at(&b, rollout->weighted_offset);
    assert_int_equal(weighted->variation, IMAGE_SERVE_MALFORMED);
    const struct image_prerequisite *p = at(&b, f->prerequisites_offset);
    assert_int_equal(p->variation, INT32_MAX);
    assert_non_null(strstr(warnings, "offVariation: there is no variation 1"));
    assert_non_null(strstr(warnings, "fallthrough.variation: "));
    assert_non_null(strstr(warnings, "targets[0].variation: "));
    assert_non_null(strstr(warnings, "rules[0].rollout.variations[0].variation: "));
    blob_free(&b);
}

static void what_serves_nothing_is_malformed_and_variation_beats_rollout(void **state)
{
    (void)state;
    struct blob b = flag("{\"variations\":[0]}");
    assert_int_equal(flag_of(&b)->fallthrough.variation, IMAGE_SERVE_MALFORMED);
    assert_non_null(strstr(warnings, "fallthrough: neither"));
    blob_free(&b);
    b = flag("{\"variations\":[0],\"fallthrough\":{\"rollout\":{\"variations\":[]}}}");
    assert_int_equal(flag_of(&b)->fallthrough.variation, IMAGE_SERVE_MALFORMED);
    assert_non_null(strstr(warnings, "fallthrough.rollout: "));
    blob_free(&b);
    b = flag("{\"variations\":[0],\"fallthrough\":{\"variation\":0,\"rollout\":{\"variations\":["
             "{\"variation\":0,\"weight\":1}]}}}");
    assert_int_equal(flag_of(&b)->fallthrough.variation, 0);
    assert_int_equal(flag_of(&b)->fallthrough.rollout, 0);
    blob_free(&b);
}

static const struct image_rollout *rollout_of(const struct blob *b)
{
    assert_int_equal(flag_of(b)->fallthrough.variation, IMAGE_SERVE_ROLLOUT);
    return at(b, flag_of(b)->fallthrough.rollout);
}

static void a_rollout_has_float_sums_and_the_prefix_of_its_salt(void **state)
{
    (void)state;
    struct blob b = flag("{\"variations\":[0,1,2],\"salt\":\"pep.per\",\"fallthrough\":{"
                         "\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":33333},"
                         "{\"variation\":2,\"weight\":-5,\"untracked\":true},"
                         "{\"variation\":1,\"weight\":66667}]}}}");
    const struct image_rollout *r = rollout_of(&b);
    text_is(&b, r->prefix, "f.pep.per.");
    assert_int_equal(r->by.attribute, IMAGE_ATTRIBUTE_KEY);
    assert_true(r->by.kind_hash == hash_bytes("user", 4));
    assert_int_equal(r->count, 3);
    const struct image_weighted *w = at(&b, r->weighted_offset);
    float sum = 0;
    sum += 33333.0f / 100000.0f;
    assert_true(w[0].upper == sum);
    sum += -5.0f / 100000.0f;
    assert_true(w[1].upper == sum);
    sum += 66667.0f / 100000.0f;
    assert_true(w[2].upper == sum);
    assert_int_equal(w[1].weight, -5);
    assert_int_equal(w[1].untracked, 1);
    assert_int_equal(w[2].variation, 1);
    assert_non_null(strstr(warnings, "fallthrough.rollout: the weights add up to 99995"));
    blob_free(&b);
}

static void a_seed_replaces_key_and_salt(void **state)
{
    (void)state;
    struct blob b = flag("{\"variations\":[0],\"salt\":\"s\",\"fallthrough\":{\"rollout\":{"
                         "\"seed\":-9223372036854775808,\"variations\":[{\"variation\":0,"
                         "\"weight\":100000}]}}}");
    text_is(&b, rollout_of(&b)->prefix, "-9223372036854775808.");
    assert_true(rollout_of(&b)->prefix.offset + IMAGE_TAIL <= b.size);
    blob_free(&b);
}

static void an_experiment_buckets_by_key_and_a_rollout_as_it_says(void **state)
{
    (void)state;
    static const char form[] = "{\"variations\":[0],\"fallthrough\":{\"rollout\":{%s,"
                               "\"variations\":[{\"variation\":0,\"weight\":100000}]}}}";
    static const struct {
        const char *members;
        uint32_t attribute;
        uint32_t experiment;
    } cases[] = {
        {"\"kind\":\"experiment\",\"contextKind\":\"org\",\"bucketBy\":\"/\"", IMAGE_ATTRIBUTE_KEY,
         1},
        {"\"kind\":\"other\",\"contextKind\":\"org\",\"bucketBy\":\"/a/b\"", IMAGE_ATTRIBUTE_PATH,
         0},
        {"\"contextKind\":\"org\",\"bucketBy\":\"\"", IMAGE_ATTRIBUTE_KEY, 0},
        {"\"contextKind\":\"org\",\"bucketBy\":\"//\"", IMAGE_ATTRIBUTE_INVALID, 0},
        {"\"bucketBy\":\"//\"", IMAGE_ATTRIBUTE_NAMED, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), form, cases[i].members);
        struct blob b = flag(text);
        assert_int_equal(rollout_of(&b)->by.attribute, cases[i].attribute);
        assert_int_equal(rollout_of(&b)->experiment, cases[i].experiment);
        assert_int_equal(strstr(warnings, "fallthrough.rollout.bucketBy: ") != NULL,
                         cases[i].attribute == IMAGE_ATTRIBUTE_INVALID);
        blob_free(&b);
    }
}

static void targets_are_tried_in_launchdarklys_order(void **state)
{
    (void)state;
    struct blob b = flag("{\"variations\":[0,1,2],\"fallthrough\":{\"variation\":0},"
                         "\"targets\":[{\"variation\":1,\"values\":[\"u1\",\"u1\"]},"
                         "{\"variation\":0,\"contextKind\":\"org\",\"values\":[\"o\"]}]}");
    const struct image_target *t = at(&b, flag_of(&b)->targets_offset);
    assert_int_equal(flag_of(&b)->target_count, 2);
    assert_int_equal(t[0].keys.count, 1);
    text_is(&b, t[1].kind, "org");
    assert_true(t[1].kind_hash == hash_bytes("org", 3));
    blob_free(&b);
    b = flag("{\"variations\":[0,1,2],\"fallthrough\":{\"variation\":0},\"targets\":["
             "{\"variation\":2,\"values\":[\"never\"]},{\"variation\":1,\"values\":[\"a\"]},"
             "{\"variation\":1,\"values\":[\"second\"]},"
             "{\"variation\":0,\"contextKind\":\"org\",\"values\":[\"z\"]}],"
             "\"contextTargets\":["
             "{\"contextKind\":\"org\",\"variation\":2,\"values\":[\"o\"]},"
             "{\"contextKind\":\"user\",\"variation\":0,\"values\":[]},"
             "{\"contextKind\":\"\",\"variation\":1},"
             "{\"variation\":1,\"values\":[]},"
             "{\"contextKind\":\"user\",\"variation\":7,\"values\":[]},"
             "{\"contextKind\":\"org\",\"variation\":1,\"values\":[]},"
             "{\"contextKind\":\"user\",\"variation\":1,\"values\":[\"own\"]}]}");
    t = at(&b, flag_of(&b)->targets_offset);
    assert_int_equal(flag_of(&b)->target_count, 4);
    assert_true(t[0].variation == 2 && has(&b, &t[0].keys, "o"));
    assert_true(t[1].variation == 0 && has(&b, &t[1].keys, "z"));
    assert_true(t[1].kind_hash == HASH_KIND_USER);
    assert_true(t[2].variation == 1 && has(&b, &t[2].keys, "a"));
    assert_false(has(&b, &t[2].keys, "second"));
    assert_true(t[3].variation == 1 && has(&b, &t[3].keys, "own"));
    assert_non_null(strstr(warnings, "targets[0]: is never looked at"));
    assert_non_null(strstr(warnings, "targets[2]: is never looked at"));
    assert_null(strstr(warnings, "targets[1]: is never looked at"));
    blob_free(&b);
}

static void a_segment_has_its_lists_and_rules(void **state)
{
    (void)state;
    struct blob b = segment(
        "{\"version\":3,\"salt\":\"salty\",\"included\":[\"a\"],\"excluded\":[],"
        "\"includedContexts\":[{\"contextKind\":\"org\",\"values\":[\"o\"]},{\"values\":[]}],"
        "\"excludedContexts\":[{\"contextKind\":\"org\",\"values\":[\"p\"]}],"
        "\"rules\":[{\"id\":\"r\",\"weight\":14950,\"bucketBy\":\"/x\","
        "\"rolloutContextKind\":\"org\",\"clauses\":[{\"attribute\":\"a\",\"op\":\"in\"}]},"
        "{\"weight\":0,\"bucketBy\":\"/x\"},{}]}");
    const struct image_segment *s = segment_of(&b);
    assert_int_equal(s->include_count, 2);
    assert_int_equal(s->exclude_count, 1);
    const struct image_target *in = at(&b, s->includes_offset);
    assert_true(has(&b, &in[0].keys, "a") && in[0].kind_hash == HASH_KIND_USER);
    assert_true(has(&b, &in[1].keys, "o") && in[1].kind_hash == hash_bytes("org", 3));
    const struct image_target *out = at(&b, s->excludes_offset);
    assert_true(has(&b, &out[0].keys, "p"));
    const struct image_segment_rule *rules = at(&b, s->rules_offset);
    assert_int_equal(s->rule_count, 3);
    text_is(&b, rules[0].id, "r");
    const struct image_rollout *r = at(&b, rules[0].rollout);
    assert_true(r->below == 14950.0f / 100000.0f && r->count == 0);
    text_is(&b, r->prefix, "s.salty.");
    assert_true(r->by.hash == hash_attribute("x", 1, hash_bytes("org", 3)));
    r = at(&b, rules[1].rollout);
    assert_true(r->below == 0);
    assert_true(r->by.hash == hash_attribute("/x", 2, HASH_KIND_USER));
    assert_int_equal(rules[2].rollout, 0);
    assert_int_equal(s->flags, 0);
    blob_free(&b);
}

static void a_big_segment_has_generation_and_kind_instead_of_lists(void **state)
{
    (void)state;
    struct blob b = segment("{\"unbounded\":true,\"generation\":7,\"included\":[\"a\"],"
                            "\"unboundedContextKind\":\"org\",\"rules\":[{}]}");
    const struct image_segment *s = segment_of(&b);
    assert_int_equal(s->flags, IMAGE_SEGMENT_UNBOUNDED | IMAGE_SEGMENT_HAS_GENERATION);
    assert_int_equal(s->generation, 7);
    assert_int_equal(s->include_count, 0);
    assert_int_equal(s->rule_count, 1);
    text_is(&b, s->unbounded_kind, "org");
    assert_true(s->unbounded_kind_hash == hash_bytes("org", 3));
    blob_free(&b);
    b = segment("{\"unbounded\":true}");
    assert_int_equal(segment_of(&b)->flags, IMAGE_SEGMENT_UNBOUNDED);
    text_is(&b, segment_of(&b)->unbounded_kind, "user");
    blob_free(&b);
}

static void the_compiler_tells_what_can_never_work(void **state)
{
    (void)state;
    struct blob b = flag("{\"on\":true,\"variations\":[0],\"fallthrough\":{\"variation\":0},"
                         "\"prerequisites\":[{\"key\":\"f\",\"variation\":0}],\"rules\":["
                         "{\"variation\":0,\"clauses\":[{\"attribute\":\"a\",\"op\":\"like\"},"
                         "{\"attribute\":\"a\",\"op\":\"matches\",\"values\":[\"a\",\"(\"]},"
                         "{\"attribute\":\"a\",\"op\":\"before\",\"values\":[\"soon\"]}]},"
                         "{\"variation\":0},{\"variation\":0}]}");
    assert_non_null(strstr(warnings, "rules[0].clauses[0].op: there is no operator \"like\""));
    assert_non_null(
        strstr(warnings, "rules[0].clauses[1].values[1]: can never match: the regular"));
    assert_non_null(strstr(warnings, "rules[0].clauses[2].values[0]: can never match: neither"));
    assert_non_null(strstr(warnings, "rules[2]: is never reached: rule 1 "));
    assert_non_null(strstr(warnings, "prerequisites[0]: the flag requires itself"));
    assert_null(strstr(warnings, "rules[1]:"));
    assert_int_equal(b.regex_count, 2);
    blob_free(&b);
    b = segment("{\"rules\":[{\"weight\":5},{},{\"clauses\":[{\"op\":\"segmentMatch\","
                "\"values\":[\"s\"]}]}]}");
    assert_non_null(strstr(warnings, "rules[2]: is never reached: rule 1 "));
    assert_null(strstr(warnings, "rules[1]:"));
    assert_non_null(
        strstr(warnings, "rules[2].clauses[0].values[0]: the segment refers to itself"));
    blob_free(&b);
}

static void the_hash_of_user_is_the_constant(void **state)
{
    (void)state;
    assert_true(HASH_KIND_USER == hash_bytes("user", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fixed_flag_has_no_steps),
        TEST(steps_say_what_there_is_to_do),
        TEST(members_for_events_are_carried_over),
        TEST(what_tells_more_than_its_count_is_marked),
        TEST(variations_of_every_type_are_kept),
        TEST(indexes_out_of_range_become_malformed),
        TEST(what_serves_nothing_is_malformed_and_variation_beats_rollout),
        TEST(a_rollout_has_float_sums_and_the_prefix_of_its_salt),
        TEST(a_seed_replaces_key_and_salt),
        TEST(an_experiment_buckets_by_key_and_a_rollout_as_it_says),
        TEST(targets_are_tried_in_launchdarklys_order),
        TEST(a_segment_has_its_lists_and_rules),
        TEST(a_big_segment_has_generation_and_kind_instead_of_lists),
        TEST(the_compiler_tells_what_can_never_work),
        TEST(the_hash_of_user_is_the_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
