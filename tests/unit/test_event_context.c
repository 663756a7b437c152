/* Contexts as events show them: what is private is left out and told, in every form that it can be
   declared in; and the key that tells contexts apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/event_context.h"

struct redaction_case {
    const char *context;
    const char *global[5]; /* references, NULL at the end */
    bool all_private;
    enum event_context_rule rule;
    const char *shown; /* NULL: nothing is left */
};

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *const value = json_loads(text, 0, &error);
    if (!value) {
        fail_msg("%s: %s", error.text, text);
    }
    return value;
}

static void check(const struct redaction_case *c)
{
    struct event_privacy privacy = {.all_private = c->all_private};
    for (size_t i = 0; c->global[i]; i++) {
        assert_int_equal(event_references_add(&privacy.references, c->global[i]), 0);
    }
    json_t *const context = parse(c->context);
    char *const before = json_dumps(context, JSON_COMPACT);
    json_t *shown;
    assert_true(event_context_valid(context));
    assert_int_equal(event_context_format(&privacy, context, c->rule, &shown), 0);
    char *const text = shown ? json_dumps(shown, JSON_COMPACT) : NULL;
    if (c->shown) {
        assert_non_null(text);
        assert_string_equal(text, c->shown);
    } else {
        assert_null(text);
    }
    char *const after = json_dumps(context, JSON_COMPACT);
    assert_string_equal(after, before); /* the caller's context is as it was */
    free(text);
    free(before);
    free(after);
    json_decref(shown);
    json_decref(context);
    event_references_free(&privacy.references);
}

#define CHECK(...) check(&(const struct redaction_case){__VA_ARGS__})

static void nothing_private_is_shown_whole(void **state)
{
    (void)state;
    CHECK(.context = "{\"kind\":\"org\",\"key\":\"k\",\"name\":\"a\",\"b\":[1,2.5,null],\"c\":{}}",
          .shown = "{\"kind\":\"org\",\"key\":\"k\",\"name\":\"a\",\"b\":[1,2.5,null],\"c\":{}}");
    CHECK(.context = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"a\":null}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true}");
    CHECK(.context = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":false}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\"}");
    CHECK(.context = "{\"kind\":\"user\",\"key\":\"k\",\"_meta\":{\"privateAttributes\":[]}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\"}");
}

static void multi_kind_contexts_keep_their_form(void **state)
{
    (void)state;
    CHECK(.context =
              "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1},\"user\":{\"key\":\"u\"}}",
          .shown = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1},\"user\":{\"key\":\"u\"}}");
    CHECK(.context = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1}}",
          .shown = "{\"kind\":\"org\",\"key\":\"o\",\"a\":1}");
}

static void all_attributes_private_leaves_what_identifies(void **state)
{
    (void)state;
    CHECK(.all_private = true,
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"name\":\"a\","
                     "\"b\":\"c\",\"/ssn\":1,\"a~b/c\":2}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"_meta\":"
                   "{\"redactedAttributes\":[\"name\",\"b\",\"/~1ssn\",\"a~b/c\"]}}");
}

static void private_by_configuration_and_by_the_context(void **state)
{
    (void)state;
    CHECK(.global = {"name"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"name\":\"a\",\"b\":\"c\",\"d\":\"e\","
                     "\"_meta\":{\"privateAttributes\":[\"b\",\"name\",\"missing\"]}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"d\":\"e\",\"_meta\":"
                   "{\"redactedAttributes\":[\"name\",\"b\"]}}");
    CHECK(.global = {"/name", "key", "/kind", "anonymous"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"name\":\"a\"}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"anonymous\":true,\"_meta\":"
                   "{\"redactedAttributes\":[\"name\"]}}");
}

static void a_name_like_a_reference_is_told_escaped(void **state)
{
    (void)state;
    CHECK(.global = {"/~1a~0b"}, .context = "{\"kind\":\"user\",\"key\":\"k\",\"/a~b\":1,\"a\":2}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":2,\"_meta\":"
                   "{\"redactedAttributes\":[\"/~1a~0b\"]}}");
    /* Without the slash at its beginning it is a name, whatever else is in it. */
    CHECK(.global = {"a/b", "c~0"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"a/b\":1,\"c~0\":2,\"c~\":3}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"c~\":3,\"_meta\":"
                   "{\"redactedAttributes\":[\"a/b\",\"c~0\"]}}");
}

static void references_that_are_not_well_formed_name_nothing(void **state)
{
    (void)state;
    CHECK(.global = {"", "/", "//a"}, .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"\":1}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"\":1}}");
    CHECK(.global = {"/a/", "/a~2", "/a~"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"\":1},\"a~2\":1,\"a~\":1}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"\":1},\"a~2\":1,\"a~\":1}");
}

static void nested_members_are_taken_out_alone(void **state)
{
    (void)state;
    CHECK(.global = {"/c/prop2/sub1"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"b\":{\"prop1\":true,\"prop2\":3},"
                     "\"c\":{\"prop1\":{\"sub1\":true},\"prop2\":{\"sub1\":4,\"sub2\":5}},"
                     "\"_meta\":{\"privateAttributes\":[\"/b/prop1\"]}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"b\":{\"prop2\":3},"
                   "\"c\":{\"prop1\":{\"sub1\":true},\"prop2\":{\"sub2\":5}},\"_meta\":"
                   "{\"redactedAttributes\":[\"/b/prop1\",\"/c/prop2/sub1\"]}}");
    CHECK(.global = {"/a/x~1y"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"x/y\":1,\"z\":2}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"z\":2},\"_meta\":"
                   "{\"redactedAttributes\":[\"/a/x~1y\"]}}");
}

static void what_went_with_its_parent_is_not_told_again(void **state)
{
    (void)state;
    CHECK(.global = {"/a/b/c", "/a/b", "/a/b"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"b\":{\"c\":1},\"d\":2},"
                     "\"_meta\":{\"privateAttributes\":[\"/a/b\"]}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"d\":2},\"_meta\":"
                   "{\"redactedAttributes\":[\"/a/b\"]}}");
    CHECK(.global = {"/a/b", "a"}, .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":{\"b\":1}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"_meta\":{\"redactedAttributes\":[\"a\"]}}");
}

static void what_a_reference_does_not_reach_is_not_told(void **state)
{
    (void)state;
    CHECK(.global = {"/a/0", "/b/x", "/c/x/y"},
          .context = "{\"kind\":\"user\",\"key\":\"k\",\"a\":[1],\"b\":\"x\",\"c\":{\"x\":1}}",
          .shown = "{\"kind\":\"user\",\"key\":\"k\",\"a\":[1],\"b\":\"x\",\"c\":{\"x\":1}}");
}

static void one_kinds_private_attributes_are_not_anothers(void **state)
{
    (void)state;
    CHECK(.global = {"g"},
          .context = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"s\":1,\"g\":2,\"v\":3,"
                     "\"_meta\":{\"privateAttributes\":[\"s\"]}},"
                     "\"user\":{\"key\":\"u\",\"s\":1,\"g\":2,\"v\":3}}",
          .shown = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"v\":3,\"_meta\":"
                   "{\"redactedAttributes\":[\"s\",\"g\"]}},"
                   "\"user\":{\"key\":\"u\",\"s\":1,\"v\":3,\"_meta\":"
                   "{\"redactedAttributes\":[\"g\"]}}}");
}

static void anonymous_parts_are_redacted_alone(void **state)
{
    (void)state;
    CHECK(.rule = EVENT_CONTEXT_REDACT_ANONYMOUS,
          .context = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1},"
                     "\"user\":{\"key\":\"u\",\"anonymous\":true,\"name\":\"n\",\"a\":{\"b\":1}}}",
          .shown = "{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"a\":1},"
                   "\"user\":{\"key\":\"u\",\"anonymous\":true,\"_meta\":"
                   "{\"redactedAttributes\":[\"name\",\"a\"]}}}");
    CHECK(.rule = EVENT_CONTEXT_REDACT_ANONYMOUS,
          .context = "{\"kind\":\"user\",\"key\":\"u\",\"anonymous\":false,\"a\":1}",
          .shown = "{\"kind\":\"user\",\"key\":\"u\",\"a\":1}");
}

static void anonymous_parts_are_left_out(void **state)
{
    (void)state;
    CHECK(.rule = EVENT_CONTEXT_OMIT_ANONYMOUS,
          .context = "{\"kind\":\"user\",\"key\":\"u\",\"anonymous\":true}", .shown = NULL);
    CHECK(.rule = EVENT_CONTEXT_OMIT_ANONYMOUS,
          .context = "{\"kind\":\"multi\",\"a\":{\"key\":\"1\",\"anonymous\":true},"
                     "\"b\":{\"key\":\"2\"},\"c\":{\"key\":\"3\"}}",
          .shown = "{\"kind\":\"multi\",\"b\":{\"key\":\"2\"},\"c\":{\"key\":\"3\"}}");
    CHECK(.rule = EVENT_CONTEXT_OMIT_ANONYMOUS,
          .context = "{\"kind\":\"multi\",\"a\":{\"key\":\"1\",\"anonymous\":true},"
                     "\"b\":{\"key\":\"2\",\"x\":1}}",
          .shown = "{\"kind\":\"b\",\"key\":\"2\",\"x\":1}");
    CHECK(.rule = EVENT_CONTEXT_OMIT_ANONYMOUS,
          .context = "{\"kind\":\"multi\",\"a\":{\"key\":\"1\",\"anonymous\":true},"
                     "\"b\":{\"key\":\"2\",\"anonymous\":true}}",
          .shown = NULL);
}

static void what_is_no_context_is_told_apart(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "1",
        "{\"key\":\"k\"}",
        "{\"kind\":1,\"key\":\"k\"}",
        "{\"kind\":\"user\"}",
        "{\"kind\":\"user\",\"key\":1}",
        "{\"kind\":\"multi\"}",
        "{\"kind\":\"multi\",\"user\":1}",
        "{\"kind\":\"multi\",\"user\":{\"key\":\"u\"},\"org\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *const context = json_loads(bad[i], JSON_DECODE_ANY, NULL);
        assert_non_null(context);
        assert_false(event_context_valid(context));
        json_decref(context);
    }
    assert_false(event_context_valid(NULL));
}

/* ---- keys --------------------------------------------------------------------------------- */

static void expect_key(const char *text, const char *expected)
{
    size_t length;
    json_t *const context = parse(text);
    char *const key = event_context_key(context, &length);
    assert_non_null(key);
    assert_string_equal(key, expected);
    assert_int_equal(length, strlen(expected));
    free(key);
    json_decref(context);
}

static void keys_are_fully_qualified(void **state)
{
    (void)state;
    expect_key("{\"kind\":\"user\",\"key\":\"a:b%c\"}", "a:b%c");
    expect_key("{\"kind\":\"org\",\"key\":\"a:b%c\"}", "org:a%3Ab%25c");
    expect_key("{\"kind\":\"multi\",\"user\":{\"key\":\"u:1\"},\"Org\":{\"key\":\"o%\"}}",
               "Org:o%25:user:u%3A1");
    expect_key("{\"kind\":\"multi\",\"user\":{\"key\":\"u:1\"}}", "u:1");
    expect_key("{\"kind\":\"multi\",\"b\":{\"key\":\":\"},\"a\":{\"key\":\"::\"},"
               "\"c\":{\"key\":\"\"}}",
               "a:%3A%3A:b:%3A:c:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_private_is_shown_whole),
        cmocka_unit_test(multi_kind_contexts_keep_their_form),
        cmocka_unit_test(all_attributes_private_leaves_what_identifies),
        cmocka_unit_test(private_by_configuration_and_by_the_context),
        cmocka_unit_test(a_name_like_a_reference_is_told_escaped),
        cmocka_unit_test(references_that_are_not_well_formed_name_nothing),
        cmocka_unit_test(nested_members_are_taken_out_alone),
        cmocka_unit_test(what_went_with_its_parent_is_not_told_again),
        cmocka_unit_test(what_a_reference_does_not_reach_is_not_told),
        cmocka_unit_test(one_kinds_private_attributes_are_not_anothers),
        cmocka_unit_test(anonymous_parts_are_redacted_alone),
        cmocka_unit_test(anonymous_parts_are_left_out),
        cmocka_unit_test(what_is_no_context_is_told_apart),
        cmocka_unit_test(keys_are_fully_qualified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
