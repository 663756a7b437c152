/* Conditions in one line: what they mean, what is wrong with them, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/condition_text.h"
#include "catalog/document.h"
#include "catalog/native.h"

/* The condition in a flag is one that the agent takes. */
static void expect_good(const json_t *condition, const char *text)
{
    struct fault fault = {0};
    int64_t next_ms;
    json_t *document =
        json_pack("{s:i, s:{s:{s:[{s:s, s:i}], s:s, s:[{s:[O], s:s}]}}}", "ffshm", 1, "flags", "f",
                  "variants", "key", "a", "value", 1, "default_variant", "a", "targeting_rules",
                  "conditions", condition, "variant", "a");
    json_t *lowered = native_lower(document, 0, &next_ms, &fault);
    if (lowered == NULL) {
        fail_msg("%s: %s: %s", text, fault.member, fault.cause);
    }
    json_decref(lowered);
    json_decref(document);
}

static void expect(const char *text, const char *json)
{
    struct fault fault;
    json_t *condition = condition_text_read(text, &fault);
    if (condition == NULL) {
        fail_msg("%s: %s", text, fault.cause);
    }
    char *got = document_dump(condition, NULL);
    assert_string_equal(got, json);
    expect_good(condition, text);
    free(got);
    json_decref(condition);
}

static void expect_fault(const char *text, const char *cause)
{
    struct fault fault;
    json_t *condition = condition_text_read(text, &fault);
    if (condition != NULL) {
        fail_msg("%s is taken", text);
    }
    assert_string_equal(fault.cause, cause);
}

static void conditions_read_as_they_sound(void **state)
{
    (void)state;
    expect("country in US, CA",
           "{\"attribute\":\"country\",\"operator\":\"in\",\"value\":[\"US\",\"CA\"]}");
    expect("country in US", "{\"attribute\":\"country\",\"operator\":\"in\",\"value\":[\"US\"]}");
    expect("country not in US,CA",
           "{\"attribute\":\"country\",\"operator\":\"not_in\",\"value\":[\"US\",\"CA\"]}");
    expect("plan equals premium",
           "{\"attribute\":\"plan\",\"operator\":\"equals\",\"value\":\"premium\"}");
    expect("  plan   equals  very premium  ",
           "{\"attribute\":\"plan\",\"operator\":\"equals\",\"value\":\"very premium\"}");
    expect("name equals Doe, Jane",
           "{\"attribute\":\"name\",\"operator\":\"equals\",\"value\":\"Doe, Jane\"}");
    expect("beta = true", "{\"attribute\":\"beta\",\"operator\":\"equals\",\"value\":true}");
    expect("age>=18",
           "{\"attribute\":\"age\",\"operator\":\"greater_than_or_equal\",\"value\":18}");
    expect("age < 6.5", "{\"attribute\":\"age\",\"operator\":\"less_than\",\"value\":6.5}");
    expect("age greater than or equal 18",
           "{\"attribute\":\"age\",\"operator\":\"greater_than_or_equal\",\"value\":18}");
    expect("age greater-than 18",
           "{\"attribute\":\"age\",\"operator\":\"greater_than\",\"value\":18}");
    expect("age != 5", "{\"attribute\":\"age\",\"operator\":\"not_equals\",\"value\":5}");
    expect("email exists", "{\"attribute\":\"email\",\"operator\":\"exists\"}");
    expect("email not exists", "{\"attribute\":\"email\",\"operator\":\"not_exists\"}");
    expect("email ends_with @example.com, @example.org",
           "{\"attribute\":\"email\",\"operator\":\"ends_with\",\"value\":[\"@example.com\","
           "\"@example.org\"]}");
    expect("email not ends with @example.com",
           "{\"attribute\":\"email\",\"operator\":\"not_ends_with\",\"value\":\"@example.com\"}");
    expect("version semver less than 2.4",
           "{\"attribute\":\"version\",\"operator\":\"semver_less_than\",\"value\":\"2.4\"}");
    expect("created before 2026-12-01T09:00:00Z",
           "{\"attribute\":\"created\",\"operator\":\"before\",\"value\":"
           "\"2026-12-01T09:00:00Z\"}");
    expect("age > 5, 10", "{\"attribute\":\"age\",\"operator\":\"greater_than\",\"value\":[5,10]}");
    expect("age not greater than or equal 18",
           "{\"attribute\":\"age\",\"operator\":\"not_greater_than_or_equal\",\"value\":18}");
    expect("version not semver equal 2.4, 3",
           "{\"attribute\":\"version\",\"operator\":\"not_semver_equal\",\"value\":[\"2.4\","
           "\"3\"]}");
    expect("created after 1794000000000",
           "{\"attribute\":\"created\",\"operator\":\"after\",\"value\":1794000000000}");
}

static void segments_have_no_attribute(void **state)
{
    (void)state;
    expect("in segment staff", "{\"operator\":\"in_segment\",\"value\":\"staff\"}");
    expect("not in segment staff, beta users",
           "{\"operator\":\"not_in_segment\",\"value\":[\"staff\",\"beta users\"]}");
    expect("in_segment 5", "{\"operator\":\"in_segment\",\"value\":\"5\"}");
    expect_fault("plan in segment staff", "a segment takes no attribute");
    expect("plan in \"segment staff\"",
           "{\"attribute\":\"plan\",\"operator\":\"in\",\"value\":[\"segment staff\"]}");
}

static void attributes_may_be_of_other_kinds_and_of_any_name(void **state)
{
    (void)state;
    expect("org:plan equals pro",
           "{\"kind\":\"org\",\"attribute\":\"plan\",\"operator\":\"equals\",\"value\":\"pro\"}");
    expect("/address/city = Oslo",
           "{\"attribute\":\"/address/city\",\"operator\":\"equals\",\"value\":\"Oslo\"}");
    expect("\"a b=\" = 1", "{\"attribute\":\"a b=\",\"operator\":\"equals\",\"value\":1}");
    expect("\"in\" in a", "{\"attribute\":\"in\",\"operator\":\"in\",\"value\":[\"a\"]}");
    expect("\"a:b\" exists", "{\"attribute\":\"a:b\",\"operator\":\"exists\"}");
    expect("org:\"x y\" exists",
           "{\"kind\":\"org\",\"attribute\":\"x y\",\"operator\":\"exists\"}");
}

static void quotes_make_a_text_of_anything(void **state)
{
    (void)state;
    expect("zip = 01234", "{\"attribute\":\"zip\",\"operator\":\"equals\",\"value\":\"01234\"}");
    expect("zip = 1234", "{\"attribute\":\"zip\",\"operator\":\"equals\",\"value\":1234}");
    expect("zip = \"1234\"", "{\"attribute\":\"zip\",\"operator\":\"equals\",\"value\":\"1234\"}");
    expect("zip in 1, \"2\", true",
           "{\"attribute\":\"zip\",\"operator\":\"in\",\"value\":[1,\"2\",true]}");
    expect("name in \"Doe, Jane\", Ann",
           "{\"attribute\":\"name\",\"operator\":\"in\",\"value\":[\"Doe, Jane\",\"Ann\"]}");
    expect("name = \"\"", "{\"attribute\":\"name\",\"operator\":\"equals\",\"value\":\"\"}");
    expect("id contains 5", "{\"attribute\":\"id\",\"operator\":\"contains\",\"value\":\"5\"}");
    expect("a = null", "{\"attribute\":\"a\",\"operator\":\"equals\",\"value\":\"null\"}");
    expect("id matches ^a{1,3}[,]x, y$",
           "{\"attribute\":\"id\",\"operator\":\"matches\",\"value\":\"^a{1,3}[,]x, y$\"}");
    expect("id matches \"^a\", \"b$\"",
           "{\"attribute\":\"id\",\"operator\":\"matches\",\"value\":[\"^a\",\"b$\"]}");
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    struct fault fault;
    expect_fault("", "an attribute is missing");
    expect_fault("= 5", "an attribute is missing");
    expect_fault("country", "an operator is missing");
    expect_fault("country is US", "there is no operator 'is'");
    expect_fault("country in", "a value is missing, or is no text, number, true or false");
    expect_fault("country in US,,CA", "a value is missing, or is no text, number, true or false");
    expect_fault("country equals", "a value is missing, or is no text, number, true or false");
    expect_fault("country = [1]", "a value is missing, or is no text, number, true or false");
    expect_fault("email contains", "a value is missing, or is no text in UTF-8");
    expect_fault("age > old", "'old' is no number");
    expect_fault("age > \"5\"", "'\"5\"' is no number");
    expect_fault("email exists x", "exists takes no value");
    expect_fault("\"open equals 5", "an attribute is missing");
    expect_fault("a = \xff", "a value is missing, or is no text, number, true or false");
    expect_fault("\xff = a", "an attribute is missing");
    assert_null(condition_text_read("plan eqals pro", &fault));
    assert_string_equal(fault.hint, "did you mean equals?");
}

/* ---- the way back ------------------------------------------------------------------------- */

static void written(const char *json, const char *text)
{
    struct fault fault;
    json_t *condition = document_parse(json, strlen(json), "", &fault);
    char *got = condition_text_write(condition);
    assert_string_equal(got, text);
    free(got);
    json_decref(condition);
}

static void what_is_written_is_what_people_type(void **state)
{
    (void)state;
    written("{\"attribute\":\"country\",\"operator\":\"not_in\",\"value\":[\"US\",\"CA\"]}",
            "country not in US, CA");
    written("{\"attribute\":\"age\",\"operator\":\"greater_than_or_equal\",\"value\":18}",
            "age greater than or equal 18");
    written("{\"kind\":\"org\",\"attribute\":\"a b\",\"operator\":\"equals\",\"value\":\"5\"}",
            "org:\"a b\" equals \"5\"");
    written("{\"attribute\":\"a\",\"operator\":\"contains\",\"value\":[\"5\",\"x, y\",\"true\"]}",
            "a contains 5, \"x, y\", \"true\"");
    written("{\"attribute\":\"a\",\"operator\":\"contains\",\"value\":[\"x\"]}", "a contains x");
    written("{\"operator\":\"in_segment\",\"value\":[\"staff\"]}", "in segment staff");
    written("{\"attribute\":\"v\",\"operator\":\"semver_equal\",\"value\":\"2.4\"}",
            "v semver equal 2.4");
    written("{\"attribute\":\"v\",\"operator\":\"not_exists\"}", "v not exists");
    written("{\"attribute\":\"v\",\"operator\":\"less_than\",\"value\":[1,2.5]}",
            "v less than 1, 2.5");
    written("{\"attribute\":\"v\",\"operator\":\"matches\",\"value\":[\"a\",\"b\"]}",
            "v matches \"a\", \"b\"");
    written("{\"attribute\":\"v\",\"operator\":\"exists\",\"value\":null}",
            "{\"attribute\":\"v\",\"operator\":\"exists\",\"value\":null}");
    written("{\"operator\":5}", "{\"operator\":5}");
    written("{\"attribute\":\"x\",\"operator\":\"equals\",\"value\":{\"a\":1}}",
            "{\"attribute\":\"x\",\"operator\":\"equals\",\"value\":{\"a\":1}}");
}

static void every_value_reads_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "\"\"",     "\" \"",    "\"a\"",       "\"a b\"",     "\"a,b\"",       "\"a, b\"",
        "\"\\\"\"", "\"\\\\\"", "\"[a]\"",     "\"{\"",       "\"}\"",         "\"true\"",
        "\"null\"", "\"5\"",    "\"-1e3\"",    "\"a\\nb\"",   "\"in\"",        "\"not in\"",
        "\"= 5\"",  "\"a=b\"",  "\"\\u00e9\"", "\"segment\"", "\"segment a\"", "\"or equal 5\"",
    };
    static const char *const operators[] = {"equals",      "in",      "not_in",    "contains",
                                            "not_matches", "matches", "in_segment"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t k = 0; k < sizeof operators / sizeof *operators; k++) {
            for (int count = 1; count < 3; count++) {
                char json[200];
                struct fault fault;
                const bool in = strstr(operators[k], "in") == operators[k] ||
                                strcmp(operators[k], "not_in") == 0;
                const bool list = count == 2 || (in && k < 3);
                if (list && k == 0) {
                    continue;
                }
                (void)snprintf(json, sizeof json, "{%s\"operator\":\"%s\",\"value\":%s%s%s%s%s}",
                               k == 6 ? "" : "\"attribute\":\"x\",", operators[k], list ? "[" : "",
                               values[i], count == 2 ? "," : "", count == 2 ? values[i] : "",
                               list ? "]" : "");
                json_t *condition = document_parse(json, strlen(json), "", &fault);
                char *text = condition_text_write(condition);
                assert_int_not_equal(text[0], '{'); /* JSON is for what cannot be said */
                free(text);
                json_decref(condition);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_read_as_they_sound),
        cmocka_unit_test(segments_have_no_attribute),
        cmocka_unit_test(attributes_may_be_of_other_kinds_and_of_any_name),
        cmocka_unit_test(quotes_make_a_text_of_anything),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(what_is_written_is_what_people_type),
        cmocka_unit_test(every_value_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
