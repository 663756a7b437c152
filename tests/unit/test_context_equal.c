/* When are two contexts the same? And a context as JSON, as programs ask for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ffshm.h"

struct parsed {
    struct ffshm_context c;
    char scratch[65536];
};

static struct parsed one;
static struct parsed two;

static void parse(struct parsed *p, const char *json)
{
    if (ffshm_context_parse(&p->c, json, strlen(json), p->scratch, sizeof p->scratch) != FFSHM_OK) {
        fail_msg("not a context: %s", json);
    }
}

static bool same(const char *a, const char *b)
{
    parse(&one, a);
    parse(&two, b);
    const bool equal = ffshm_context_equal(&one.c, &two.c);
    assert_int_equal(ffshm_context_equal(&two.c, &one.c), equal);
    assert_true(ffshm_context_equal(&one.c, &one.c));
    return equal;
}

/* Users with these members. */
static bool same_members(const char *a, const char *b)
{
    char x[2048];
    char y[2048];
    (void)snprintf(x, sizeof x, "{\"kind\":\"user\",\"key\":\"k\",%s}", a);
    (void)snprintf(y, sizeof y, "{\"kind\":\"user\",\"key\":\"k\",%s}", b);
    return same(x, y);
}

static void kinds_keys_names_and_anonymity_matter(void **state)
{
    (void)state;
    assert_true(same("{\"kind\":\"user\",\"key\":\"k\"}", "{\"key\":\"k\"}"));
    assert_false(same("{\"kind\":\"user\",\"key\":\"k\"}", "{\"kind\":\"org\",\"key\":\"k\"}"));
    assert_false(same("{\"kind\":\"user\",\"key\":\"k\"}", "{\"kind\":\"user\",\"key\":\"kk\"}"));
    assert_true(same_members("\"name\":\"n\"", "\"name\":\"\\u006e\""));
    assert_false(same_members("\"name\":\"n\"", "\"name\":\"m\""));
    assert_false(same_members("\"name\":\"\"", "\"name\":null"));
    assert_false(same_members("\"anonymous\":true", "\"anonymous\":false"));
    assert_true(same_members("\"anonymous\":false", "\"name\":null"));
}

static void the_order_of_attributes_and_kinds_does_not_matter(void **state)
{
    (void)state;
    assert_true(same_members("\"a\":1,\"b\":\"x\",\"c\":true", "\"c\":true,\"a\":1,\"b\":\"x\""));
    static const char ab[] = "{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"a\":1},"
                             "\"org\":{\"key\":\"o\",\"a\":2}}";
    static const char ba[] = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":2},"
                             "\"user\":{\"key\":\"u\",\"a\":1}}";
    static const char crossed[] = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1},"
                                  "\"user\":{\"key\":\"u\",\"a\":2}}";
    static const char more[] = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":2},"
                               "\"user\":{\"key\":\"u\",\"a\":1},\"device\":{\"key\":\"d\"}}";
    assert_true(same(ab, ba));
    assert_false(same(ab, crossed));
    assert_false(same(ab, more));
    assert_true(
        same("{\"kind\":\"multi\",\"user\":{\"key\":\"u\"}}", "{\"kind\":\"user\",\"key\":\"u\"}"));
}

static void attributes_are_compared_by_type_and_value(void **state)
{
    (void)state;
    assert_true(same_members("\"a\":1", "\"a\":1.0"));
    assert_true(same_members("\"a\":100", "\"a\":1e2"));
    assert_false(same_members("\"a\":1", "\"a\":2"));
    assert_false(same_members("\"a\":1", "\"a\":\"1\""));
    assert_false(same_members("\"a\":1", "\"a\":true"));
    assert_false(same_members("\"a\":0", "\"a\":false"));
    assert_false(same_members("\"a\":1", "\"b\":1"));
    assert_false(same_members("\"a\":1", "\"a\":1,\"b\":1"));
    assert_false(same_members("\"a\":\"x\"", "\"a\":\"xy\""));
    assert_true(same_members("\"a\":null,\"b\":1", "\"b\":1"));
    assert_false(same_members("\"a\":[]", "\"a\":{}"));
}

static void the_order_of_arrays_matters(void **state)
{
    (void)state;
    assert_true(same_members("\"a\":[1, 2]", "\"a\":[1.0,2]"));
    assert_false(same_members("\"a\":[1,2]", "\"a\":[2,1]"));
    assert_false(same_members("\"a\":[1,2]", "\"a\":[1,2,3]"));
    assert_false(same_members("\"a\":[null]", "\"a\":[]"));
    assert_false(same_members("\"a\":[null]", "\"a\":[false]"));
}

static void objects_are_compared_whatever_their_order(void **state)
{
    (void)state;
    assert_true(same_members("\"a\":{\"x\":[{\"y\":1,\"z\":2}],\"w\":null}",
                             "\"a\":{\"w\":null,\"x\":[{\"z\":2.0,\"y\":1}]}"));
    assert_false(same_members("\"a\":{\"x\":1,\"y\":2}", "\"a\":{\"x\":1}"));
    assert_false(same_members("\"a\":{\"x\":1}", "\"a\":{\"x\":1,\"y\":2}"));
    assert_false(same_members("\"a\":{\"x\":1,\"y\":2}", "\"a\":{\"y\":1,\"x\":2}"));
    assert_false(same_members("\"a\":{\"x\":1,\"y\":2}", "\"a\":{\"x\":1,\"z\":2}"));
    assert_false(same_members("\"a\":{\"x\":null}", "\"a\":{\"y\":null}"));
}

static void strings_are_compared_by_their_characters(void **state)
{
    (void)state;
    assert_true(
        same_members("\"a\":{\"\\u0078\":\"\\u00e9\\n\"}", "\"a\":{\"x\":\"\xc3\xa9\\u000A\"}"));
    assert_true(same_members("\"a\":[\"\\/\\/\"]", "\"a\":[\"//\"]"));
    assert_false(same_members("\"a\":[\"\\\\/\"]", "\"a\":[\"\\/\"]"));
    assert_false(same_members("\"a\":[\"a\"]", "\"a\":[\"b\"]"));
}

static void the_last_member_of_a_name_counts(void **state)
{
    (void)state;
    assert_true(same_members("\"a\":{\"x\":1,\"x\":2}", "\"a\":{\"x\":2}"));
    assert_true(same_members("\"a\":{\"x\":1,\"x\":2}", "\"a\":{\"x\":3,\"x\":2}"));
    assert_false(same_members("\"a\":{\"x\":1,\"x\":2}", "\"a\":{\"x\":1}"));
    assert_false(same_members("\"a\":{\"x\":1,\"x\":2}", "\"a\":{\"x\":2,\"x\":1}"));
}

static void a_list_of_strings_is_an_array_of_strings(void **state)
{
    (void)state;
    static const char *const list[] = {"a", NULL, "\xc3\xa9"};
    static const char *const other[] = {"a", NULL, "b"};
    struct ffshm_context a;
    struct ffshm_context b;
    ffshm_context_init(&a, NULL, "k");
    ffshm_context_init(&b, NULL, "k");
    assert_int_equal(ffshm_context_strings(&a, "l", list, 3), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&b, "l", "[\"a\", null, \"\\u00E9\"]"), FFSHM_OK);
    assert_true(ffshm_context_equal(&a, &b));
    assert_true(ffshm_context_equal(&b, &a));
    assert_int_equal(ffshm_context_json(&b, "l", "[\"a\",null]"), FFSHM_OK);
    assert_false(ffshm_context_equal(&a, &b));
    assert_int_equal(ffshm_context_json(&b, "l", "[\"a\",null,\"b\",\"c\"]"), FFSHM_OK);
    assert_false(ffshm_context_equal(&a, &b));
    assert_int_equal(ffshm_context_json(&b, "l", "{}"), FFSHM_OK);
    assert_false(ffshm_context_equal(&b, &a));
    assert_int_equal(ffshm_context_strings(&b, "l", other, 3), FFSHM_OK);
    assert_false(ffshm_context_equal(&a, &b));
    assert_int_equal(ffshm_context_strings(&b, "l", other, 2), FFSHM_OK);
    assert_false(ffshm_context_equal(&a, &b));
    assert_true(ffshm_context_equal(&a, &a));
}

static bool same_private(const char *a, const char *b)
{
    char x[256];
    char y[256];
    (void)snprintf(x, sizeof x, "\"_meta\":{\"privateAttributes\":[%s]}", a);
    (void)snprintf(y, sizeof y, "\"_meta\":{\"privateAttributes\":[%s]}", b);
    return same_members(x, y);
}

static void private_references_are_a_set_of_what_they_name(void **state)
{
    (void)state;
    assert_true(same_private("\"a\",\"/b/c\"", "\"/b/c\",\"a\""));
    assert_true(same_private("\"a\",\"a\"", "\"a\""));
    assert_true(same_private("\"a\"", "\"/a\""));
    assert_true(same_private("\"/a~1b\"", "\"a/b\""));
    assert_true(same_private("\"/a~0b\"", "\"a~b\""));
    assert_false(same_private("\"/a/b\"", "\"a/b\""));
    assert_false(same_private("\"/a/b\"", "\"/a~1b\""));
    assert_false(same_private("\"a~1b\"", "\"/a~1b\""));
    assert_false(same_private("\"a\"", "\"a\",\"b\""));
    assert_false(same_private("\"a\"", ""));
    assert_false(same_private("\"/a/b\"", "\"/a\""));
    assert_true(same("{\"key\":\"k\",\"privateAttributeNames\":[\"/address/street\"]}",
                     "{\"kind\":\"user\",\"key\":\"k\",\"_meta\":{\"privateAttributes\":"
                     "[\"/~1address~1street\"]}}"));
    /* what is private to one kind is not to another */
    assert_false(same("{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"_meta\":{\"privateAttributes\""
                      ":[\"a\"]}},\"org\":{\"key\":\"o\"}}",
                      "{\"kind\":\"multi\",\"user\":{\"key\":\"u\"},\"org\":{\"key\":\"o\","
                      "\"_meta\":{\"privateAttributes\":[\"a\"]}}}"));
}

static void an_invalid_context_equals_none(void **state)
{
    (void)state;
    struct ffshm_context a;
    struct ffshm_context b;
    ffshm_context_init(&a, NULL, "");
    ffshm_context_init(&b, NULL, "k");
    assert_false(ffshm_context_equal(&a, &a));
    assert_false(ffshm_context_equal(&a, &b));
    assert_false(ffshm_context_equal(&b, NULL));
    assert_false(ffshm_context_equal(NULL, NULL));
    assert_true(ffshm_context_equal(&b, &b));
    assert_true(same("{\"key\":\"\"}", "{\"key\":\"\"}"));
}

/* Nested as deep as JSON may be, different at the bottom, in members that are twice there: were
   pairs compared more than once a level, this would not end. */
static void depth_does_not_multiply_the_work(void **state)
{
    (void)state;
    enum { DEPTH = 60 };
    static char a[4096];
    static char b[4096];
    char *x = a + sprintf(a, "{\"key\":\"k\",\"custom\":{\"a\":");
    char *y = b + sprintf(b, "{\"key\":\"k\",\"custom\":{\"a\":");
    for (unsigned i = 0; i < DEPTH; i++) {
        x += sprintf(x, "{\"p\":0,\"q\":");
        y += sprintf(y, i % 2 ? "{\"p\":0,\"q\":" : "{\"q\":");
    }
    x += sprintf(x, "1");
    y += sprintf(y, "2");
    for (unsigned i = DEPTH; i-- > 0;) {
        x += sprintf(x, "}");
        y += sprintf(y, i % 2 ? "}" : ",\"p\":0}");
    }
    (void)sprintf(x, "}}");
    (void)sprintf(y, "}}");
    assert_false(same(a, b));
}

static void a_context_is_told_as_json(void **state)
{
    (void)state;
    char buffer[256];
    static const char json[] = "{\"kind\":\"org\",\"key\":\"o\",\"name\":\"N\",\"anonymous\":true,"
                               "\"a\":1.5,\"_meta\":{\"privateAttributes\":[\"a\"]}}";
    parse(&one, json);
    assert_int_equal(ffshm_context_to_json(&one.c, buffer, sizeof buffer), sizeof json - 1);
    assert_string_equal(buffer, json);
    assert_int_equal(ffshm_context_to_json(&one.c, NULL, 0), sizeof json - 1);
    assert_int_equal(ffshm_context_to_json(&one.c, buffer, 8), sizeof json - 1);
    assert_string_equal(buffer, "{\"kind\"");
    struct ffshm_context bad;
    ffshm_context_init(&bad, "no good", "k");
    assert_int_equal(ffshm_context_to_json(&bad, buffer, sizeof buffer), 0);
    assert_string_equal(buffer, "");
    assert_int_equal(ffshm_context_to_json(NULL, buffer, sizeof buffer), 0);
    assert_int_equal(ffshm_context_parse(&bad, "{", 1, NULL, 0), FFSHM_BAD_JSON);
    assert_int_equal(ffshm_context_to_json(&bad, buffer, sizeof buffer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_keys_names_and_anonymity_matter),
        cmocka_unit_test(the_order_of_attributes_and_kinds_does_not_matter),
        cmocka_unit_test(attributes_are_compared_by_type_and_value),
        cmocka_unit_test(the_order_of_arrays_matters),
        cmocka_unit_test(objects_are_compared_whatever_their_order),
        cmocka_unit_test(strings_are_compared_by_their_characters),
        cmocka_unit_test(the_last_member_of_a_name_counts),
        cmocka_unit_test(a_list_of_strings_is_an_array_of_strings),
        cmocka_unit_test(private_references_are_a_set_of_what_they_name),
        cmocka_unit_test(an_invalid_context_equals_none),
        cmocka_unit_test(depth_does_not_multiply_the_work),
        cmocka_unit_test(a_context_is_told_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
