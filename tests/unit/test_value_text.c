/* Values as people type them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"
#include "catalog/value_text.h"

static void expect(const char *text, const char *json)
{
    json_t *value = value_text_read(text, strlen(text));
    char *got = document_dump(value, NULL);
    assert_string_equal(got, json);
    free(got);
    json_decref(value);
}

static void json_is_json_and_the_rest_is_text(void **state)
{
    (void)state;
    expect("true", "true");
    expect(" 12.50 ", "12.5");
    expect("-3", "-3");
    expect("null", "null");
    expect("\"5\"", "\"5\"");
    expect("[1, \"a\"]", "[1,\"a\"]");
    expect("{\"a\": {}}", "{\"a\":{}}");
    expect("100000000000000000000", "1e+20");
    expect("", "\"\"");
    expect("blue", "\"blue\"");
    expect("01234", "\"01234\"");
    expect("True", "\"True\"");
    expect("#0f0", "\"#0f0\"");
    expect("\"", "\"\\\"\"");
    expect("1 2", "\"1 2\"");
    expect("[1", "\"[1\"");
    expect("{\"a\":1,\"a\":2}", "\"{\\\"a\\\":1,\\\"a\\\":2}\"");
    assert_null(value_text_read("\xff", 1));
}

static void written(const char *json, bool list, const char *text)
{
    char wrapped[200];
    struct fault fault;
    (void)snprintf(wrapped, sizeof wrapped, "{\"v\":%s}", json);
    json_t *tree = document_parse(wrapped, strlen(wrapped), "", &fault);
    const json_t *value = json_object_get(tree, "v");
    char *got = value_text_write(value, list);
    assert_string_equal(got, text);
    json_t *again = value_text_read(got, strlen(got));
    assert_true(json_equal(value, again));
    json_decref(again);
    free(got);
    json_decref(tree);
}

static void what_is_written_reads_back_equal(void **state)
{
    (void)state;
    written("\"blue\"", false, "blue");
    written("\"a, b\"", false, "a, b");
    written("\"a, b\"", true, "\"a, b\"");
    written("\"[a\"", true, "\"[a\"");
    written("\"say \\\"a\\\"\"", false, "say \"a\"");
    written("\"true\"", false, "\"true\"");
    written("\"5\"", false, "\"5\"");
    written("\"\"", false, "\"\"");
    written("\" a\"", false, "\" a\"");
    written("\"\\\"\"", false, "\"\\\"\"");
    written("\"null\"", false, "\"null\"");
    written("5", true, "5");
    written("2.5", false, "2.5");
    written("false", false, "false");
    written("[1,\"a\"]", false, "[1,\"a\"]");
}

static void elements(const char *list, const char *expected)
{
    char got[200] = "";
    const char *element;
    size_t length;
    while (value_text_next(&list, &element, &length)) {
        (void)strcat(got, "<");
        (void)strncat(got, element, length);
        (void)strcat(got, ">");
    }
    assert_string_equal(got, expected);
}

static void commas_divide_unless_they_are_inside(void **state)
{
    (void)state;
    elements("a,b , c", "<a><b><c>");
    elements("a", "<a>");
    elements("", "<>");
    elements("a,", "<a><>");
    elements(",", "<><>");
    elements("[1,2],{\"a\":1,\"b\":[3,4]},5", "<[1,2]><{\"a\":1,\"b\":[3,4]}><5>");
    elements("\"a,b\",\"c\\\",d\"", "<\"a,b\"><\"c\\\",d\">");
    elements("a],b", "<a]><b>");
    elements("\"a,b", "<\"a,b>");
    elements("\"\\", "<\"\\>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_json_and_the_rest_is_text),
        cmocka_unit_test(what_is_written_reads_back_equal),
        cmocka_unit_test(commas_divide_unless_they_are_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
