/* LaunchDarkly's context JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"

/* Memory of exactly the sizes that the header says suffice: a sanitizer sees a read or a write
   beyond them. Kept until the next parse. */
static char *text_memory;
static char *scratch_memory;

static int parse_bytes(struct ffshm_context *c, const char *json, size_t length,
                       size_t scratch_size)
{
    free(text_memory);
    free(scratch_memory);
    text_memory = malloc(length ? length : 1);
    scratch_memory = malloc(scratch_size ? scratch_size : 1);
    assert_non_null(text_memory);
    assert_non_null(scratch_memory);
    memcpy(text_memory, json, length);
    memset(c, 0xee, sizeof *c);
    return ffshm_context_parse(c, text_memory, length, scratch_memory, scratch_size);
}

static int parse(struct ffshm_context *c, const char *json)
{
    return parse_bytes(c, json, strlen(json), strlen(json) + 64);
}

static void gives(const char *json, const char *want)
{
    struct ffshm_context c;
    char buffer[2048];
    const int error = parse(&c, json);
    if (error != FFSHM_OK) {
        fail_msg("%s: %s", json, ffshm_error_name(error));
    }
    assert_int_equal(c.error, FFSHM_OK);
    (void)context_to_json(&c, buffer, sizeof buffer);
    assert_string_equal(buffer, want);
}

static void fails(const char *json, int want)
{
    struct ffshm_context c;
    const int error = parse(&c, json);
    if (error != want) {
        fail_msg("%s: %s", json, ffshm_error_name(error));
    }
    assert_int_equal(c.error, FFSHM_INVALID_CONTEXT);
    assert_int_equal(ffshm_context_string(&c, "a", "b") == FFSHM_INVALID_ARGUMENT,
                     c.kind_count == 0);
}

static void single_contexts_are_read(void **state)
{
    (void)state;
    gives("{\"kind\":\"user\",\"key\":\"a\"}", "{\"kind\":\"user\",\"key\":\"a\"}");
    gives(" { \"key\" : \"a\" , \"x\" : [ 1 , \"\\n\" ] , \"kind\" : \"org\" } ",
          "{\"kind\":\"org\",\"key\":\"a\",\"x\":[1,\"\\n\"]}");
    gives("{\"kind\":\"org\",\"key\":\"a\",\"name\":\"N\",\"anonymous\":true,\"s\":\"t\","
          "\"n\":1.5,\"t\":true,\"f\":false,\"z\":null,\"o\":{\"p\":null}}",
          "{\"kind\":\"org\",\"key\":\"a\",\"name\":\"N\",\"anonymous\":true,\"s\":\"t\","
          "\"n\":1.5,\"t\":true,\"f\":false,\"o\":{\"p\":null}}");
    gives("{\"kind\":\"org\",\"key\":\"a\",\"name\":null,\"anonymous\":false,\"\":1}",
          "{\"kind\":\"org\",\"key\":\"a\"}");
    gives("{\"kind\":\"A.b_c-9\",\"key\":\" \"}", "{\"kind\":\"A.b_c-9\",\"key\":\" \"}");
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    struct ffshm_context c;
    gives("{\"\\u006bind\":\"\\u006frg\",\"\\u006bey\":\"a\\\"\\u00e9\\ud83d\\ude00\","
          "\"na\\u006de\":\"\\/\",\"a\\tb\":\"c\\\\\"}",
          "{\"kind\":\"org\",\"key\":\"a\\\"\xc3\xa9\xf0\x9f\x98\x80\",\"name\":\"/\","
          "\"a\\tb\":\"c\\\\\"}");
    assert_int_equal(parse(&c, "{\"kind\":\"org\",\"key\":\"a\\u0000b\"}"), FFSHM_OK);
    assert_int_equal(c.kinds[0].key_length, 3);
    assert_memory_equal(c.kinds[0].key, "a\0b", 4);
}

static void strings_of_the_context_end_with_nul(void **state)
{
    (void)state;
    struct ffshm_context c;
    assert_int_equal(parse(&c, "{\"kind\":\"org\",\"key\":\"k\",\"name\":\"n\",\"a\":\"b\"}"),
                     FFSHM_OK);
    assert_string_equal(c.kinds[0].kind, "org");
    assert_string_equal(c.kinds[0].key, "k");
    assert_string_equal(c.kinds[0].name, "n");
    assert_string_equal(c.attributes[0].name, "a");
    assert_string_equal(c.attributes[0].value.text, "b");
}

static void meta_holds_private_attributes(void **state)
{
    (void)state;
    gives("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":[\"x\",\"/y/z\"],"
          "\"secondary\":\"s\",\"other\":[1]}}",
          "{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":[\"x\",\"/y/z\"]}}");
    gives("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":null}", "{\"kind\":\"org\",\"key\":\"a\"}");
    gives("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{}}", "{\"kind\":\"org\",\"key\":\"a\"}");
    gives("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":null}}",
          "{\"kind\":\"org\",\"key\":\"a\"}");
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":[]}", FFSHM_BAD_JSON);
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":\"x\"}", FFSHM_BAD_JSON);
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":\"x\"}}",
          FFSHM_BAD_JSON);
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":[1]}}", FFSHM_BAD_JSON);
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":[null]}}",
          FFSHM_BAD_JSON);
    fails("{\"kind\":\"org\",\"key\":\"a\",\"_meta\":{\"privateAttributes\":[\"a\\u0000\"]}}",
          FFSHM_BAD_JSON);
}

static void invalid_single_contexts_are_refused(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "{\"kind\":null,\"key\":\"a\"}",
        "{\"kind\":true,\"key\":\"a\"}",
        "{\"kind\":3,\"key\":\"a\"}",
        "{\"kind\":\"\",\"key\":\"a\"}",
        "{\"kind\":\"kind\",\"key\":\"a\"}",
        "{\"kind\":{},\"key\":\"a\"}",
        "{\"kind\":\"a b\",\"key\":\"a\"}",
        "{\"kind\":\"\\u00e9\",\"key\":\"a\"}",
        "{\"kind\":\"org\"}",
        "{\"kind\":\"org\",\"key\":\"\"}",
        "{\"kind\":\"org\",\"key\":null}",
        "{\"kind\":\"org\",\"key\":3}",
        "{\"kind\":\"org\",\"key\":[\"a\"]}",
        "{\"kind\":\"a/b\",\"key\":\"a\"}",
    };
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        fails(invalid[i], FFSHM_INVALID_CONTEXT);
    }
    static const char *const bad[] = {
        "",
        "x",
        "null",
        "3",
        "\"user\"",
        "[]",
        "{\"kind\":\"org\",\"key\":\"a\"",
        "{\"kind\":\"org\"}}",
        "{\"kind\":\"org\",\"key\":\"a\",\"name\":3}",
        "{\"kind\":\"org\",\"key\":\"a\",\"name\":true}",
        "{\"kind\":\"org\",\"key\":\"a\",\"anonymous\":null}",
        "{\"kind\":\"org\",\"key\":\"a\",\"anonymous\":\"yes\"}",
        "{\"kind\":\"org\",\"key\":\"a\",\"anonymous\":1}",
        "{\"kind\":\"org\",\"key\":\"\\ud800\"}",
        "{\"kind\":\"org\",\"key\":\"\xff\"}",
        "{\"kind\":\"org\",\"key\":\"a\",\"n\":1e999}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fails(bad[i], FFSHM_BAD_JSON);
    }
}

static void multi_contexts_are_read(void **state)
{
    (void)state;
    gives("{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"a\":1},\"org\":{\"key\":\"o\",\"a\":2,"
          "\"_meta\":{\"privateAttributes\":[\"a\"]}}}",
          "{\"kind\":\"multi\",\"user\":{\"key\":\"u\",\"a\":1},\"org\":{\"key\":\"o\",\"a\":2,"
          "\"_meta\":{\"privateAttributes\":[\"a\"]}}}");
    gives("{\"org\":{\"key\":\"o\"},\"kind\":\"m\\u0075lti\",\"user\":{\"key\":\"u\"}}",
          "{\"kind\":\"multi\",\"org\":{\"key\":\"o\"},\"user\":{\"key\":\"u\"}}");
    gives(
        "{\"kind\":\"multi\",\"_meta\":{\"key\":\"o\"},\"user\":{\"key\":\"u\",\"kind\":\"user\"}}",
        "{\"kind\":\"multi\",\"_meta\":{\"key\":\"o\"},\"user\":{\"key\":\"u\"}}");
}

static void a_multi_context_of_one_kind_is_single(void **state)
{
    (void)state;
    gives("{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"anonymous\":true}}",
          "{\"kind\":\"org\",\"key\":\"o\",\"anonymous\":true}");
}

static void invalid_multi_contexts_are_refused(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "{\"kind\":\"multi\"}",
        "{\"kind\":\"multi\",\"org\":null}",
        "{\"kind\":\"multi\",\"org\":\"o\"}",
        "{\"kind\":\"multi\",\"org\":[]}",
        "{\"kind\":\"multi\",\"org\":{}}",
        "{\"kind\":\"multi\",\"org\":{\"key\":\"\"}}",
        "{\"kind\":\"multi\",\"kind \":{\"key\":\"o\"}}",
        "{\"kind\":\"multi\",\"\":{\"key\":\"o\"}}",
        "{\"kind\":\"multi\",\"multi\":{\"key\":\"o\"}}",
        "{\"kind\":\"multi\",\"org\":{\"kind\":\"multi\",\"key\":\"o\"}}",
        "{\"kind\":\"multi\",\"org\":{\"kind\":\"user\",\"key\":\"o\"}}",
        "{\"kind\":\"multi\",\"org\":{\"key\":\"o\"},\"org\":{\"key\":\"p\"}}",
        "{\"kind\":\"multi\",\"org\":{\"key\":\"o\"},\"user\":{\"key\":\"\"}}",
    };
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        fails(invalid[i], FFSHM_INVALID_CONTEXT);
    }
    fails("{\"kind\":\"multi\",\"org\":{\"key\":\"o\",\"anonymous\":null}}", FFSHM_BAD_JSON);
}

static void old_users_are_read(void **state)
{
    (void)state;
    gives("{\"key\":\"k\"}", "{\"kind\":\"user\",\"key\":\"k\"}");
    gives("{\"key\":\"\"}", "{\"kind\":\"user\",\"key\":\"\"}");
    gives("{\"key\":\"k\",\"name\":\"n\",\"firstName\":\"f\",\"lastName\":\"l\",\"email\":\"e\","
          "\"country\":\"c\",\"avatar\":\"a\",\"ip\":\"i\",\"secondary\":\"s\",\"unknown\":[1],"
          "\"anonymous\":true}",
          "{\"kind\":\"user\",\"key\":\"k\",\"name\":\"n\",\"anonymous\":true,\"firstName\":\"f\","
          "\"lastName\":\"l\",\"email\":\"e\",\"country\":\"c\",\"avatar\":\"a\",\"ip\":\"i\"}");
    gives("{\"key\":\"k\",\"name\":null,\"email\":null,\"anonymous\":null,\"custom\":null,"
          "\"secondary\":null,\"privateAttributeNames\":null}",
          "{\"kind\":\"user\",\"key\":\"k\"}");
    gives("{\"key\":\"k\",\"custom\":{\"a\":1,\"b\":[\"x\"],\"z\":null,\"\":1,\"kind\":\"org\","
          "\"key\":\"no\",\"name\":\"no\",\"anonymous\":true,\"_meta\":{},\"email\":\"e\"}}",
          "{\"kind\":\"user\",\"key\":\"k\",\"a\":1,\"b\":[\"x\"],\"email\":\"e\"}");
}

static void private_names_of_old_users_are_names(void **state)
{
    (void)state;
    gives("{\"key\":\"k\",\"privateAttributeNames\":[\"email\",\"/a~b/c\",\"x/y\",\"~z\"]}",
          "{\"kind\":\"user\",\"key\":\"k\",\"_meta\":{\"privateAttributes\":[\"email\","
          "\"/~1a~0b~1c\",\"x/y\",\"~z\"]}}");
}

static void invalid_old_users_are_refused(void **state)
{
    (void)state;
    static const char *const built_in[] = {"name",    "firstName", "lastName", "email",
                                           "country", "avatar",    "ip"};
    static const char *const values[] = {"true", "3", "[]", "{}"};
    fails("{}", FFSHM_INVALID_CONTEXT);
    fails("{\"name\":\"n\"}", FFSHM_INVALID_CONTEXT);
    fails("{\"key\":null}", FFSHM_INVALID_CONTEXT);
    fails("{\"key\":3}", FFSHM_INVALID_CONTEXT);
    fails("{\"key\":\"k\",\"anonymous\":\"true\"}", FFSHM_BAD_JSON);
    fails("{\"key\":\"k\",\"custom\":[]}", FFSHM_BAD_JSON);
    fails("{\"key\":\"k\",\"privateAttributeNames\":\"x\"}", FFSHM_BAD_JSON);
    fails("{\"key\":\"k\",\"privateAttributeNames\":[3]}", FFSHM_BAD_JSON);
    for (size_t i = 0; i < sizeof built_in / sizeof built_in[0]; i++) {
        for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
            char json[64];
            (void)snprintf(json, sizeof json, "{\"key\":\"k\",\"%s\":%s}", built_in[i], values[j]);
            fails(json, FFSHM_BAD_JSON);
        }
    }
}

static void too_much_is_too_many(void **state)
{
    (void)state;
    char json[4096];
    size_t n = (size_t)snprintf(json, sizeof json, "{\"kind\":\"org\",\"key\":\"k\"");
    for (int i = 0; i <= FFSHM_CONTEXT_ATTRIBUTES; i++) {
        n += (size_t)snprintf(json + n, sizeof json - n, ",\"a%d\":%d", i, i);
    }
    (void)snprintf(json + n, sizeof json - n, "}");
    fails(json, FFSHM_TOO_MANY);
    n = (size_t)snprintf(json, sizeof json, "{\"kind\":\"multi\"");
    for (int i = 0; i <= FFSHM_CONTEXT_KINDS; i++) {
        n += (size_t)snprintf(json + n, sizeof json - n, ",\"k%d\":{\"key\":\"k\"}", i);
    }
    (void)snprintf(json + n, sizeof json - n, "}");
    fails(json, FFSHM_TOO_MANY);
    n = (size_t)snprintf(json, sizeof json, "{\"key\":\"k\",\"privateAttributeNames\":[\"x\"");
    for (int i = 0; i < FFSHM_CONTEXT_PRIVATE; i++) {
        n += (size_t)snprintf(json + n, sizeof json - n, ",\"x\"");
    }
    (void)snprintf(json + n, sizeof json - n, "]}");
    fails(json, FFSHM_TOO_MANY);
}

static void escaped_strings_inside_values_are_limited_and_others_are_not(void **state)
{
    (void)state;
    static char json[3 * FFSHM_JSON_ESCAPED];
    struct ffshm_context c;
    char *filler = malloc(FFSHM_JSON_ESCAPED + 1);
    assert_non_null(filler);
    memset(filler, 'x', FFSHM_JSON_ESCAPED);
    filler[FFSHM_JSON_ESCAPED] = 0;
    (void)snprintf(json, sizeof json, "{\"kind\":\"org\",\"key\":\"\\n%s\",\"a\":\"\\n%s\"}",
                   filler, filler);
    assert_int_equal(parse(&c, json), FFSHM_OK);
    assert_int_equal(c.attributes[0].length, FFSHM_JSON_ESCAPED + 1);
    (void)snprintf(json, sizeof json, "{\"kind\":\"org\",\"key\":\"k\",\"a\":[\"%s\"]}", filler);
    assert_int_equal(parse(&c, json), FFSHM_OK);
    (void)snprintf(json, sizeof json, "{\"kind\":\"org\",\"key\":\"k\",\"a\":[\"\\n%s\"]}", filler);
    fails(json, FFSHM_BAD_JSON);
    free(filler);
}

static void too_little_scratch_is_too_small(void **state)
{
    (void)state;
    static const char json[] = "{\"kind\":\"org\",\"key\":\"key\",\"a\":\"b\\n\",\"c\":\"d\","
                               "\"_meta\":{\"privateAttributes\":[\"/x\"]}}";
    struct ffshm_context c;
    bool fitted = false;
    for (size_t size = 0; size <= sizeof json; size++) {
        const int error = parse_bytes(&c, json, sizeof json - 1, size);
        assert_true(error == (fitted ? FFSHM_OK : FFSHM_TOO_SMALL) ||
                    (!fitted && error == FFSHM_OK));
        fitted = error == FFSHM_OK;
        assert_int_equal(c.error, fitted ? FFSHM_OK : FFSHM_INVALID_CONTEXT);
    }
    assert_true(fitted);
    assert_int_equal(ffshm_context_parse(&c, json, sizeof json - 1, NULL, 0), FFSHM_TOO_SMALL);
    assert_int_equal(ffshm_context_parse(&c, json, sizeof json - 1, NULL, 9),
                     FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_parse(&c, NULL, 0, NULL, 0), FFSHM_INVALID_ARGUMENT);
}

static void scratch_as_long_as_the_text_suffices(void **state)
{
    (void)state;
    struct ffshm_context c;
    static const char *const texts[] = {
        "{\"key\":\"\",\"\":\"\",\"custom\":{\"\":\"\",\"a\":\"\"},\"privateAttributeNames\":[\"\","
        "\"\"]}",
        "{\"kind\":\"multi\",\"a\":{\"key\":\"b\",\"kind\":\"a\"},\"b\":{\"key\":\"c\",\"d\":\"\"}"
        "}",
        "{\"kind\":\"aaaaaaaaaaaaaaaaaaaa\",\"key\":\"b\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(parse_bytes(&c, texts[i], strlen(texts[i]), strlen(texts[i])), FFSHM_OK);
    }
}

static void every_prefix_and_every_changed_byte_is_survived(void **state)
{
    (void)state;
    static const char json[] = "{\"kind\":\"multi\",\"user\":{\"key\":\"\\u0061\",\"o\":{\"x\":[1,"
                               "\"\\n\"]}},\"org\":{\"key\":\"b\",\"_meta\":{\"privateAttributes\":"
                               "[\"/x\"]},\"name\":\"n\",\"anonymous\":true,\"s\":\"t\"}}";
    struct ffshm_context c;
    char buffer[512];
    for (size_t n = 0; n < sizeof json - 1; n++) {
        assert_int_equal(parse_bytes(&c, json, n, n + 64), FFSHM_BAD_JSON);
        assert_int_equal(c.error, FFSHM_INVALID_CONTEXT);
    }
    static const char bytes[] = "\0\"\\{}[],:x0\xff ";
    for (size_t n = 0; n < sizeof json - 1; n++) {
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            char changed[sizeof json];
            memcpy(changed, json, sizeof json);
            changed[n] = bytes[b];
            if (parse_bytes(&c, changed, sizeof json - 1, sizeof json - 1) == FFSHM_OK) {
                (void)context_to_json(&c, buffer, sizeof buffer);
            }
        }
    }
}

static int release(void **state)
{
    (void)state;
    free(text_memory);
    free(scratch_memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_contexts_are_read),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(strings_of_the_context_end_with_nul),
        cmocka_unit_test(meta_holds_private_attributes),
        cmocka_unit_test(invalid_single_contexts_are_refused),
        cmocka_unit_test(multi_contexts_are_read),
        cmocka_unit_test(a_multi_context_of_one_kind_is_single),
        cmocka_unit_test(invalid_multi_contexts_are_refused),
        cmocka_unit_test(old_users_are_read),
        cmocka_unit_test(private_names_of_old_users_are_names),
        cmocka_unit_test(invalid_old_users_are_refused),
        cmocka_unit_test(too_much_is_too_many),
        cmocka_unit_test(escaped_strings_inside_values_are_limited_and_others_are_not),
        cmocka_unit_test(too_little_scratch_is_too_small),
        cmocka_unit_test(scratch_as_long_as_the_text_suffices),
        cmocka_unit_test(every_prefix_and_every_changed_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
