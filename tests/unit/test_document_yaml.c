/* JSON trees as YAML for people: how they look, and that they read back equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/document.h"

static json_t *parse(const char *text, size_t length)
{
    struct fault fault;
    json_t *tree = document_parse(text, length, "f", &fault);
    if (tree == NULL) {
        char line[1500];
        (void)fault_text(&fault, line, sizeof line);
        fail_msg("%s in\n%.*s", line, (int)length, text);
    }
    return tree;
}

/* Owned. */
static char *written(json_t *tree)
{
    size_t length;
    char *yaml = document_dump_yaml(tree, &length);
    assert_non_null(yaml);
    json_t *again = parse(yaml, length);
    if (!json_equal(tree, again)) {
        fail_msg("does not read back: %s", yaml);
    }
    json_decref(again);
    return yaml;
}

static void expect(const char *json, const char *yaml)
{
    json_t *tree = parse(json, strlen(json));
    char *got = written(tree);
    assert_string_equal(got, yaml);
    free(got);
    json_decref(tree);
}

static void a_definition_looks_as_people_write_it(void **state)
{
    (void)state;
    expect("{\"ffshm\": 1, \"flags\": {\"new-checkout\": {\"tags\": [\"web\", \"shop\"],"
           "\"enabled\": true, \"variants\": [{\"key\": \"on\", \"value\": true, \"percentage\": "
           "12.5},{\"key\": \"off\", \"value\": false}], \"default_variant\": \"off\","
           "\"targeting_rules\": [{\"name\": \"Staff\", \"conditions\": [{\"attribute\": "
           "\"country\", \"operator\": \"in\", \"value\": [\"US\", \"NO\"]}],"
           "\"variant\": \"on\"}]}}}",
           "ffshm: 1\n"
           "flags:\n"
           "  new-checkout:\n"
           "    tags: [web, shop]\n"
           "    enabled: true\n"
           "    variants:\n"
           "    - {key: \"on\", value: true, percentage: 12.5}\n"
           "    - {key: \"off\", value: false}\n"
           "    default_variant: \"off\"\n"
           "    targeting_rules:\n"
           "    - name: Staff\n"
           "      conditions:\n"
           "      - {attribute: country, operator: in, value: [US, \"NO\"]}\n"
           "      variant: \"on\"\n");
}

static void the_outermost_object_is_never_one_line(void **state)
{
    (void)state;
    expect("{\"a\": 1, \"b\": {}, \"c\": []}", "a: 1\nb: {}\nc: []\n");
    expect("{}", "{}\n");
}

static void what_would_be_something_else_is_quoted(void **state)
{
    (void)state;
    expect("{\"off\": \"Yes\", \"n\": \"1.0\", \"<<\": \"-\", \"~\": \"null\", \"\": \"\","
           "\"2.4.0\": \"0x1f\", \"x: y\": \"# no comment\"}",
           "\"off\": \"Yes\"\n"
           "\"n\": \"1.0\"\n"
           "\"<<\": \"-\"\n"
           "\"~\": \"null\"\n"
           "\"\": \"\"\n"
           "\"2.4.0\": \"0x1f\"\n"
           "'x: y': '# no comment'\n");
}

static void lines_stay_lines(void **state)
{
    (void)state;
    expect("{\"description\": \"One.\\nTwo.\\n\", \"short\": \"\\n\"}",
           "description: |\n  One.\n  Two.\nshort: \"\\n\"\n");
}

static void what_is_long_is_written_part_by_part(void **state)
{
    (void)state;
    expect("{\"keys\": [\"user-1234567890123456789\", \"user-1234567890123456789\","
           "\"user-1234567890123456789\"]}",
           "keys:\n- user-1234567890123456789\n- user-1234567890123456789\n"
           "- user-1234567890123456789\n");
}

/* ---- whatever there is -------------------------------------------------------------------- */

static const char *const texts[] = {
    "",
    " ",
    "a ",
    " a",
    "a: b",
    "a #b",
    "#",
    "- a",
    "?",
    "? a",
    ":",
    "a:",
    "{",
    "}",
    "[a]",
    "a, b",
    "'",
    "\"",
    "a'b\"c",
    "\\",
    "%a",
    "@a",
    "`a",
    "!a",
    "!!str",
    "&a",
    "*a",
    "|",
    ">",
    "---",
    "...",
    "--- a",
    "a\nb",
    "a\n",
    "\na",
    "\n",
    "a\n\nb",
    "a\n\n\nb",
    "a\n\n",
    " a\nb",
    "a\n b",
    "a\n\tb",
    "a \nb",
    "a\nb ",
    "\ta",
    "a\tb",
    "a\rb",
    "a\r\nb",
    "\x01",
    "\x7f",
    "\xc2\x85",
    "a\xc2\xa0",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\xf0\x9f\x98\x80",
    "\xc3\xa4",
    "true",
    "False",
    "NULL",
    "~",
    ".inf",
    "-.INF",
    ".nan",
    "1",
    "-1",
    "+1",
    "0o7",
    "0x1F",
    "1e3",
    "1.",
    ".5",
    "1_000",
    "12:30:45",
    "2026-12-01",
    "<<",
    "=",
    "a\nb: c\n- d\n#e",
    "x\n---\ny",
};
#define TEXTS (sizeof texts / sizeof *texts)

static void every_text_reads_back_wherever_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXTS; i++) {
        json_t *text = json_string(texts[i]);
        json_t *tree = json_pack("{s:O, s:[O, {s:O}], s:{s:{s:O}}, s:O}", "a", text, "b", text,
                                 texts[i], text, "c", "d", texts[i], text, texts[i], text);
        assert_non_null(tree);
        char *got = written(tree);
        assert_int_not_equal(got[0], '{'); /* it is not for JSON to help out */
        free(got);
        json_decref(tree);
        json_decref(text);
    }
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static json_t *any_value(uint64_t *seed, unsigned depth)
{
    switch (next(seed) % (depth < 5 ? 9 : 7)) {
    case 0:
        return json_true();
    case 1:
        return json_null();
    case 2:
        return json_integer((json_int_t)next(seed) - (1 << 30));
    case 3:
        return json_real((double)next(seed) / 1000);
    case 7: {
        json_t *list = json_array();
        for (uint64_t n = next(seed) % 4; n > 0; n--) {
            (void)json_array_append_new(list, any_value(seed, depth + 1));
        }
        return list;
    }
    case 8: {
        json_t *object = json_object();
        for (uint64_t n = next(seed) % 4; n > 0; n--) {
            (void)json_object_set_new(object, texts[next(seed) % TEXTS],
                                      any_value(seed, depth + 1));
        }
        return object;
    }
    default:
        return json_string(texts[next(seed) % TEXTS]);
    }
}

static void every_tree_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 20261126;
    for (int i = 0; i < 3000; i++) {
        json_t *tree = json_object();
        for (uint64_t n = next(&seed) % 4; n > 0; n--) {
            (void)json_object_set_new(tree, texts[next(&seed) % TEXTS], any_value(&seed, 0));
        }
        free(written(tree));
        json_decref(tree);
    }
}

static void what_yaml_cannot_hold_is_json(void **state)
{
    (void)state;
    json_t *tree = json_object();
    json_t *inner = tree;
    for (int i = 0; i < 600; i++) {
        json_t *more = json_object();
        (void)json_object_set_new(inner, "a", more);
        inner = more;
    }
    char *got = document_dump_yaml(tree, NULL);
    assert_non_null(got);
    assert_memory_equal(got, "{\"a\":{", 6);
    free(got);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_definition_looks_as_people_write_it),
        cmocka_unit_test(the_outermost_object_is_never_one_line),
        cmocka_unit_test(what_would_be_something_else_is_quoted),
        cmocka_unit_test(lines_stay_lines),
        cmocka_unit_test(what_is_long_is_written_part_by_part),
        cmocka_unit_test(every_text_reads_back_wherever_it_is),
        cmocka_unit_test(every_tree_reads_back),
        cmocka_unit_test(what_yaml_cannot_hold_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
