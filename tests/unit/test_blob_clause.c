#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attributes_are_names_or_references),
        TEST(a_path_keeps_its_components_unescaped),
        TEST(values_are_typed_by_the_operator),
        TEST(operands_are_parsed),
        TEST(more_than_eight_strings_are_a_set),
        TEST(a_share_of_the_traffic_is_a_rollout_without_variations),
        TEST(names_are_referred_to_by_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
