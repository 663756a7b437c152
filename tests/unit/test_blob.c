#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "compile/blob.h"
#include "compile/blob_builder.h"
#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"

#define SEED 0x1234567890abcdefull

static struct slots *slots;
static char warnings[8192];

static int setup(void **state)
{
    (void)state;
    slots = slots_new();
    return slots ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    slots_free(slots);
    return 0;
}

static void remember(void *arg, const char *member, const char *text)
{
    (void)arg;
    const size_t used = strlen(warnings);
    (void)snprintf(warnings + used, sizeof(warnings) - used, "%s: %s\n", member, text);
}

static json_t *json_of(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_ALLOW_NUL, &error);
    if (!json) {
        fail_msg("%s at %d: %s", error.text, error.position, text);
    }
    return json;
}

static struct blob compile_json(enum image_blob_kind kind, const char *key, json_t *json,
                                struct slots *in, uint64_t seed, const char *provenance)
{
    struct fault fault = {0};
    struct model_item *item = model_parse(kind, key, json, provenance, &fault);
    if (!item) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    struct blob blob;
    warnings[0] = '\0';
    if (blob_compile(item, in, seed, 0, remember, NULL, &blob, &fault) != 0) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    model_free(item);
    json_decref(json);
    const char *why = "";
    uint32_t regex_count = 0;
    if (image_verify_blob_counting(blob.bytes, blob.size, &regex_count, &why) != FFSHM_OK) {
        fail_msg("refused for its %s", why);
    }
    assert_int_equal(regex_count, blob.regex_count);
    return blob;
}

static struct blob flag(const char *text)
{
    return compile_json(IMAGE_FLAG, "f", json_of(text), slots, SEED, NULL);
}

static struct blob segment(const char *text)
{
    return compile_json(IMAGE_SEGMENT, "s", json_of(text), slots, SEED, NULL);
}

static const void *at(const struct blob *b, uint32_t offset)
{
    return b->bytes + offset;
}

static const struct image_flag *flag_of(const struct blob *b)
{
    return at(b, 0);
}

static const struct image_segment *segment_of(const struct blob *b)
{
    return at(b, 0);
}

static void text_is(const struct blob *b, struct image_string s, const char *text)
{
    assert_int_equal(s.length, strlen(text));
    assert_true(s.offset != 0);
    assert_string_equal((const char *)at(b, s.offset), text);
}

static bool has(const struct blob *b, const struct image_set *set, const char *key)
{
    if (set->capacity == 0) {
        return false;
    }
    const struct hash128 hash = hash_member(key, strlen(key), SEED);
    const struct image_set_entry *entries = at(b, set->entries_offset);
    for (uint64_t i = hash.lo & (set->capacity - 1);; i = (i + 1) & (set->capacity - 1)) {
        if ((entries[i].lo | entries[i].hi) == 0) {
            return false;
        }
        if (entries[i].lo == hash.lo && entries[i].hi == hash.hi) {
            return true;
        }
    }
}

/* A flag with one rule of one clause, written as the inside of its object. */
static struct blob with_clause(const char *clause)
{
    char text[4096];
    (void)snprintf(text, sizeof(text),
                   "{\"on\":true,\"variations\":[0,1],\"fallthrough\":{\"variation\":0},"
                   "\"rules\":[{\"variation\":1,\"clauses\":[{%s}]}]}",
                   clause);
    return flag(text);
}

static const struct image_clause *clause_of(const struct blob *b)
{
    const struct image_rule *rule = at(b, flag_of(b)->rules_offset);
    return at(b, rule->clauses_offset);
}

static const struct image_value *values_of(const struct blob *b)
{
    return at(b, clause_of(b)->values_offset);
}

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
                                   IMAGE_FLAG_MIGRATION);
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

static void attributes_are_names_or_references(void **state)
{
    (void)state;
    static const struct {
        const char *kind; /* NULL: none */
        const char *attribute;
        uint32_t expected;
        const char *name; /* first component */
    } cases[] = {
        {NULL, "country", IMAGE_ATTRIBUTE_NAMED, "country"},
        {NULL, "/country", IMAGE_ATTRIBUTE_NAMED, "/country"},
        {"", "/a/b", IMAGE_ATTRIBUTE_NAMED, "/a/b"},
        {NULL, "a~2", IMAGE_ATTRIBUTE_NAMED, "a~2"},
        {NULL, "key", IMAGE_ATTRIBUTE_KEY, NULL},
        {NULL, "/key", IMAGE_ATTRIBUTE_NAMED, "/key"},
        {NULL, "kind", IMAGE_ATTRIBUTE_KIND, NULL},
        {NULL, "name", IMAGE_ATTRIBUTE_NAME, NULL},
        {NULL, "anonymous", IMAGE_ATTRIBUTE_ANONYMOUS, NULL},
        {NULL, "", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "//", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/a//b", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/a/", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/a~2", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/a~", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "/a~/b", IMAGE_ATTRIBUTE_INVALID, NULL},
        {"org", "a~2", IMAGE_ATTRIBUTE_NAMED, "a~2"},
        {"org", "a/b", IMAGE_ATTRIBUTE_NAMED, "a/b"},
        {"org", "/a~1b~0~01", IMAGE_ATTRIBUTE_NAMED, "a/b~~1"},
        {"org", "/name", IMAGE_ATTRIBUTE_NAME, NULL},
        {"org", "/anonymous", IMAGE_ATTRIBUTE_ANONYMOUS, NULL},
        {"org", "/key", IMAGE_ATTRIBUTE_KEY, NULL},
        {"org", "kind", IMAGE_ATTRIBUTE_KIND, NULL},
        {"org", "/kind", IMAGE_ATTRIBUTE_KIND, NULL},
        {"org", "/key/x", IMAGE_ATTRIBUTE_MISSING, NULL},
        {"org", "/kind/x/y", IMAGE_ATTRIBUTE_MISSING, NULL},
        {"org", "/a~1b/c", IMAGE_ATTRIBUTE_PATH, "a/b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *kind = cases[i].kind;
        const char *name = cases[i].name;
        char text[256];
        (void)snprintf(text, sizeof(text),
                       "%s%s%s\"attribute\":\"%s\",\"op\":\"in\",\"values\":[1]",
                       kind ? "\"contextKind\":\"" : "", kind ? kind : "", kind ? "\"," : "",
                       cases[i].attribute);
        struct blob b = with_clause(text);
        const struct image_selector *by = &clause_of(&b)->by;
        const char *effective = kind && kind[0] ? kind : "user";
        const uint64_t kind_hash = hash_bytes(effective, strlen(effective));
        assert_int_equal(by->attribute, cases[i].expected);
        assert_true(by->kind_hash == kind_hash);
        assert_true(by->hash == (name ? hash_attribute(name, strlen(name), kind_hash) : 0));
        assert_int_equal(by->path != 0, cases[i].expected == IMAGE_ATTRIBUTE_PATH);
        text_is(&b, by->kind, effective);
        assert_int_equal(strstr(warnings, "rules[0].clauses[0].attribute: ") != NULL,
                         cases[i].expected == IMAGE_ATTRIBUTE_INVALID);
        blob_free(&b);
    }
}

static void a_path_keeps_its_components_unescaped(void **state)
{
    (void)state;
    struct blob b = with_clause("\"contextKind\":\"user\",\"attribute\":\"/a/b~1c/~0/d\","
                                "\"op\":\"exists\"");
    const struct image_clause *c = clause_of(&b);
    const struct image_path *path = at(&b, c->by.path);
    assert_int_equal(path->count, 3);
    text_is(&b, path->components[0], "b/c");
    text_is(&b, path->components[1], "~");
    text_is(&b, path->components[2], "d");
    text_is(&b, c->by.text, "/a/b~1c/~0/d");
    assert_int_equal(c->op, IMAGE_OP_EXISTS);
    assert_int_equal(c->value_count, 0);
    blob_free(&b);
}

static void values_are_typed_by_the_operator(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        const char *values;
        enum image_op expected;
        uint32_t count;
        enum image_value_type types[4];
    } cases[] = {
        {"in",
         "true,1,1.5,\"a\",null,[1],{}",
         IMAGE_OP_IN,
         4,
         {IMAGE_VALUE_BOOL, IMAGE_VALUE_NUMBER, IMAGE_VALUE_NUMBER, IMAGE_VALUE_STRING}},
        {"in", "", IMAGE_OP_IN, 0, {0}},
        {"startsWith", "\"a\",1", IMAGE_OP_STARTS_WITH, 1, {IMAGE_VALUE_STRING}},
        {"endsWith", "\"\",\"b\"", IMAGE_OP_ENDS_WITH, 2, {IMAGE_VALUE_STRING, IMAGE_VALUE_STRING}},
        {"contains", "false", IMAGE_OP_CONTAINS, 0, {0}},
        {"matches", "\"a+\",2,\"b\"", IMAGE_OP_MATCHES, 2, {IMAGE_VALUE_REGEX, IMAGE_VALUE_REGEX}},
        {"lessThan", "1,\"2\",3", IMAGE_OP_LESS, 2, {IMAGE_VALUE_NUMBER, IMAGE_VALUE_NUMBER}},
        {"lessThanOrEqual", "1", IMAGE_OP_LESS_OR_EQUAL, 1, {IMAGE_VALUE_NUMBER}},
        {"greaterThan", "1", IMAGE_OP_GREATER, 1, {IMAGE_VALUE_NUMBER}},
        {"greaterThanOrEqual", "true", IMAGE_OP_GREATER_OR_EQUAL, 0, {0}},
        {"before",
         "\"2020-01-01T00:00:00Z\",\"2020-01-01\",1500,null",
         IMAGE_OP_BEFORE,
         2,
         {IMAGE_VALUE_INSTANT, IMAGE_VALUE_INSTANT}},
        {"after", "true", IMAGE_OP_AFTER, 0, {0}},
        {"semVerEqual",
         "\"2.1-rc\",\"v2\",2,\"3\"",
         IMAGE_OP_SEMVER_EQUAL,
         2,
         {IMAGE_VALUE_SEMVER, IMAGE_VALUE_SEMVER}},
        {"semVerLessThan", "\"1\"", IMAGE_OP_SEMVER_LESS, 1, {IMAGE_VALUE_SEMVER}},
        {"semVerGreaterThan", "\"1\"", IMAGE_OP_SEMVER_GREATER, 1, {IMAGE_VALUE_SEMVER}},
        {"segmentMatch",
         "\"s1\",1,\"s2\",\"a\\u0000\"",
         IMAGE_OP_SEGMENT_MATCH,
         2,
         {IMAGE_VALUE_SEGMENT, IMAGE_VALUE_SEGMENT}},
        {"IN", "\"a\"", IMAGE_OP_NEVER, 0, {0}},
        {"", "\"a\"", IMAGE_OP_NEVER, 0, {0}},
        {"exists", "1", IMAGE_OP_EXISTS, 0, {0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        (void)snprintf(text, sizeof(text),
                       "\"attribute\":\"a\",\"op\":\"%s\",\"negate\":true,\"values\":[%s]",
                       cases[i].op, cases[i].values);
        struct blob b = with_clause(text);
        const struct image_clause *c = clause_of(&b);
        assert_int_equal(c->op, cases[i].expected);
        assert_int_equal(c->negate, 1);
        assert_int_equal(c->value_count, cases[i].count);
        assert_int_equal(c->values_offset == 0, cases[i].count == 0);
        for (uint32_t v = 0; v < cases[i].count; v++) {
            assert_int_equal(values_of(&b)[v].type, cases[i].types[v]);
        }
        if (c->value_count == 1) {
            assert_ptr_equal(values_of(&b), &c->first);
        }
        if (cases[i].op[0]) {
            text_is(&b, c->op_name, cases[i].op);
        }
        blob_free(&b);
    }
}

static void operands_are_parsed(void **state)
{
    (void)state;
    struct blob b = with_clause("\"attribute\":\"a\",\"op\":\"before\","
                                "\"values\":[\"1970-01-01T00:00:01.5Z\",-1500]");
    assert_true(values_of(&b)[0].as.seconds == 1);
    assert_int_equal(values_of(&b)[0].offset, 500000000);
    assert_true(values_of(&b)[1].as.seconds == -2);
    assert_int_equal(values_of(&b)[1].offset, 500000000);
    blob_free(&b);
    b = with_clause("\"attribute\":\"a\",\"op\":\"semVerEqual\","
                    "\"values\":[\"1.2.3-rc.1+build\",\"7\"]");
    const struct image_semver *v = at(&b, values_of(&b)[0].offset);
    assert_true(v->major == 1 && v->minor == 2 && v->patch == 3);
    text_is(&b, v->prerelease, "rc.1");
    v = at(&b, values_of(&b)[1].offset);
    assert_true(v->major == 7 && v->minor == 0 && v->prerelease.length == 0);
    blob_free(&b);
    b = with_clause("\"attribute\":\"a\",\"op\":\"in\",\"values\":[\"x\\u0000y\",false]");
    assert_int_equal(values_of(&b)[0].length, 3);
    assert_memory_equal(at(&b, values_of(&b)[0].offset), "x\0y", 4);
    assert_true(values_of(&b)[1].as.number == 0);
    blob_free(&b);
    b = with_clause("\"attribute\":\"a\",\"op\":\"matches\",\"values\":[\"^a.*$\"]");
    assert_string_equal((const char *)at(&b, values_of(&b)[0].offset), "^a.*$");
    assert_int_equal(b.regex_count, 1);
    blob_free(&b);
}

static void more_than_eight_strings_are_a_set(void **state)
{
    (void)state;
    struct blob b = with_clause("\"attribute\":\"a\",\"op\":\"in\",\"values\":"
                                "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",true]");
    assert_int_equal(clause_of(&b)->value_count, 9);
    blob_free(&b);
    b = with_clause("\"attribute\":\"a\",\"op\":\"in\",\"values\":"
                    "[5,\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"8\",true,null]");
    assert_int_equal(clause_of(&b)->value_count, 3);
    assert_int_equal(values_of(&b)[0].type, IMAGE_VALUE_SET);
    assert_int_equal(values_of(&b)[1].type, IMAGE_VALUE_NUMBER);
    assert_int_equal(values_of(&b)[2].type, IMAGE_VALUE_BOOL);
    const struct image_set *set = at(&b, values_of(&b)[0].offset);
    assert_int_equal(set->count, 8);
    assert_true(set->capacity >= 2 * set->count);
    assert_int_equal(set->entries_offset % 16, 0);
    assert_true(has(&b, set, "1") && has(&b, set, "8"));
    assert_false(has(&b, set, "9") || has(&b, set, ""));
    blob_free(&b);
}

static void a_share_of_the_traffic_is_a_rollout_without_variations(void **state)
{
    (void)state;
    struct blob b = with_clause("\"contextKind\":\"org\",\"attribute\":\"/plan\","
                                "\"op\":\"bucketBelow\",\"values\":[33333,\"rule 1\"]");
    const struct image_clause *c = clause_of(&b);
    assert_int_equal(c->op, IMAGE_OP_BUCKET_BELOW);
    assert_int_equal(c->value_count, 1);
    assert_int_equal(c->first.type, IMAGE_VALUE_ROLLOUT);
    const struct image_rollout *r = at(&b, c->first.offset);
    assert_true(r->below == 33333.0f / 100000.0f);
    assert_int_equal(r->count, 0);
    text_is(&b, r->prefix, "f.rule 1.");
    assert_int_equal(r->by.attribute, IMAGE_ATTRIBUTE_NAMED);
    assert_true(r->by.hash == c->by.hash);
    assert_true(r->by.kind_hash == hash_bytes("org", 3));
    blob_free(&b);
    b = with_clause("\"op\":\"bucketBelow\",\"values\":[100000,\"\"]");
    assert_int_equal(clause_of(&b)->by.attribute, IMAGE_ATTRIBUTE_KEY);
    assert_string_equal(warnings, "");
    blob_free(&b);
    static const char *const bad[] = {
        "", "5", "5,6", "\"5\",\"s\"", "-1,\"s\"", "100001,\"s\"", "1,\"s\",2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[128];
        (void)snprintf(text, sizeof(text), "\"op\":\"bucketBelow\",\"values\":[%s]", bad[i]);
        b = with_clause(text);
        assert_int_equal(clause_of(&b)->value_count, 0);
        assert_non_null(strstr(warnings, "rules[0].clauses[0].values: can never match"));
        blob_free(&b);
    }
}

static void names_are_referred_to_by_slot(void **state)
{
    (void)state;
    const uint32_t known = slots_take(slots, IMAGE_SEGMENT, "known", 5, 0);
    struct blob b =
        flag("{\"on\":true,\"variations\":[0],\"fallthrough\":{\"variation\":0},"
             "\"prerequisites\":[{\"key\":\"other\",\"variation\":-3},{\"variation\":0}],"
             "\"rules\":[{\"variation\":0,\"clauses\":[{\"op\":\"segmentMatch\","
             "\"values\":[\"known\",\"known\",\"\"]}]}]}");
    const struct image_prerequisite *p = at(&b, flag_of(&b)->prerequisites_offset);
    assert_int_equal(p[0].slot, slots_find(slots, IMAGE_FLAG, "other", 5));
    assert_int_equal(p[0].variation, -3);
    text_is(&b, p[0].key, "other");
    text_is(&b, p[1].key, "");
    const struct image_value *v = values_of(&b);
    assert_int_equal(v[0].length, known);
    assert_int_equal(v[1].length, known);
    assert_string_equal((const char *)at(&b, v[0].offset), "known");
    assert_string_equal((const char *)at(&b, v[2].offset), "");
    assert_int_equal(b.reference_count, 5);
    assert_null(strstr(warnings, "attribute"));
    for (size_t i = 0; i < b.reference_count; i++) {
        slots_drop(slots, b.references[i], 0);
    }
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "other", 5), IMAGE_NO_SLOT);
    assert_int_equal(slots_find(slots, IMAGE_SEGMENT, "known", 5), known);
    blob_free(&b);
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

/* Uses what depends on the host: sets, slots, provenance. */
static const char everything[] =
    "{\"on\":true,\"version\":5,\"salt\":\"s\",\"variations\":[true,\"b\",{\"c\":[1]}],"
    "\"offVariation\":0,\"fallthrough\":{\"rollout\":{\"variations\":["
    "{\"variation\":0,\"weight\":40000},{\"variation\":1,\"weight\":60000}]}},"
    "\"prerequisites\":[{\"key\":\"p\",\"variation\":1}],"
    "\"targets\":[{\"variation\":1,\"values\":[\"u1\",\"u2\"]},"
    "{\"variation\":0,\"values\":[\"u3\",\"u4\"]}],"
    "\"rules\":[{\"id\":\"r\",\"variation\":2,\"clauses\":["
    "{\"attribute\":\"c\",\"op\":\"in\",\"values\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\","
    "\"8\",\"9\"]},{\"op\":\"segmentMatch\",\"values\":[\"seg\"]}]}],"
    "\"ffshm\":{\"variants\":[\"x\",\"y\",\"z\"],\"tags\":[\"t\"]}}";

static void the_digest_is_the_same_on_every_host(void **state)
{
    (void)state;
    struct slots *other = slots_new();
    slots_take(other, IMAGE_FLAG, "somebody", 8, 0);
    slots_take(other, IMAGE_SEGMENT, "else", 4, 0);
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, 1, NULL);
    struct blob b =
        compile_json(IMAGE_FLAG, "f", json_of(everything), other, 2,
                     "/etc/ffshm/a-rather-long-name-of-a-file-that-takes-another-cache-line.yaml");
    assert_true(a.size < b.size);
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    assert_memory_equal(flag_of(&a)->digest, a.digest, sizeof(a.digest));
    assert_memory_not_equal(a.bytes, b.bytes, (size_t)a.size);
    assert_string_equal((const char *)at(&b, flag_of(&b)->provenance.offset) + 5,
                        "ffshm/"
                        "a-rather-long-name-of-a-file-that-takes-another-cache-line.yaml");
    struct blob again = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, 1, NULL);
    assert_int_equal(again.size, a.size);
    assert_memory_equal(again.bytes, a.bytes, (size_t)a.size);
    blob_free(&a);
    blob_free(&b);
    blob_free(&again);
    slots_free(other);
}

static json_t *replaced(const char *from, const char *to)
{
    const char *found = strstr(everything, from);
    if (!found) {
        fail_msg("%s is not there", from);
        return NULL;
    }
    char text[4096];
    (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(found - everything), everything, to,
                   found + strlen(from));
    return json_of(text);
}

static void any_change_of_meaning_changes_the_digest(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"\"on\":true", "\"on\":false"},
        {"\"version\":5", "\"version\":6"},
        {"\"salt\":\"s\"", "\"salt\":\"t\""},
        {"[true,", "[false,"},
        {"{\"c\":[1]}", "{\"c\":[2]}"},
        {"\"offVariation\":0", "\"offVariation\":1"},
        {"\"offVariation\":0", "\"offVariation\":null"},
        {"40000", "40001"},
        {"\"key\":\"p\"", "\"key\":\"q\""},
        {"\"key\":\"p\",\"variation\":1", "\"key\":\"p\",\"variation\":2"},
        {"\"u1\"", "\"u5\""},
        {"\"u1\",\"u2\"", "\"u1\""},
        /* The same four keys, two of them changed places. */
        {"[\"u1\",\"u2\"]},{\"variation\":0,\"values\":[\"u3\",",
         "[\"u3\",\"u2\"]},"
         "{\"variation\":0,\"values\":[\"u1\","},
        {"\"id\":\"r\"", "\"id\":\"q\""},
        {"\"variation\":2", "\"variation\":1"},
        {"\"attribute\":\"c\"", "\"attribute\":\"d\""},
        {"\"attribute\":\"c\"", "\"attribute\":\"c\",\"negate\":true"},
        {"\"attribute\":\"c\"", "\"attribute\":\"c\",\"contextKind\":\"org\""},
        {"\"9\"", "\"10\""},
        {"\"seg\"", "\"segment\""},
        {"\"y\"", "\"yes\""},
        {"\"t\"", "\"u\""},
        {"\"on\":true", "\"on\":true,\"trackEvents\":true"},
        {"\"on\":true", "\"on\":true,\"samplingRatio\":2"},
    };
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, SEED, NULL);
    enum { COUNT = sizeof(changes) / sizeof(changes[0]) };
    uint64_t seen[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        struct blob b = compile_json(IMAGE_FLAG, "f", replaced(changes[i].from, changes[i].to),
                                     slots, SEED, NULL);
        seen[i] = b.digest[0];
        if (memcmp(a.digest, b.digest, sizeof(a.digest)) == 0) {
            fail_msg("%s -> %s", changes[i].from, changes[i].to);
        }
        for (size_t j = 0; j < i; j++) {
            assert_true(seen[j] != seen[i]);
        }
        blob_free(&b);
    }
    struct blob b = compile_json(IMAGE_FLAG, "g", json_of(everything), slots, SEED, NULL);
    assert_memory_not_equal(a.digest, b.digest, sizeof(a.digest));
    blob_free(&b);
    blob_free(&a);
    struct blob empty_flag = flag("{}");
    struct blob empty_segment = compile_json(IMAGE_SEGMENT, "f", json_of("{}"), slots, SEED, NULL);
    assert_memory_not_equal(empty_flag.digest, empty_segment.digest, sizeof(a.digest));
    blob_free(&empty_flag);
    blob_free(&empty_segment);
}

static void what_does_not_count_leaves_the_digest(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"\"u1\",\"u2\"", "\"u2\",\"u1\""},
        {"\"on\":true", "\"on\":true,\"future\":[1,2]"},
        {"{\"c\":[1]}", "{ \"c\" : [ 1 ] }"},
        {"\"version\":5", "\"version\":5.0"},
    };
    struct blob a = compile_json(IMAGE_FLAG, "f", json_of(everything), slots, SEED, NULL);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct blob b = compile_json(IMAGE_FLAG, "f", replaced(changes[i].from, changes[i].to),
                                     slots, SEED, NULL);
        assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
        blob_free(&b);
    }
    blob_free(&a);
}

static void a_counted_version_is_not_part_of_the_digest(void **state)
{
    (void)state;
    struct blob a = flag("{\"version\":1,\"ffshm\":{\"autoVersion\":true}}");
    struct blob b = flag("{\"version\":2,\"ffshm\":{\"autoVersion\":true}}");
    assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
    assert_int_equal(flag_of(&b)->blob.version, 2);
    blob_set_version(&b, INT64_MAX);
    assert_true(flag_of(&b)->blob.version == INT64_MAX);
    blob_free(&a);
    blob_free(&b);
}

static void texts_for_people_are_placed_once(void **state)
{
    (void)state;
    char *text = malloc(200000);
    size_t n = (size_t)sprintf(text, "{\"variations\":[0],\"fallthrough\":{\"variation\":0},"
                                     "\"rules\":[");
    for (int i = 0; i < 500; i++) {
        n += (size_t)sprintf(text + n,
                             "%s{\"variation\":0,\"clauses\":[{\"attribute\":"
                             "\"a-rather-long-attribute-name-that-is-repeated\",\"op\":"
                             "\"greaterThanOrEqual\",\"values\":[%d]}]}",
                             i ? "," : "", i);
    }
    (void)sprintf(text + n, "]}");
    struct blob b = flag(text);
    free(text);
    assert_true(b.size < 500 * (sizeof(struct image_rule) + sizeof(struct image_clause)) + 1024);
    blob_free(&b);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static json_t *many_keys(size_t count)
{
    json_t *values = json_array();
    for (size_t i = 0; i < count; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "user-%zu", i);
        json_array_append_new(values, json_string(key));
    }
    return values;
}

static void a_list_of_two_hundred_thousand_keys_is_one_set(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    json_t *json = json_pack("{s:[i,i],s:{s:i},s:[{s:i,s:o}]}", "variations", 0, 1, "fallthrough",
                             "variation", 0, "targets", "variation", 1, "values", many_keys(COUNT));
    struct blob b = compile_json(IMAGE_FLAG, "f", json, slots, SEED, NULL);
    const struct image_target *t = at(&b, flag_of(&b)->targets_offset);
    assert_int_equal(t->keys.count, COUNT);
    assert_true(t->keys.capacity / 10 * 7 >= COUNT);
    for (size_t i = 0; i < COUNT; i += 997) {
        char key[32];
        (void)snprintf(key, sizeof(key), "user-%zu", i);
        assert_true(has(&b, &t->keys, key));
    }
    assert_false(has(&b, &t->keys, "user-200000"));
    blob_free(&b);
}

static void sets_of_every_size_leave_room(void **state)
{
    (void)state;
    static const size_t counts[] = {1,  2,     3,     4,     5,     63,    64,
                                    65, 32768, 65535, 65536, 65537, 91750, 91751};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_t *json = json_pack("{s:o}", "included", many_keys(counts[i]));
        struct blob b = compile_json(IMAGE_SEGMENT, "s", json, slots, SEED, NULL);
        const struct image_target *t = at(&b, segment_of(&b)->includes_offset);
        const double load = (double)counts[i] / t->keys.capacity;
        assert_int_equal(t->keys.count, counts[i]);
        assert_true(load <= (counts[i] <= 65536 ? 0.5 : 0.7));
        blob_free(&b);
    }
}

/* What is quadratic if done naively: placeholders by variation, components by length. */
static void hostile_definitions_do_not_take_long(void **state)
{
    (void)state;
    enum { COUNT = 50000 };
    const uint64_t start = now_ns();
    json_t *targets = json_array();
    json_t *placeholders = json_array();
    for (int i = 0; i < COUNT; i++) {
        json_array_append_new(targets, json_pack("{s:i,s:[s]}", "variation", i, "values", "u"));
        json_array_append_new(placeholders, json_pack("{s:i}", "variation", COUNT - i));
    }
    json_t *json = json_pack("{s:o,s:o}", "targets", targets, "contextTargets", placeholders);
    struct fault fault;
    struct model_item *item = model_parse(IMAGE_FLAG, "f", json, NULL, &fault);
    json_decref(json);
    struct blob b;
    assert_int_equal(blob_compile(item, slots, SEED, 0, NULL, NULL, &b, &fault), 0);
    assert_int_equal(flag_of(&b)->target_count, COUNT - 1);
    blob_free(&b);
    model_free(item);
    char *path = malloc(2 * COUNT + 1);
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(path + 2 * i, "/a", 2);
    }
    path[2 * (size_t)COUNT] = '\0';
    json = json_pack("{s:[{s:[{s:s,s:s,s:s}]}]}", "rules", "clauses", "contextKind", "user",
                     "attribute", path, "op", "exists");
    free(path);
    b = compile_json(IMAGE_FLAG, "f", json, slots, SEED, NULL);
    const struct image_path *p = at(&b, clause_of(&b)->by.path);
    assert_int_equal(p->count, COUNT - 1);
    blob_free(&b);
    assert_true(now_ns() - start < 5000000000u);
}

static void a_builder_stops_at_the_largest_size_without_asking_for_memory(void **state)
{
    (void)state;
    json_t *json = json_object();
    struct fault fault = {0};
    struct model_item *item = model_parse(IMAGE_FLAG, "f", json, NULL, &fault);
    json_decref(json);
    struct blob_builder b = {.item = item, .slots = slots};
    (void)blob_reserve(&b, 1, sizeof(struct image_flag), 8);
    blob_slot(&b, 0, IMAGE_FLAG, (struct model_string){"taken", 5});
    assert_int_not_equal(slots_find(slots, IMAGE_FLAG, "taken", 5), IMAGE_NO_SLOT);
    assert_int_equal(blob_reserve(&b, BLOB_MAX_SIZE / 16, 16, 16), 0);
    assert_int_equal(b.failure, BLOB_TOO_LARGE);
    assert_int_equal(blob_reserve(&b, 1, 1, 1), 0);
    assert_null(blob_bytes(&b, 0));
    assert_true(b.capacity < 100000);
    struct blob out;
    assert_int_equal(blob_builder_finish(&b, offsetof(struct image_flag, digest),
                                         offsetof(struct image_flag, provenance), &out, &fault),
                     -1);
    assert_true(strstr(fault.cause, "too large") != NULL);
    assert_null(out.bytes);
    assert_int_equal(slots_find(slots, IMAGE_FLAG, "taken", 5), IMAGE_NO_SLOT);
    model_free(item);
}

static uint32_t look_up(const struct blob *b, const char *key)
{
    const struct image_index *index = at(b, 0);
    const struct image_index_entry *entries = at(b, index->entries_offset);
    const uint64_t hash = hash_bytes(key, strlen(key));
    for (uint64_t i = hash & (index->capacity - 1);; i = (i + 1) & (index->capacity - 1)) {
        if (entries[i].slot == IMAGE_NO_SLOT || entries[i].hash == (uint32_t)(hash >> 32)) {
            return entries[i].slot;
        }
    }
}

static void the_key_index_finds_every_flag(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    static struct index_key keys[COUNT];
    char key[32];
    for (uint32_t i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "flag-%u", i);
        keys[i] = (struct index_key){hash_bytes(key, strlen(key)), i * 3};
    }
    static const size_t counts[] = {0, 1, 4, 5, 1000, COUNT};
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct blob b;
        struct fault fault;
        assert_int_equal(blob_index(keys, counts[c], &b, &fault), 0);
        const char *why = "";
        if (image_verify_blob(b.bytes, b.size, &why) != FFSHM_OK) {
            fail_msg("refused for its %s", why);
        }
        const struct image_index *index = at(&b, 0);
        assert_int_equal(index->count, counts[c]);
        assert_true(index->capacity >= 2 * counts[c]);
        for (uint32_t i = 0; i < counts[c]; i++) {
            (void)snprintf(key, sizeof(key), "flag-%u", i);
            assert_int_equal(look_up(&b, key), i * 3);
        }
        assert_int_equal(look_up(&b, "no such flag"), IMAGE_NO_SLOT);
        blob_free(&b);
    }
}

static void the_hash_of_user_is_the_constant(void **state)
{
    (void)state;
    assert_true(HASH_KIND_USER == hash_bytes("user", 4));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fixed_flag_has_no_steps),
        TEST(steps_say_what_there_is_to_do),
        TEST(members_for_events_are_carried_over),
        TEST(variations_of_every_type_are_kept),
        TEST(indexes_out_of_range_become_malformed),
        TEST(what_serves_nothing_is_malformed_and_variation_beats_rollout),
        TEST(a_rollout_has_float_sums_and_the_prefix_of_its_salt),
        TEST(a_seed_replaces_key_and_salt),
        TEST(an_experiment_buckets_by_key_and_a_rollout_as_it_says),
        TEST(attributes_are_names_or_references),
        TEST(a_path_keeps_its_components_unescaped),
        TEST(values_are_typed_by_the_operator),
        TEST(operands_are_parsed),
        TEST(more_than_eight_strings_are_a_set),
        TEST(a_share_of_the_traffic_is_a_rollout_without_variations),
        TEST(names_are_referred_to_by_slot),
        TEST(targets_are_tried_in_launchdarklys_order),
        TEST(a_segment_has_its_lists_and_rules),
        TEST(a_big_segment_has_generation_and_kind_instead_of_lists),
        TEST(the_compiler_tells_what_can_never_work),
        TEST(the_digest_is_the_same_on_every_host),
        TEST(any_change_of_meaning_changes_the_digest),
        TEST(what_does_not_count_leaves_the_digest),
        TEST(a_counted_version_is_not_part_of_the_digest),
        TEST(texts_for_people_are_placed_once),
        TEST(a_list_of_two_hundred_thousand_keys_is_one_set),
        TEST(sets_of_every_size_leave_room),
        TEST(hostile_definitions_do_not_take_long),
        TEST(a_builder_stops_at_the_largest_size_without_asking_for_memory),
        TEST(the_key_index_finds_every_flag),
        TEST(the_hash_of_user_is_the_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
