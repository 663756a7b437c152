/* Native definitions lowered to LaunchDarkly's JSON, and everything that is refused on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "catalog/native.h"

#define NOON_MS INT64_C(1767268800000) /* 2026-01-01T12:00:00Z */

/* ---- helpers ------------------------------------------------------------------------------ */

static json_t *parse(const char *yaml)
{
    struct fault fault;
    json_t *document = document_parse(yaml, strlen(yaml), "f", &fault);
    if (document == NULL) {
        fail_msg("%u:%u: %s", fault.line, fault.column, fault.cause);
    }
    return document;
}

static json_t *lower_at(const char *yaml, int64_t now_ms, int64_t *next_ms)
{
    struct fault fault = {0};
    json_t *document = parse(yaml);
    json_t *lowered = native_lower(document, now_ms, next_ms, &fault);
    json_decref(document);
    if (lowered == NULL) {
        fail_msg("%s: %s; %s", fault.member, fault.cause, fault.hint);
    }
    return lowered;
}

static json_t *lower(const char *yaml)
{
    int64_t next_ms;
    return lower_at(yaml, NOON_MS, &next_ms);
}

/* value[path...] with member names, "#N" for elements, NULL at the end. */
static json_t *at(json_t *value, ...)
{
    va_list path;
    va_start(path, value);
    const char *name;
    while ((name = va_arg(path, const char *)) != NULL) {
        value = name[0] == '#' ? json_array_get(value, strtoul(name + 1, NULL, 10))
                               : json_object_get(value, name);
    }
    va_end(path);
    return value;
}

static void expect_json(json_t *value, const char *json)
{
    assert_non_null(value);
    char *text = document_dump(value, NULL);
    assert_string_equal(text, json);
    free(text);
}

/* A flag f of two variants with more members; each line indented by four. */
#define FLAG(more)                                                                                 \
    "ffshm: 1\nflags:\n  f:\n    variants: [{key: on, value: true}, {key: off, value: false}]\n"   \
    "    default_variant: on\n" more

/* One condition of a rule of it. */
#define CONDITION(condition)                                                                       \
    FLAG("    targeting_rules: [{conditions: [{" condition "}], variant: off}]\n")

static void expect_flag(const char *yaml, const char *member, const char *json)
{
    json_t *lowered = lower(yaml);
    expect_json(at(lowered, "flags", "f", member, NULL), json);
    json_decref(lowered);
}

static void expect_clause(const char *yaml, const char *json)
{
    json_t *lowered = lower(yaml);
    expect_json(at(lowered, "flags", "f", "rules", "#0", "clauses", NULL), json);
    json_decref(lowered);
}

static void expect_fault(const char *yaml, const char *member, const char *cause, const char *hint)
{
    struct fault fault = {0};
    int64_t next_ms;
    json_t *document = parse(yaml);
    json_t *lowered = native_lower(document, NOON_MS, &next_ms, &fault);
    assert_null(lowered);
    json_decref(document);
    assert_string_equal(fault.member, member);
    assert_string_equal(fault.cause, cause);
    assert_string_equal(fault.hint, hint);
}

/* ---- the document ------------------------------------------------------------------------- */

static void a_document_says_its_version_and_has_definitions(void **state)
{
    (void)state;
    json_t *lowered = lower("ffshm: 1\nflags: {}\n");
    expect_json(lowered, "{\"flags\":{},\"segments\":{}}");
    json_decref(lowered);
    expect_fault("ffshm: 2\nflags: {}", "ffshm", "version 2 is not understood, only 1 is",
                 "a newer agent may");
    expect_fault("ffshm: '1'\nflags: {}", "ffshm", "must be a number, not the text \"1\"",
                 "remove the quotes, if there are any");
    expect_fault("flags: {}", "ffshm", "the format's version is missing", "begin with ffshm: 1");
    expect_fault("ffshm: 1\nflags:\n", "flags", "is empty", "where there are none, write {}");
    expect_fault("ffshm: 1\nflags: []\n", "flags",
                 "must be an object: each key with its definition, not a list", "");
    expect_fault("ffshm: 1", "", "there are neither flags nor segments",
                 "is it written to its end? where there are none, write flags: {}");
    expect_fault("ffshm: 1\nflag: {}", "flag", "there is no such member", "did you mean flags?");
    expect_fault("[1]", "", "must be an object, not a list", "");
    expect_fault("ffshm: 1\nflags: {'': {}}", "flags", "a key must not be empty", "");
    expect_fault("ffshm: 1\nflags: {a: 1}", "flags.a", "must be an object, not the number 1", "");
}

/* ---- flags -------------------------------------------------------------------------------- */

static void a_switch_is_lowered_whole(void **state)
{
    (void)state;
    json_t *lowered = lower(FLAG("    fallback_variant: off\n    tags: [a, b]\n    owner: me\n"
                                 "    name: F\n    description: d\n    temporary: false\n"));
    expect_json(at(lowered, "flags", "f", NULL),
                "{\"key\":\"f\",\"on\":true,\"salt\":\"f\",\"variations\":[true,false],"
                "\"offVariation\":1,\"fallthrough\":{\"variation\":0},\"prerequisites\":[],"
                "\"targets\":[],\"contextTargets\":[],\"rules\":[],\"ffshm\":{\"variants\":[\"on\","
                "\"off\"],\"tags\":[\"a\",\"b\"],\"autoVersion\":true,\"name\":\"F\","
                "\"description\":\"d\",\"owner\":\"me\",\"temporary\":false}}");
    json_decref(lowered);
}

static void the_fallback_is_the_default_variant_when_it_is_not_given(void **state)
{
    (void)state;
    expect_flag(FLAG(""), "offVariation", "0");
    expect_flag(FLAG("    enabled: false\n"), "on", "false");
    expect_flag(FLAG("    fallback_variant:\n"), "offVariation", "0");
    expect_flag("ffshm: 1\nflags: {f: {variants: [{key: a, value: 1, percentage: 100}]}}",
                "offVariation", "null");
}

static void values_are_of_any_type(void **state)
{
    (void)state;
    expect_flag("ffshm: 1\nflags: {f: {default_variant: a, variants: [{key: a, value: null}, {key: "
                "b, value: {x: [1.5]}}, {key: c, value: ''}, {key: d, value: 3}]}}",
                "variations", "[null,{\"x\":[1.5]},\"\",3]");
}

static void variants_are_checked(void **state)
{
    (void)state;
    expect_fault("ffshm: 1\nflags: {f: {}}", "flags.f.variants", "are missing",
                 "as in [{key: \"on\", value: true}, {key: \"off\", value: false}]");
    expect_fault("ffshm: 1\nflags: {f: {variants: {on: true}}}", "flags.f.variants",
                 "must be a list, not an object", "");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{key: a, value: 1}, {key: a, value: 2}]}}",
                 "flags.f.variants[1].key", "\"a\" is also the key of variants[0]",
                 "every variant needs a key of its own");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{key: true, value: 1}]}}",
                 "flags.f.variants[0].key", "must be a text, not true", "put it in quotes");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{value: 1}]}}", "flags.f.variants[0].key",
                 "is missing", "");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{key: a}]}}", "flags.f.variants[0].value",
                 "is missing", "any JSON value; null is one too");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{key: a, value: 1}]}}",
                 "flags.f.default_variant", "is missing",
                 "name the variant that is served when no rule matches");
    expect_fault("ffshm: 1\nflags: {f: {variants: [{key: \"a\\0\", value: 1}]}}",
                 "flags.f.variants[0].key", "contains a NUL character", "");
}

static void unknown_variants_are_refused_with_those_that_there_are(void **state)
{
    (void)state;
    expect_fault(FLAG("    fallback_variant: of\n"), "flags.f.fallback_variant",
                 "there is no variant \"of\"", "the variants are on, off");
    expect_fault(FLAG("    targets: [{variant: x, keys: [a]}]\n"), "flags.f.targets[0].variant",
                 "there is no variant \"x\"", "the variants are on, off");
    expect_fault(FLAG("    targeting_rules: [{percentages: {on: 50, x: 50}}]\n"),
                 "flags.f.targeting_rules[0].percentages.x", "there is no variant \"x\"",
                 "the variants are on, off");
    expect_fault(FLAG("    fallback_variant: true\n"), "flags.f.fallback_variant",
                 "must be a text, not true", "put it in quotes");
}

static void misspelt_members_are_refused_with_the_nearest_name(void **state)
{
    (void)state;
    expect_fault(FLAG("    enabeld: true\n"), "flags.f.enabeld", "there is no such member",
                 "did you mean enabled?");
    expect_fault(FLAG("    on: true\n"), "flags.f.on", "there is no such member",
                 "did you mean enabled?");
    expect_fault(FLAG("    rules: []\n"), "flags.f.rules", "there is no such member",
                 "did you mean targeting_rules?");
    expect_fault(FLAG("    targeting_rules: [{condition: []}]\n"),
                 "flags.f.targeting_rules[0].condition", "there is no such member",
                 "did you mean conditions?");
    expect_fault(FLAG("    targets: [{zzzzzzzz: 1}]\n"), "flags.f.targets[0].zzzzzzzz",
                 "there is no such member", "known here: variant, keys, kind");
    expect_fault(FLAG("    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1\n"),
                 "flags.f.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                 "there is no such member",
                 "known here: schedule, name, description, tags, owner, temporary, enabled, "
                 "variants, default_variant, fallback_variant, prerequisites, targets, "
                 "targeting_rules, bucket_by, kind, seed, salt");
}

static void types_are_checked_and_null_counts_as_not_given(void **state)
{
    (void)state;
    expect_fault(FLAG("    enabled: yes\n"), "flags.f.enabled",
                 "must be true or false, not the text \"yes\"", "write true");
    expect_fault(FLAG("    tags: a\n"), "flags.f.tags", "must be a list, not the text \"a\"",
                 "put it in brackets");
    expect_fault(FLAG("    tags: [a, 1]\n"), "flags.f.tags[1]", "must be a text, not the number 1",
                 "put it in quotes");
    expect_fault(FLAG("    name: 1\n"), "flags.f.name", "must be a text, not the number 1",
                 "put it in quotes");
    expect_fault(FLAG("    targets: [{variant: on, keys: [a, 12]}]\n"),
                 "flags.f.targets[0].keys[1]", "must be a text, not the number 12",
                 "put it in quotes");
    expect_fault(FLAG("    targets: [{variant: on, keys: ['']}]\n"), "flags.f.targets[0].keys[0]",
                 "must not be empty", "");
    expect_flag(FLAG("    salt: abc\n"), "salt", "\"abc\"");
    expect_flag(FLAG("    salt: ''\n"), "salt", "\"\"");
    expect_flag(FLAG("    salt:\n"), "salt", "\"f\"");
    expect_fault(FLAG("    salt: 5\n"), "flags.f.salt", "must be a text, not the number 5",
                 "put it in quotes");
    expect_fault(FLAG("    seed: 1.5\n"), "flags.f.seed",
                 "must be a whole number, not the number 1.5", "");
    expect_flag(FLAG("    tags:\n    targets:\n    targeting_rules:\n    schedule:\n    seed:\n"
                     "    enabled:\n"),
                "on", "true");
}

/* ---- percentages -------------------------------------------------------------------------- */

#define SHARES(a, b, more)                                                                         \
    "ffshm: 1\nflags: {f: {variants: [{key: a, value: 1" a "}, {key: b, value: 2" b "}]" more "}}"

static void percentages_on_variants_divide_everybody(void **state)
{
    (void)state;
    expect_flag(SHARES(", percentage: 30", ", percentage: 70", ""), "fallthrough",
                "{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":30000},{\"variation\":1,"
                "\"weight\":70000}]}}");
    expect_flag(SHARES(", percentage: 33.333", ", percentage: 66.667", ", seed: -7"), "fallthrough",
                "{\"rollout\":{\"seed\":-7,\"variations\":[{\"variation\":0,\"weight\":33333},{"
                "\"variation\":1,\"weight\":66667}]}}");
    expect_flag(SHARES(", percentage: 10", ", percentage: 90", ", bucket_by: team, kind: org"),
                "fallthrough",
                "{\"rollout\":{\"contextKind\":\"org\",\"bucketBy\":\"team\",\"variations\":[{"
                "\"variation\":0,\"weight\":10000},{\"variation\":1,\"weight\":90000}]}}");
}

static void what_percentages_leave_over_goes_to_the_default_variant(void **state)
{
    (void)state;
    expect_flag(SHARES(", percentage: 10", "", ", default_variant: b"), "fallthrough",
                "{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":10000},{\"variation\":1,"
                "\"weight\":90000}]}}");
    /* at the end, so that raising a share moves nobody else */
    expect_flag(SHARES(", percentage: 10", ", percentage: 20", ", default_variant: a"),
                "fallthrough",
                "{\"rollout\":{\"variations\":[{\"variation\":0,\"weight\":10000},{\"variation\":1,"
                "\"weight\":20000},{\"variation\":0,\"weight\":70000}]}}");
    expect_flag(SHARES(", percentage: 0", ", percentage: 0", ", default_variant: b"), "fallthrough",
                "{\"variation\":1}");
    expect_flag(SHARES(", percentage: 0", ", percentage: 100", ""), "fallthrough",
                "{\"variation\":1}");
    expect_fault(SHARES(", percentage: 10", ", percentage: 20", ""), "flags.f.variants",
                 "the percentages add up to 30",
                 "raise them to 100, or give a default_variant for the rest");
}

static void percentages_are_checked(void **state)
{
    (void)state;
    expect_fault(SHARES(", percentage: 60", ", percentage: 40.001", ""), "flags.f.variants",
                 "the percentages add up to 100.001, more than 100", "");
    expect_fault(SHARES(", percentage: 0.0001", "", ""), "flags.f.variants[0].percentage",
                 "0.0001 has more than three decimals", "");
    expect_fault(SHARES(", percentage: -1", "", ""), "flags.f.variants[0].percentage",
                 "must be between 0 and 100, not -1", "");
    expect_fault(SHARES(", percentage: 100.5", "", ""), "flags.f.variants[0].percentage",
                 "must be between 0 and 100, not 100.5", "");
    expect_fault(SHARES(", percentage: 50%", "", ""), "flags.f.variants[0].percentage",
                 "must be a number, not the text \"50%\"", "write 50");
    for (int weight = 0; weight <= 100000; weight += 7) { /* every one is what was written */
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml,
                       SHARES(", percentage: %d.%03d", "", ", default_variant: b"), weight / 1000,
                       weight % 1000);
        json_t *lowered = lower(yaml);
        const json_t *share =
            at(lowered, "flags", "f", "fallthrough", "rollout", "variations", "#0", "weight", NULL);
        if (weight > 0) {
            assert_int_equal(json_integer_value(share), weight);
        }
        json_decref(lowered);
    }
}

/* ---- targets ------------------------------------------------------------------------------ */

static void targets_of_users_alone_are_targets(void **state)
{
    (void)state;
    const char *yaml = FLAG("    targets: [{variant: off, keys: [a]}, {variant: on, keys: []}, "
                            "{variant: off, kind: user, keys: [b]}]\n");
    expect_flag(yaml, "targets",
                "[{\"contextKind\":\"user\",\"variation\":1,\"values\":[\"a\"]},"
                "{\"contextKind\":\"user\",\"variation\":1,\"values\":[\"b\"]}]");
    expect_flag(yaml, "contextTargets", "[]");
}

static void targets_of_other_kinds_keep_their_order(void **state)
{
    (void)state;
    const char *yaml = FLAG("    targets: [{variant: off, keys: [a]}, {variant: on, kind: org, "
                            "keys: [b]}]\n");
    expect_flag(yaml, "targets", "[]");
    expect_flag(yaml, "contextTargets",
                "[{\"contextKind\":\"user\",\"variation\":1,\"values\":[\"a\"]},"
                "{\"contextKind\":\"org\",\"variation\":0,\"values\":[\"b\"]}]");
    expect_fault(FLAG("    targets: [{variant: on, kind: a b, keys: []}]\n"),
                 "flags.f.targets[0].kind", "\"a b\" cannot be a context kind",
                 "letters, digits, '.', '_' and '-'; not kind, not multi");
    expect_fault(FLAG("    targets: [{keys: [a]}]\n"), "flags.f.targets[0].variant", "is missing",
                 "");
    expect_fault(FLAG("    targets: [{variant: on}]\n"), "flags.f.targets[0].keys", "are missing",
                 "a list of context keys");
}

/* ---- conditions --------------------------------------------------------------------------- */

static void every_operator_is_lowered(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *op, *values, *negate;
    } rows[] = {
        {"equals", "x", "in", "[\"x\"]", "false"},
        {"equals", "true", "in", "[true]", "false"},
        {"not_equals", "1", "in", "[1]", "true"},
        {"in", "[a, 1, true, '']", "in", "[\"a\",1,true,\"\"]", "false"},
        {"not_in", "[a]", "in", "[\"a\"]", "true"},
        {"contains", "x", "contains", "[\"x\"]", "false"},
        {"not_contains", "[x, z]", "contains", "[\"x\",\"z\"]", "true"},
        {"starts_with", "x", "startsWith", "[\"x\"]", "false"},
        {"not_starts_with", "x", "startsWith", "[\"x\"]", "true"},
        {"ends_with", "[x]", "endsWith", "[\"x\"]", "false"},
        {"not_ends_with", "x", "endsWith", "[\"x\"]", "true"},
        {"matches", "'^a+$'", "matches", "[\"^a+$\"]", "false"},
        {"not_matches", "'^a+$'", "matches", "[\"^a+$\"]", "true"},
        {"greater_than", "1.5", "greaterThan", "[1.5]", "false"},
        {"greater_than_or_equal", "2", "greaterThanOrEqual", "[2]", "false"},
        {"less_than", "-1", "lessThan", "[-1]", "false"},
        {"less_than_or_equal", "0", "lessThanOrEqual", "[0]", "false"},
        {"before", "2026-12-01T09:00:00Z", "before", "[\"2026-12-01T09:00:00Z\"]", "false"},
        {"after", "1500000000000", "after", "[1500000000000]", "false"},
        {"semver_equal", "'2'", "semVerEqual", "[\"2\"]", "false"},
        {"semver_greater_than", "2.0.0-rc.1", "semVerGreaterThan", "[\"2.0.0-rc.1\"]", "false"},
        {"semver_less_than", "2.0.0", "semVerLessThan", "[\"2.0.0\"]", "false"},
        {"greater_than", "[1, 2]", "greaterThan", "[1,2]", "false"},
        {"not_greater_than", "1.5", "greaterThan", "[1.5]", "true"},
        {"not_greater_than_or_equal", "2", "greaterThanOrEqual", "[2]", "true"},
        {"not_less_than", "-1", "lessThan", "[-1]", "true"},
        {"not_less_than_or_equal", "0", "lessThanOrEqual", "[0]", "true"},
        {"not_before", "[1, 2]", "before", "[1,2]", "true"},
        {"not_after", "1500000000000", "after", "[1500000000000]", "true"},
        {"not_semver_equal", "['2', '3.1']", "semVerEqual", "[\"2\",\"3.1\"]", "true"},
        {"not_semver_greater_than", "2.0.0", "semVerGreaterThan", "[\"2.0.0\"]", "true"},
        {"not_semver_less_than", "2.0.0", "semVerLessThan", "[\"2.0.0\"]", "true"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char yaml[512];
        char json[512];
        (void)snprintf(yaml, sizeof yaml, CONDITION("attribute: a, operator: %s, value: %s"),
                       rows[i].name, rows[i].value);
        (void)snprintf(json, sizeof json,
                       "[{\"attribute\":\"a\",\"op\":\"%s\",\"values\":%s,\"negate\":%s}]",
                       rows[i].op, rows[i].values, rows[i].negate);
        expect_clause(yaml, json);
    }
    expect_clause(CONDITION("attribute: a, operator: exists"),
                  "[{\"attribute\":\"a\",\"op\":\"exists\",\"values\":[],\"negate\":false}]");
    expect_clause(CONDITION("attribute: a, operator: not_exists"),
                  "[{\"attribute\":\"a\",\"op\":\"exists\",\"values\":[],\"negate\":true}]");
    expect_clause(CONDITION("operator: in_segment, value: s"),
                  "[{\"attribute\":\"\",\"op\":\"segmentMatch\",\"values\":[\"s\"],\"negate\":"
                  "false}]");
    expect_clause(CONDITION("operator: not_in_segment, value: [s, t]"),
                  "[{\"attribute\":\"\",\"op\":\"segmentMatch\",\"values\":[\"s\",\"t\"],"
                  "\"negate\":true}]");
}

static void an_attribute_is_a_name_unless_it_begins_with_a_slash(void **state)
{
    (void)state;
    expect_clause(CONDITION("attribute: a/b~1, operator: exists"),
                  "[{\"attribute\":\"a/b~1\",\"op\":\"exists\",\"values\":[],\"negate\":false}]");
    expect_clause(CONDITION("attribute: /a/b~1c, operator: exists"),
                  "[{\"contextKind\":\"user\",\"attribute\":\"/a/b~1c\",\"op\":\"exists\","
                  "\"values\":[],\"negate\":false}]");
    expect_clause(CONDITION("kind: org, attribute: a/b, operator: exists"),
                  "[{\"contextKind\":\"org\",\"attribute\":\"a/b\",\"op\":\"exists\",\"values\":[],"
                  "\"negate\":false}]");
    static const char *const bad[] = {"/", "//a", "/a/", "/a//b", "/a~", "/a~2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char yaml[512];
        char cause[128];
        (void)snprintf(yaml, sizeof yaml, CONDITION("attribute: %s, operator: exists"), bad[i]);
        (void)snprintf(cause, sizeof cause, "\"%s\" is not a path to an attribute", bad[i]);
        expect_fault(yaml, "flags.f.targeting_rules[0].conditions[0].attribute", cause,
                     "/address/city; a / in a name is written ~1, a ~ is written ~0");
    }
}

#define HERE "flags.f.targeting_rules[0].conditions[0]"

static void conditions_are_checked(void **state)
{
    (void)state;
    expect_fault(CONDITION("attribute: a, value: 1"), HERE ".operator", "is missing",
                 "equals, in, greater_than, in_segment, ...");
    expect_fault(CONDITION("attribute: a, operator: grater_than, value: 1"), HERE ".operator",
                 "there is no operator \"grater_than\"", "did you mean greater_than?");
    expect_fault(CONDITION("attribute: a, operator: '>=', value: 1"), HERE ".operator",
                 "there is no operator \">=\"", "did you mean greater_than_or_equal?");
    expect_fault(CONDITION("operator: equals, value: 1"), HERE ".attribute", "is missing", "");
    expect_fault(CONDITION("attribute: a, operator: equals"), HERE ".value", "is missing", "");
    expect_fault(CONDITION("attribute: a, operator: equals, value: [1]"), HERE ".value",
                 "must be one value, not a list", "a list goes with the operator in, or not_in");
    expect_fault(CONDITION("attribute: a, operator: equals, value: {b: 1}"), HERE ".value",
                 "must be a text, a number, true or false, not an object", "");
    expect_fault(CONDITION("attribute: a, operator: in, value: x"), HERE ".value",
                 "must be a list, not the text \"x\"", "put it in brackets");
    expect_fault(CONDITION("attribute: a, operator: in, value: []"), HERE ".value",
                 "must not be empty", "remove the condition, or say what it compares with");
    expect_fault(CONDITION("attribute: a, operator: in, value: [null]"), HERE ".value[0]",
                 "must be a text, a number, true or false, not null", "");
    expect_fault(CONDITION("attribute: a, operator: contains, value: [x, 1]"), HERE ".value[1]",
                 "must be a text, not the number 1", "put it in quotes");
    expect_fault(CONDITION("attribute: a, operator: less_than, value: '1'"), HERE ".value",
                 "must be a number, not the text \"1\"", "remove the quotes, if there are any");
    expect_fault(CONDITION("attribute: a, operator: before, value: 2026-12-01"), HERE ".value",
                 "\"2026-12-01\" is not a date",
                 "RFC 3339, with a time zone: 2026-12-01T09:00:00Z");
    expect_fault(CONDITION("attribute: a, operator: semver_equal, value: v2"), HERE ".value",
                 "\"v2\" is not a version", "as in \"2.1.0\" or \"2.1.0-beta.1\", without a v");
    expect_fault(CONDITION("attribute: a, operator: semver_equal, value: 2.0"), HERE ".value",
                 "must be a text, not the number 2", "put it in quotes");
    expect_fault(CONDITION("attribute: a, operator: exists, value: 1"), HERE ".value",
                 "exists and not_exists take no value", "remove it");
    expect_fault(CONDITION("attribute: a, operator: in_segment, value: s"), HERE ".attribute",
                 "has no meaning with in_segment and not_in_segment",
                 "remove it: a segment knows its kind");
    expect_fault(CONDITION("operator: in_segment, value: [s, 1]"), HERE ".value[1]",
                 "must be a text, not the number 1", "put it in quotes");
}

/* ---- rules -------------------------------------------------------------------------------- */

static void a_rule_serves_a_variant_or_a_split(void **state)
{
    (void)state;
    expect_flag(FLAG("    targeting_rules: [{variant: off}, {name: Half, percentages: {on: 50, "
                     "off: 50}, bucket_by: /a/b}]\n    seed: 61\n"),
                "rules",
                "[{\"id\":\"rule-0\",\"clauses\":[],\"variation\":1},{\"id\":\"Half\",\"clauses\":"
                "[],\"rollout\":{\"contextKind\":\"user\",\"bucketBy\":\"/a/b\",\"seed\":61,"
                "\"variations\":[{\"variation\":0,\"weight\":50000},{\"variation\":1,\"weight\":"
                "50000}]}}]");
    expect_flag(FLAG("    targeting_rules: [{percentages: {off: 25}}]\n"), "rules",
                "[{\"id\":\"rule-0\",\"clauses\":[],\"rollout\":{\"variations\":[{\"variation\":1,"
                "\"weight\":25000},{\"variation\":0,\"weight\":75000}]}}]");
    expect_fault(FLAG("    targeting_rules: [{variant: on, percentages: {off: 25}}]\n"),
                 "flags.f.targeting_rules[0]", "has both variant and percentages",
                 "variant serves one, percentages divide");
    expect_fault(FLAG("    targeting_rules: [{}]\n"), "flags.f.targeting_rules[0]",
                 "needs variant or percentages", "variant serves one, percentages divide");
    expect_fault(FLAG("    targeting_rules: [{percentages: {on: 60, off: 50}}]\n"),
                 "flags.f.targeting_rules[0].percentages",
                 "the percentages add up to 110, more than 100", "");
    expect_fault(FLAG("    targeting_rules: [{percentages: [50, 50]}]\n"),
                 "flags.f.targeting_rules[0].percentages",
                 "must be an object of variants and percentages, not a list", "");
    expect_fault(FLAG("    targeting_rules: [on]\n"), "flags.f.targeting_rules[0]",
                 "must be an object, not the text \"on\"", "");
}

static void a_share_of_a_rule_is_one_more_clause(void **state)
{
    (void)state;
    expect_clause(FLAG("    targeting_rules: [{name: N, variant: on, percentage: 12.5}]\n"),
                  "[{\"attribute\":\"key\",\"op\":\"bucketBelow\",\"values\":[12500,\"N\"],"
                  "\"negate\":false}]");
    expect_clause(FLAG("    targeting_rules: [{variant: on, percentage: 0, kind: org, bucket_by: "
                       "team}]\n"),
                  "[{\"contextKind\":\"org\",\"attribute\":\"team\",\"op\":\"bucketBelow\","
                  "\"values\":[0,\"rule-0\"],\"negate\":false}]");
    expect_clause(FLAG("    targeting_rules: [{variant: on, percentage: 100.0}]\n"), "[]");
    expect_fault(FLAG("    targeting_rules: [{variant: on, percentage: 101}]\n"),
                 "flags.f.targeting_rules[0].percentage", "must be between 0 and 100, not 101", "");
}

/* ---- prerequisites ------------------------------------------------------------------------ */

#define TWO(name, more)                                                                            \
    "  " name ": {variants: [{key: on, value: 1}, {key: off, value: 2}], default_variant: on" more \
    "}\n"
#define NEEDS(name, variant) ", prerequisites: [{flag: " name ", variant: " variant "}]"

static void prerequisites_name_variants(void **state)
{
    (void)state;
    json_t *lowered = lower("ffshm: 1\nflags:\n" TWO("a", NEEDS("b", "off")) TWO("b", ""));
    expect_json(at(lowered, "flags", "a", "prerequisites", NULL),
                "[{\"key\":\"b\",\"variation\":1,\"variant\":\"off\"}]");
    json_decref(lowered);
    expect_fault("ffshm: 1\nflags:\n" TWO("a", NEEDS("b", "x")) TWO("b", ""),
                 "flags.a.prerequisites[0].variant", "the flag b has no variant \"x\"",
                 "its variants are on, off");
    expect_fault("ffshm: 1\nflags:\n" TWO("a", NEEDS("b", "1")) TWO("b", ""),
                 "flags.a.prerequisites[0].variant", "must be a text, not the number 1",
                 "put it in quotes");
    expect_fault("ffshm: 1\nflags:\n" TWO("a", ", prerequisites: [{flag: b}]"),
                 "flags.a.prerequisites[0].variant", "is missing",
                 "name the variant that must be served");
}

static const json_t *find_in(void *arg, const char *key)
{
    return json_object_get(arg, key);
}

static void prerequisites_on_other_documents_are_linked_later(void **state)
{
    (void)state;
    json_t *lowered = lower("ffshm: 1\nflags:\n" TWO("a", NEEDS("b", "off")));
    json_t *document = lower("ffshm: 1\nflags:\n" TWO("b", ""));
    json_t *others = json_object_get(document, "flags");
    json_t *flag = at(lowered, "flags", "a", NULL);
    expect_json(at(flag, "prerequisites", NULL),
                "[{\"key\":\"b\",\"variation\":-1,\"variant\":\"off\"}]");
    struct fault fault = {0};
    json_t *nothing = json_object();
    assert_true(native_link(flag, find_in, nothing, &fault));
    assert_int_equal(json_integer_value(at(flag, "prerequisites", "#0", "variation", NULL)), -1);
    assert_true(native_link(flag, find_in, others, &fault));
    assert_int_equal(json_integer_value(at(flag, "prerequisites", "#0", "variation", NULL)), 1);
    (void)json_object_set_new(at(flag, "prerequisites", "#0", NULL), "variant", json_string("x"));
    assert_false(native_link(flag, find_in, others, &fault));
    assert_string_equal(fault.member, "prerequisites[0].variant");
    assert_string_equal(fault.cause, "the flag b has no variant \"x\"");
    json_decref(nothing);
    json_decref(document);
    json_decref(lowered);
}

static void prerequisites_in_a_circle_are_refused_and_named(void **state)
{
    (void)state;
    expect_fault("ffshm: 1\nflags:\n" TWO("a", NEEDS("a", "on")), "flags.a.prerequisites[0].flag",
                 "a flag cannot be its own prerequisite", "");
    expect_fault("ffshm: 1\nflags:\n" TWO("x", NEEDS("a", "on")) TWO("a", NEEDS("b", "on"))
                     TWO("b", NEEDS("c", "on")) TWO("c", NEEDS("a", "on")),
                 "flags.a.prerequisites", "prerequisites form a circle: a -> b -> c -> a",
                 "take one of them out");
    json_t *diamond = lower("ffshm: 1\nflags:\n" TWO(
        "a", ", prerequisites: [{flag: b, variant: on}, {flag: c, variant: on}]")
                                TWO("b", NEEDS("d", "on")) TWO("c", NEEDS("d", "on"))
                                    TWO("d", NEEDS("other", "on")));
    json_decref(diamond);
}

static void a_chain_of_many_flags_is_no_circle(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    char *yaml = malloc((size_t)COUNT * 160 + 64);
    assert_non_null(yaml);
    size_t used = (size_t)sprintf(yaml, "{\"ffshm\":1,\"flags\":{");
    for (int i = 0; i < COUNT; i++) {
        used += (size_t)sprintf(yaml + used,
                                "%s\"f%d\":{\"variants\":[{\"key\":\"a\",\"value\":1}],"
                                "\"default_variant\":\"a\",\"prerequisites\":[{\"flag\":\"f%d\","
                                "\"variant\":\"a\"}]}",
                                i > 0 ? "," : "", i, i + 1);
    }
    (void)sprintf(yaml + used, "}}");
    json_decref(lower(yaml));
    free(yaml);
}

/* ---- schedules ---------------------------------------------------------------------------- */

#define AT(when, set) "{at: \"" when "\", set: {" set "}}"

static void changes_apply_in_the_order_of_their_dates(void **state)
{
    (void)state;
    const char *yaml = FLAG("    schedule: [" AT("2026-03-01T00:00:00Z", "enabled: false") ", " AT(
        "2026-01-01T12:00:00Z",
        "default_variant: off, tags: [x]") ", " AT("2026-02-01T00:00:00+01:00",
                                                   "tags: null, seed: 5") "]\n");
    int64_t next_ms;
    json_t *before = lower_at(yaml, NOON_MS - 1, &next_ms);
    assert_int_equal(next_ms, NOON_MS);
    expect_json(at(before, "flags", "f", "fallthrough", NULL), "{\"variation\":0}");
    json_decref(before);
    json_t *noon = lower_at(yaml, NOON_MS, &next_ms);
    assert_int_equal(next_ms, INT64_C(1769900400000)); /* 2026-01-31T23:00:00Z */
    expect_json(at(noon, "flags", "f", "fallthrough", NULL), "{\"variation\":1}");
    expect_json(at(noon, "flags", "f", "ffshm", "tags", NULL), "[\"x\"]");
    json_decref(noon);
    json_t *february = lower_at(yaml, next_ms, &next_ms);
    assert_int_equal(next_ms, INT64_C(1772323200000)); /* 2026-03-01T00:00:00Z */
    expect_json(at(february, "flags", "f", "ffshm", "tags", NULL), "[]");
    expect_json(at(february, "flags", "f", "on", NULL), "true");
    json_decref(february);
    json_t *march = lower_at(yaml, next_ms, &next_ms);
    assert_int_equal(next_ms, 0);
    expect_json(at(march, "flags", "f", "on", NULL), "false");
    json_decref(march);
}

static void a_date_between_two_milliseconds_has_come_at_the_second(void **state)
{
    (void)state;
    int64_t next_ms;
    const char *yaml =
        FLAG("    schedule: [" AT("2026-01-01T12:00:00.0000001Z", "enabled: false") "]\n");
    json_t *lowered = lower_at(yaml, NOON_MS, &next_ms);
    expect_json(at(lowered, "flags", "f", "on", NULL), "true");
    assert_int_equal(next_ms, NOON_MS + 1);
    json_decref(lowered);
}

static void what_a_schedule_will_bring_is_checked_today(void **state)
{
    (void)state;
    expect_fault(FLAG("    schedule: [" AT("2027-01-01T00:00:00Z", "default_variant: x") "]\n"),
                 "flags.f.schedule[0].set.default_variant", "there is no variant \"x\"",
                 "the variants are on, off");
    expect_fault(FLAG("    schedule: [" AT("2027-01-01T00:00:00Z", "default_variant: null") "]\n"),
                 "flags.f.schedule[0].set.default_variant", "is missing",
                 "name the variant that is served when no rule matches");
    expect_fault(FLAG("    schedule: [" AT("2028-01-01T00:00:00Z", "enabled: true") ", " AT(
                     "2027-01-01T00:00:00Z", "targeting_rules: [{variant: 1}]") "]\n"),
                 "flags.f.schedule[1].set.targeting_rules[0].variant",
                 "must be a text, not the number 1", "put it in quotes");
    expect_fault(FLAG("    schedule: [" AT("2027-01-01T00:00:00Z", "enable: true") "]\n"),
                 "flags.f.schedule[0].set.enable", "there is no such member",
                 "did you mean enabled?");
    expect_fault(FLAG("    schedule: [" AT("2027-01-01T00:00:00Z", "schedule: []") "]\n"),
                 "flags.f.schedule[0].set.schedule", "there is no such member",
                 "known here: name, description, tags, owner, temporary, enabled, variants, "
                 "default_variant, fallback_variant, prerequisites, targets, targeting_rules, "
                 "bucket_by, kind, seed, salt");
    expect_fault(FLAG("    schedule: [" AT("tomorrow", "enabled: true") "]\n"),
                 "flags.f.schedule[0].at", "\"tomorrow\" is not a date",
                 "RFC 3339, with a time zone: 2026-12-01T09:00:00Z");
    expect_fault(FLAG("    schedule: [{set: {}}]\n"), "flags.f.schedule[0].at", "is missing",
                 "a date, as in 2026-12-01T09:00:00Z");
    expect_fault(FLAG("    schedule: [{at: \"2027-01-01T00:00:00Z\"}]\n"),
                 "flags.f.schedule[0].set", "is missing",
                 "the members that change, as in {enabled: true}");
    expect_fault("ffshm: 1\nflags:\n" TWO("a", ", schedule: [{at: \"2027-01-01T00:00:00Z\", set: "
                                               "{prerequisites: [{flag: b, variant: x}]}}]")
                     TWO("b", ""),
                 "flags.a.schedule[0].set.prerequisites[0].variant",
                 "the flag b has no variant \"x\"", "its variants are on, off");
}

static void changes_of_one_moment_are_made_together(void **state)
{
    (void)state;
    /* after the first alone there would be no such default variant */
    json_t *lowered = lower(
        FLAG("    schedule: [" AT("2027-01-01T00:00:00Z", "variants: [{key: a, value: 1}]") ", " AT(
            "2027-01-01T00:00:00Z", "default_variant: a") "]\n"));
    json_decref(lowered);
}

static void a_prerequisite_may_wait_for_a_scheduled_variant(void **state)
{
    (void)state;
    json_t *lowered = lower("ffshm: 1\nflags:\n" TWO("a", NEEDS("b", "new")) TWO(
        "b", ", schedule: [{at: \"2027-01-01T00:00:00Z\", set: {variants: [{key: on, "
             "value: 1}, {key: new, value: 2}]}}]"));
    expect_json(at(lowered, "flags", "a", "prerequisites", NULL),
                "[{\"key\":\"b\",\"variation\":-1}]");
    json_decref(lowered);
}

/* ---- segments ----------------------------------------------------------------------------- */

static void segments_are_lowered_whole(void **state)
{
    (void)state;
    json_t *lowered = lower(
        "ffshm: 1\nsegments:\n  s:\n    name: S\n    included: [a]\n    excluded: [b]\n"
        "    rules:\n      - conditions: [{attribute: x, operator: exists}]\n"
        "        percentage: 12.5\n        bucket_by: /y\n      - name: R\n        conditions: "
        "[{operator: in_segment, value: other}]\n");
    expect_json(
        at(lowered, "segments", "s", NULL),
        "{\"key\":\"s\",\"salt\":\"s\",\"included\":[\"a\"],\"includedContexts\":[],\"excluded\":"
        "[\"b\"],\"excludedContexts\":[],\"rules\":[{\"id\":\"rule-0\",\"clauses\":[{\"attribute\":"
        "\"x\",\"op\":\"exists\",\"values\":[],\"negate\":false}],\"weight\":12500,"
        "\"rolloutContextKind\":\"user\",\"bucketBy\":\"/y\"},{\"id\":\"R\",\"clauses\":[{"
        "\"attribute\":\"\",\"op\":\"segmentMatch\",\"values\":[\"other\"],\"negate\":false}]}],"
        "\"ffshm\":{\"tags\":[],\"autoVersion\":true,\"name\":\"S\"}}");
    json_decref(lowered);
}

static void a_segments_kind_is_that_of_all_in_it(void **state)
{
    (void)state;
    json_t *lowered =
        lower("ffshm: 1\nsegments: {s: {kind: org, included: [a], rules: [{percentage: "
              "50, conditions: [{attribute: x, operator: exists}, {kind: user, "
              "attribute: x, operator: exists}]}]}}");
    json_t *segment = at(lowered, "segments", "s", NULL);
    expect_json(at(segment, "included", NULL), "[]");
    expect_json(at(segment, "includedContexts", NULL),
                "[{\"contextKind\":\"org\",\"values\":[\"a\"]}]");
    expect_json(at(segment, "rules", "#0", "clauses", "#0", "contextKind", NULL), "\"org\"");
    expect_json(at(segment, "rules", "#0", "clauses", "#1", "contextKind", NULL), "\"user\"");
    expect_json(at(segment, "rules", "#0", "rolloutContextKind", NULL), "\"org\"");
    json_decref(lowered);
}

static void segments_in_a_circle_are_refused_and_named(void **state)
{
    (void)state;
    expect_fault("ffshm: 1\nsegments:\n  a: {rules: [{conditions: [{operator: in_segment, value: "
                 "a}]}]}\n",
                 "segments.a.rules[0].conditions[0]", "the segment a refers to itself", "");
    expect_fault("ffshm: 1\nsegments:\n  a: {rules: [{conditions: [{operator: in_segment, value: "
                 "b}]}]}\n  b: {rules: [{conditions: [{operator: not_in_segment, value: [c, "
                 "a]}]}]}\n",
                 "segments.a.rules", "segments refer to each other in a circle: a -> b -> a",
                 "take one of them out");
    expect_fault("ffshm: 1\nsegments: {a: {includes: [x]}}", "segments.a.includes",
                 "there is no such member", "did you mean included?");
    expect_fault("ffshm: 1\nsegments: {a: {included: [1]}}", "segments.a.included[0]",
                 "must be a text, not the number 1", "put it in quotes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_says_its_version_and_has_definitions),
        cmocka_unit_test(a_switch_is_lowered_whole),
        cmocka_unit_test(the_fallback_is_the_default_variant_when_it_is_not_given),
        cmocka_unit_test(values_are_of_any_type),
        cmocka_unit_test(variants_are_checked),
        cmocka_unit_test(unknown_variants_are_refused_with_those_that_there_are),
        cmocka_unit_test(misspelt_members_are_refused_with_the_nearest_name),
        cmocka_unit_test(types_are_checked_and_null_counts_as_not_given),
        cmocka_unit_test(percentages_on_variants_divide_everybody),
        cmocka_unit_test(what_percentages_leave_over_goes_to_the_default_variant),
        cmocka_unit_test(percentages_are_checked),
        cmocka_unit_test(targets_of_users_alone_are_targets),
        cmocka_unit_test(targets_of_other_kinds_keep_their_order),
        cmocka_unit_test(every_operator_is_lowered),
        cmocka_unit_test(an_attribute_is_a_name_unless_it_begins_with_a_slash),
        cmocka_unit_test(conditions_are_checked),
        cmocka_unit_test(a_rule_serves_a_variant_or_a_split),
        cmocka_unit_test(a_share_of_a_rule_is_one_more_clause),
        cmocka_unit_test(prerequisites_name_variants),
        cmocka_unit_test(prerequisites_on_other_documents_are_linked_later),
        cmocka_unit_test(prerequisites_in_a_circle_are_refused_and_named),
        cmocka_unit_test(a_chain_of_many_flags_is_no_circle),
        cmocka_unit_test(changes_apply_in_the_order_of_their_dates),
        cmocka_unit_test(a_date_between_two_milliseconds_has_come_at_the_second),
        cmocka_unit_test(what_a_schedule_will_bring_is_checked_today),
        cmocka_unit_test(changes_of_one_moment_are_made_together),
        cmocka_unit_test(a_prerequisite_may_wait_for_a_scheduled_variant),
        cmocka_unit_test(segments_are_lowered_whole),
        cmocka_unit_test(a_segments_kind_is_that_of_all_in_it),
        cmocka_unit_test(segments_in_a_circle_are_refused_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
