/* LaunchDarkly's flags as native definitions: how they look, what is refused, and that whatever
   comes out gives everybody the same for the same reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "catalog/model.h"
#include "catalog/native.h"
#include "catalog/native_raise.h"
#include "ffshm.h"
#include "memory_image.h"

static json_t *parse(const char *text)
{
    struct fault fault = {0};
    json_t *tree = document_parse(text, strlen(text), "f", &fault);
    if (tree == NULL) {
        fail_msg("%s: %s", fault.cause, text);
    }
    return tree;
}

/* Of {"flags": {"f": FLAG}, "segments": {"s": SEGMENT}}: the definition of f, or of s. */
static void expect_of(const char *document, const char *section, const char *key,
                      const char *definition)
{
    struct native_raised raised;
    struct fault fault = {0};
    json_t *tree = parse(document);
    assert_int_equal(native_raise(tree, &raised, &fault), 0);
    if (json_array_size(raised.refused) > 0) {
        fail_msg("%s",
                 json_string_value(json_object_get(json_array_get(raised.refused, 0), "reason")));
    }
    char *got =
        document_dump(json_object_get(json_object_get(raised.document, section), key), NULL);
    assert_string_equal(got, definition);
    free(got);
    native_raised_free(&raised);
    json_decref(tree);
}

#define VARIATIONS "\"variations\": [true, false], \"offVariation\": 1, "

static void expect(const char *members, const char *definition)
{
    char document[2000];
    (void)snprintf(document, sizeof document, "{\"flags\": {\"f\": {%s}}}", members);
    expect_of(document, "flags", "f", definition);
}

static void expect_refused(const char *members, const char *reason)
{
    char document[2000];
    struct native_raised raised;
    struct fault fault = {0};
    (void)snprintf(document, sizeof document, "{\"flags\": {\"f\": {%s}}}", members);
    json_t *tree = parse(document);
    assert_int_equal(native_raise(tree, &raised, &fault), 0);
    const json_t *refused = json_array_get(raised.refused, 0);
    if (refused == NULL) {
        fail_msg("is not refused: %s", members);
    }
    assert_string_equal(json_string_value(json_object_get(refused, "reason")), reason);
    assert_int_equal(json_object_size(json_object_get(raised.document, "flags")), 0);
    native_raised_free(&raised);
    json_decref(tree);
}

#define ON_OFF "\"variants\":[{\"key\":\"on\",\"value\":true},{\"key\":\"off\",\"value\":false}],"

static void what_a_flag_serves(void **state)
{
    (void)state;
    expect("\"on\": true, " VARIATIONS "\"fallthrough\": {\"variation\": 0}",
           "{" ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\"}");
    expect("\"on\": false, " VARIATIONS "\"fallthrough\": {\"variation\": 0}",
           "{\"enabled\":false," ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\"}");
    expect("\"on\": true, \"variations\": [true, false], \"fallthrough\": {\"variation\": 1}",
           "{\"variants\":[{\"key\":\"on\",\"value\":true},{\"key\":\"off\",\"value\":false,"
           "\"percentage\":100}]}");
    expect_of("{\"flagValues\": {\"f\": {\"a\": 1}}}", "flags", "f",
              "{\"variants\":[{\"key\":\"value\",\"value\":{\"a\":1}}],\"default_variant\":"
              "\"value\"}");
}

static void percentages_bring_their_salt(void **state)
{
    (void)state;
    expect(
        "\"on\": true, \"salt\": \"abc\", " VARIATIONS
        "\"fallthrough\": {\"rollout\": {\"variations\": [{\"variation\": 0, \"weight\": 12500}, "
        "{\"variation\": 1, \"weight\": 87500}]}}",
        "{\"variants\":[{\"key\":\"on\",\"value\":true,\"percentage\":12.5},{\"key\":\"off\","
        "\"value\":false}],\"fallback_variant\":\"off\",\"default_variant\":\"off\",\"salt\":"
        "\"abc\"}");
    expect("\"on\": true, \"salt\": \"abc\", " VARIATIONS
           "\"fallthrough\": {\"rollout\": {\"seed\": 61, \"contextKind\": \"org\", \"bucketBy\": "
           "\"/a/b\", \"variations\": [{\"variation\": 1, \"weight\": 10000}, {\"variation\": 0, "
           "\"weight\": 5}]}}",
           "{\"variants\":[{\"key\":\"on\",\"value\":true},{\"key\":\"off\",\"value\":false,"
           "\"percentage\":10}],\"fallback_variant\":\"off\",\"bucket_by\":\"/a/b\",\"kind\":"
           "\"org\",\"default_variant\":\"on\",\"seed\":61}");
    expect("\"on\": true, \"salt\": \"f\", " VARIATIONS
           "\"fallthrough\": {\"rollout\": {\"bucketBy\": \"/a\", \"variations\": [{\"variation\": "
           "0, \"weight\": 1}, {\"variation\": 1, \"weight\": 99999}]}}",
           "{\"variants\":[{\"key\":\"on\",\"value\":true,\"percentage\":0.001},{\"key\":\"off\","
           "\"value\":false}],\"fallback_variant\":\"off\",\"bucket_by\":\"/~1a\","
           "\"default_variant\":\"off\"}");
    expect(
        "\"on\": true, \"salt\": \"abc\", " VARIATIONS
        "\"fallthrough\": {\"rollout\": {\"variations\": [{\"variation\": 0, \"weight\": 100000},"
        " {\"variation\": 1, \"weight\": 0}]}}",
        "{" ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\"}");
}

static void names_are_found_for_variations(void **state)
{
    (void)state;
    expect(
        "\"on\": true, \"variations\": [\"red\", \"a b\"], \"offVariation\": 0, \"fallthrough\": "
        "{\"variation\": 1}",
        "{\"variants\":[{\"key\":\"variation-0\",\"value\":\"red\"},{\"key\":\"variation-1\","
        "\"value\":\"a b\"}],\"fallback_variant\":\"variation-0\",\"default_variant\":"
        "\"variation-1\"}");
    expect(
        "\"on\": true, \"variations\": [\"red\", \"blue\"], \"offVariation\": 0, \"fallthrough\": "
        "{\"variation\": 1}",
        "{\"variants\":[{\"key\":\"red\",\"value\":\"red\"},{\"key\":\"blue\",\"value\":"
        "\"blue\"}],\"fallback_variant\":\"red\",\"default_variant\":\"blue\"}");
    expect(
        "\"on\": true, \"variations\": [1], \"offVariation\": 0, \"fallthrough\": {\"variation\": "
        "0}, \"ffshm\": {\"variants\": [\"one\"], \"tags\": [\"t\"], \"name\": \"N\", "
        "\"temporary\": false}",
        "{\"name\":\"N\",\"tags\":[\"t\"],\"temporary\":false,\"variants\":[{\"key\":\"one\","
        "\"value\":1}],\"fallback_variant\":\"one\",\"default_variant\":\"one\"}");
}

#define RULE(clauses, served)                                                                      \
    "\"on\": true, " VARIATIONS "\"fallthrough\": {\"variation\": 0}, \"rules\": [{\"id\": "       \
    "\"r\", \"clauses\": [" clauses "], " served "}]"
#define RULED(rule)                                                                                \
    "{" ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\",\"targeting_rules\":["     \
    "{\"name\":\"r\"," rule "}]}"

static void rules_and_conditions(void **state)
{
    (void)state;
    expect(
        RULE("{\"attribute\": \"a\", \"op\": \"in\", \"values\": [1, \"x\"]}", "\"variation\": 1"),
        RULED("\"conditions\":[{\"attribute\":\"a\",\"operator\":\"in\",\"value\":[1,\"x\"]}],"
              "\"variant\":\"off\""));
    expect(RULE("{\"contextKind\": \"org\", \"attribute\": \"/a/b\", \"op\": \"in\", \"values\": "
                "[null, true], \"negate\": true}",
                "\"variation\": 1"),
           RULED("\"conditions\":[{\"kind\":\"org\",\"attribute\":\"/a/b\",\"operator\":"
                 "\"not_equals\",\"value\":true}],\"variant\":\"off\""));
    expect(
        RULE("{\"attribute\": \"/a\", \"op\": \"semVerLessThan\", \"values\": [\"2.0\", \"x\", 3, "
             "\"3\"], \"negate\": true}, {\"op\": \"segmentMatch\", \"values\": [\"s\"]}",
             "\"rollout\": {\"variations\": [{\"variation\": 1, \"weight\": 50000}, "
             "{\"variation\": 0, \"weight\": 50000}]}"),
        "{" ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\",\"targeting_rules\":["
        "{\"name\":\"r\",\"conditions\":[{\"attribute\":\"/~1a\",\"operator\":"
        "\"not_semver_less_than\",\"value\":[\"2.0\",\"3\"]},{\"operator\":\"in_segment\","
        "\"value\":\"s\"}],\"percentages\":{\"off\":50,\"on\":50}}],\"salt\":\"\"}");
    expect(RULE("{\"attribute\": \"team\", \"op\": \"bucketBelow\", \"values\": [25000, \"r\"]}",
                "\"variation\": 1"),
           RULED("\"bucket_by\":\"team\",\"percentage\":25,\"conditions\":[],\"variant\":\"off\""));
}

static void targets_in_launchdarklys_order(void **state)
{
    (void)state;
    expect("\"on\": true, " VARIATIONS "\"fallthrough\": {\"variation\": 0}, \"targets\": "
           "[{\"variation\": 1, \"values\": [\"b\"]}, {\"variation\": 0, \"values\": [\"a\"]}], "
           "\"contextTargets\": [{\"contextKind\": \"user\", \"variation\": 0, \"values\": []}, "
           "{\"contextKind\": \"org\", \"variation\": 1, \"values\": [\"o\"]}]",
           "{" ON_OFF "\"fallback_variant\":\"off\",\"default_variant\":\"on\",\"targets\":["
           "{\"variant\":\"on\",\"keys\":[\"a\"]},{\"variant\":\"off\",\"keys\":[\"o\"],\"kind\":"
           "\"org\"}]}");
}

static void segments_are_of_one_kind(void **state)
{
    (void)state;
    expect_of(
        "{\"segments\": {\"s\": {\"included\": [\"a\"], \"salt\": \"x\", \"rules\": [{\"id\": "
        "\"\", \"weight\": 10000, \"bucketBy\": \"b\", \"clauses\": [{\"contextKind\": \"org\", "
        "\"attribute\": \"c\", \"op\": \"exists\", \"values\": []}]}]}}}",
        "segments", "s",
        "{\"included\":[\"a\"],\"rules\":[{\"conditions\":[{\"kind\":\"org\",\"attribute\":"
        "\"c\",\"operator\":\"exists\"}],\"bucket_by\":\"b\",\"percentage\":10}],\"salt\":"
        "\"x\"}");
    expect_of(
        "{\"segments\": {\"s\": {\"excludedContexts\": [{\"contextKind\": \"org\", \"values\": "
        "[\"o\"]}], \"rules\": [{\"clauses\": [{\"attribute\": \"c\", \"op\": \"in\", "
        "\"values\": [1]}]}]}}}",
        "segments", "s",
        "{\"excluded\":[\"o\"],\"kind\":\"org\",\"rules\":[{\"conditions\":[{\"kind\":\"user\","
        "\"attribute\":\"c\",\"operator\":\"equals\",\"value\":1}]}]}");
}

static void what_cannot_be_said_is_refused(void **state)
{
    (void)state;
    expect_refused("\"on\": true", "it has no variations");
    expect_refused("\"on\": true, " VARIATIONS "\"fallthrough\": {\"variation\": 2}",
                   "it names a variation that it does not have");
    expect_refused("\"on\": true, " VARIATIONS "\"fallthrough\": {}",
                   "its fallthrough serves nothing");
    expect_refused("\"on\": true, \"variations\": [1, 2, 3], \"offVariation\": 0, \"fallthrough\": "
                   "{\"rollout\": {\"variations\": [{\"variation\": 2, \"weight\": 10}, "
                   "{\"variation\": 1, \"weight\": 10}, {\"variation\": 0, \"weight\": 10}]}}",
                   "its rollout is in another order than its variations");
    expect_refused("\"on\": true, " VARIATIONS "\"fallthrough\": {\"rollout\": {\"kind\": "
                   "\"experiment\", \"variations\": [{\"variation\": 0, \"weight\": 100000}]}}",
                   "it has an experiment");
    expect_refused(
        RULE("{\"attribute\": \"a\", \"op\": \"likes\", \"values\": [1]}", "\"variation\": 1"),
        "there is no operator \"likes\"");
    expect_refused(RULE("{\"attribute\": \"a\", \"op\": \"lessThan\", \"values\": [\"x\"]}",
                        "\"variation\": 1"),
                   "a clause with lessThan has no value that could match: it never holds");
    expect_refused(
        RULE("{\"attribute\": \"\", \"op\": \"in\", \"values\": [1]}", "\"variation\": 1"),
        "an attribute has no name");
    expect_refused(RULE("{\"contextKind\": \"a b\", \"attribute\": \"x\", \"op\": \"in\", "
                        "\"values\": [1]}",
                        "\"variation\": 1"),
                   "\"a b\" is no context kind");
    expect_refused("\"on\": true, " VARIATIONS "\"fallthrough\": {\"variation\": 0}, "
                   "\"prerequisites\": [{\"key\": \"f\", \"variation\": 0}]",
                   "it is its own prerequisite");
}

static void what_is_no_such_document_is_a_fault(void **state)
{
    (void)state;
    static const char *const documents[] = {"{}", "{\"flags\": []}",
                                            "{\"ffshm\": 1, \"flags\": {}}", "{\"items\": []}"};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct native_raised raised;
        struct fault fault = {0};
        json_t *tree = parse(documents[i]);
        assert_int_equal(native_raise(tree, &raised, &fault), -1);
        assert_true(fault.cause[0] != '\0');
        native_raised_free(&raised);
        json_decref(tree);
    }
}

static void what_gets_lost_is_noted(void **state)
{
    (void)state;
    struct native_raised raised;
    struct fault fault = {0};
    json_t *tree =
        parse("{\"flags\": {\"f\": {\"on\": true, \"variations\": [1], \"offVariation\": 0,"
              "\"fallthrough\": {\"variation\": 0}, \"rules\": [{\"trackEvents\": true, "
              "\"variation\": 0}], \"samplingRatio\": 5, \"clientSideAvailability\": "
              "{\"usingEnvironmentId\": true}}, \"g\": {\"on\": true, \"variations\": "
              "[1], \"offVariation\": 0, \"fallthrough\": {\"variation\": 0}, "
              "\"samplingRatio\": 1, \"trackEvents\": false, \"debugEventsUntilDate\": "
              "null, \"clientSideAvailability\": {\"usingMobileKey\": true, "
              "\"usingEnvironmentId\": false}}}}");
    assert_int_equal(native_raise(tree, &raised, &fault), 0);
    assert_int_equal(json_array_size(raised.noted), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(raised.noted, 0), "note")),
                        "event tracking, event sampling, that browsers may see it");
    native_raised_free(&raised);
    json_decref(tree);
}

/* ---- the same for everybody ----------------------------------------------------------------- */

struct items {
    struct model_item *at[400];
    size_t count;
};

static void add_item(struct items *items, enum image_blob_kind kind, const char *key, json_t *json)
{
    struct fault fault = {0};
    struct model_item *item = model_parse(kind, key, json, "test", &fault);
    if (item == NULL) {
        fail_msg("%s: %s: %s", key, fault.member, fault.cause);
    }
    assert_true(items->count < 400);
    items->at[items->count++] = item;
}

static void add_section(struct items *items, enum image_blob_kind kind, json_t *section)
{
    const char *key;
    json_t *item;
    json_object_foreach(section, key, item)
    {
        add_item(items, kind, key, item);
    }
}

/* What came out of the data, lowered; the rest as it is. */
static void add_raised(struct items *items, json_t *data, json_t *flags, size_t *raised_count)
{
    struct native_raised raised;
    struct fault fault = {0};
    int64_t next_ms;
    size_t i;
    json_t *refused;
    if (native_raise(data, &raised, &fault) != 0) {
        fail_msg("%s", fault.cause);
    }
    json_t *lowered = native_lower(raised.document, 0, &next_ms, &fault);
    if (lowered == NULL) {
        char *text = document_dump(raised.document, NULL);
        fail_msg("%s: %s: %s", fault.member, fault.cause, text);
    }
    add_section(items, IMAGE_FLAG, json_object_get(lowered, "flags"));
    add_section(items, IMAGE_SEGMENT, json_object_get(lowered, "segments"));
    *raised_count += json_object_size(json_object_get(lowered, "flags"));
    json_array_foreach(raised.refused, i, refused)
    {
        const char *kind = json_string_value(json_object_get(refused, "kind"));
        const char *key = json_string_value(json_object_get(refused, "key"));
        json_t *section = *kind == 'f' ? flags : json_object_get(data, "segments");
        add_item(items, *kind == 'f' ? IMAGE_FLAG : IMAGE_SEGMENT, key,
                 json_object_get(section, key));
    }
    json_decref(lowered);
    native_raised_free(&raised);
}

static void free_items(struct items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        model_free(items->at[i]);
    }
}

struct answer {
    char value[2000];
    struct ffshm_detail detail;
};

static void ask(struct ffshm *ff, const char *flag, const struct ffshm_context *c,
                struct answer *out)
{
    ffshm_json_detail(ff, flag, c, "\"the fallback\"", out->value, sizeof out->value, &out->detail);
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
    const struct ffshm_detail *x = &a->detail;
    const struct ffshm_detail *y = &b->detail;
    return strcmp(a->value, b->value) == 0 && x->variation == y->variation &&
           x->reason == y->reason && x->rule_index == y->rule_index && x->error == y->error &&
           strcmp(x->prerequisite_key, y->prerequisite_key) == 0 &&
           (x->rule_id[0] == '\0' || strcmp(x->rule_id, y->rule_id) == 0);
}

static void compare_flag(struct ffshm *before, struct ffshm *after, const char *flag,
                         const struct ffshm_context *c, const json_t *data)
{
    struct answer was;
    struct answer is;
    ask(before, flag, c, &was);
    ask(after, flag, c, &is);
    if (!same_answer(&was, &is)) {
        char *text = document_dump(json_object_get(json_object_get(data, "flags"), flag), NULL);
        fail_msg("%s: was %s (%d, %s %d %s), is %s (%d, %s %d %s): %s", flag, was.value,
                 was.detail.variation, ffshm_reason_name(was.detail.reason), was.detail.rule_index,
                 was.detail.rule_id, is.value, is.detail.variation,
                 ffshm_reason_name(is.detail.reason), is.detail.rule_index, is.detail.rule_id,
                 text);
    }
}

#define KEYS 60

/* Many users, some with an organisation. */
static void compare_many(struct ffshm *before, struct ffshm *after, const char *flag,
                         const json_t *data)
{
    size_t count;
    const struct ffshm_context *contexts = memory_image_contexts(&count);
    for (size_t i = 0; i < count; i++) {
        compare_flag(before, after, flag, &contexts[i], data);
    }
    for (int i = 0; i < KEYS; i++) {
        static const char *const countries[] = {"US", "CA", "", "x"};
        struct ffshm_context c;
        char key[16];
        (void)snprintf(key, sizeof key, "u%d", i);
        ffshm_context_init(&c, "user", key);
        ffshm_context_string(&c, "country", countries[i % 4]);
        ffshm_context_number(&c, "age", i / 2.0);
        if (i % 3 == 0) {
            ffshm_context_string(&c, "team", i % 2 == 0 ? "red" : "blue");
            ffshm_context_string(&c, "version", i % 2 == 0 ? "2.1.0" : "no");
        }
        compare_flag(before, after, flag, &c, data);
    }
}

static void compare_case(struct ffshm *before, struct ffshm *after, const json_t *test,
                         const json_t *data)
{
    char *text = json_dumps(json_object_get(test, "context"), JSON_COMPACT);
    const char *flag = json_string_value(json_object_get(test, "flagKey"));
    struct ffshm_context c;
    char scratch[4000];
    if (text != NULL && ffshm_context_parse(&c, text, strlen(text), scratch, sizeof scratch) == 0) {
        compare_flag(before, after, flag, &c, data);
    }
    free(text);
}

struct tally {
    size_t flags, raised, cases;
};

/* All flags of the data before and after, for the contexts of its cases and others. */
static void compare_data(json_t *data, const json_t *tests, struct tally *tally)
{
    struct items original = {.count = 0};
    struct items other = {.count = 0};
    struct memory_image before;
    struct memory_image after;
    struct fault fault = {0};
    const char *key;
    json_t *flag;
    size_t i;
    const json_t *test;
    json_t *flags = json_object_get(data, "flags");
    add_section(&original, IMAGE_FLAG, flags);
    add_section(&original, IMAGE_SEGMENT, json_object_get(data, "segments"));
    add_raised(&other, data, flags, &tally->raised);
    assert_true(memory_image_make(original.at, original.count, &before, &fault));
    assert_true(memory_image_make(other.at, other.count, &after, &fault));
    json_object_foreach(flags, key, flag)
    {
        compare_many(before.store, after.store, key, data);
        tally->flags++;
    }
    json_array_foreach(tests, i, test)
    {
        compare_case(before.store, after.store, test, data);
        tally->cases++;
    }
    memory_image_free(&before);
    memory_image_free(&after);
    free_items(&original);
    free_items(&other);
}

static void compare_file(const char *path, struct tally *tally)
{
    size_t i;
    json_t *group;
    json_t *groups = json_load_file(path, JSON_ALLOW_NUL, NULL);
    assert_non_null(groups);
    json_array_foreach(groups, i, group)
    {
        compare_data(json_object_get(group, "data"), json_object_get(group, "cases"), tally);
    }
    json_decref(groups);
}

static void everybody_gets_the_same_in_all_cases(void **state)
{
    (void)state;
    struct tally tally = {0, 0, 0};
    DIR *folder = opendir(FFSHM_SOURCE_DIR "/tests/data/cases");
    assert_non_null(folder);
    for (const struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        char path[600];
        if (strstr(e->d_name, ".json") != NULL) {
            (void)snprintf(path, sizeof path, FFSHM_SOURCE_DIR "/tests/data/cases/%s", e->d_name);
            compare_file(path, &tally);
        }
    }
    closedir(folder);
    printf("%zu flags, %zu of them came out, %zu cases\n", tally.flags, tally.raised, tally.cases);
    assert_true(tally.raised > 100 && tally.cases > 300);
}

static json_t *lowered(json_t *document)
{
    struct fault fault = {0};
    int64_t next_ms;
    json_t *tree = native_lower(document, INT64_MAX, &next_ms, &fault);
    if (tree == NULL) {
        fail_msg("%s: %s", fault.member, fault.cause);
    }
    return tree;
}

static void what_was_lowered_comes_back_the_same(void **state)
{
    (void)state;
    static char text[100000];
    struct native_raised raised;
    struct fault fault = {0};
    FILE *file = fopen(FFSHM_SOURCE_DIR "/examples/flags.yaml", "re");
    assert_non_null(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    json_t *document = document_parse(text, length, "f", &fault);
    json_t *once = lowered(document);
    assert_int_equal(native_raise(once, &raised, &fault), 0);
    assert_int_equal(json_array_size(raised.refused), 0);
    json_t *twice = lowered(raised.document);
    if (!json_equal(once, twice)) {
        fail_msg("was %s\nis %s", json_dumps(once, 0), json_dumps(twice, 0));
    }
    json_decref(once);
    json_decref(twice);
    json_decref(document);
    native_raised_free(&raised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_lowered_comes_back_the_same),
        cmocka_unit_test(what_a_flag_serves),
        cmocka_unit_test(percentages_bring_their_salt),
        cmocka_unit_test(names_are_found_for_variations),
        cmocka_unit_test(rules_and_conditions),
        cmocka_unit_test(targets_in_launchdarklys_order),
        cmocka_unit_test(segments_are_of_one_kind),
        cmocka_unit_test(what_cannot_be_said_is_refused),
        cmocka_unit_test(what_is_no_such_document_is_a_fault),
        cmocka_unit_test(what_gets_lost_is_noted),
        cmocka_unit_test(everybody_gets_the_same_in_all_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
