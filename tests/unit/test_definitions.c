/* Definition files to items: formats, merging, places, and files that are not what they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/definitions.h"

#define NOON_MS INT64_C(1767268800000) /* 2026-01-01T12:00:00Z */

static char folder[64];

/* ---- helpers ------------------------------------------------------------------------------ */

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/ffshm-definitions-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") != 0 || system(command) != 0;
}

static void write_bytes(const char *name, const char *text, size_t length)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static struct definitions load(const char *const *files, size_t count)
{
    struct definitions definitions;
    struct fault fault;
    if (definitions_load(files, count, NOON_MS, NULL, &definitions, &fault) != 0) {
        char line[1500];
        (void)fault_text(&fault, line, sizeof line);
        fail_msg("%s", line);
    }
    return definitions;
}

static struct definitions load_text(const char *text)
{
    write_file("one", text);
    const char *const files[] = {"one"};
    return load(files, 1);
}

static void expect_fault_in(const char *const *files, size_t count, const char *message)
{
    struct definitions definitions;
    struct fault fault;
    assert_int_equal(definitions_load(files, count, NOON_MS, NULL, &definitions, &fault), -1);
    assert_null(definitions.items);
    assert_int_equal(definitions.count, 0);
    char line[1500];
    (void)fault_text(&fault, line, sizeof line);
    assert_string_equal(line, message);
}

static void expect_fault(const char *text, const char *message)
{
    write_file("one", text);
    const char *const files[] = {"one"};
    expect_fault_in(files, 1, message);
}

static const struct model_item *find(const struct definitions *d, const char *key)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->items[i]->key.text, key) == 0) {
            return d->items[i];
        }
    }
    fail_msg("there is no %s", key);
    return NULL;
}

#define SWITCH "{variants: [{key: on, value: true}, {key: off, value: false}], default_variant: on"

/* ---- formats ------------------------------------------------------------------------------ */

static void native_files_are_lowered(void **state)
{
    (void)state;
    struct definitions d = load_text("ffshm: 1\nflags:\n  a: " SWITCH
                                     ", schedule: [{at: 2026-01-02T00:00:00Z, set: {enabled: "
                                     "false}}]}\nsegments:\n  s: {included: [x]}\n");
    assert_int_equal(d.count, 2);
    assert_int_equal(d.next_ms, INT64_C(1767312000000));
    const struct model_item *flag = find(&d, "a");
    assert_int_equal(flag->kind, IMAGE_FLAG);
    assert_true(flag->auto_version);
    assert_true(flag->as.flag.on);
    assert_string_equal(flag->provenance.text, "file:one");
    assert_int_equal(json_array_size(flag->as.flag.variants), 2);
    assert_int_equal(find(&d, "s")->kind, IMAGE_SEGMENT);
    definitions_free(&d);
}

static void launchdarklys_format_is_read_in_json_and_yaml(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"flags\":{\"a\":{\"key\":\"a\",\"version\":7,\"on\":true,\"variations\":[1]}},"
        "\"flagValues\":{\"b\":\"x\"},\"segments\":{\"s\":{\"key\":\"s\"}},\"other\":1}",
        "flags: {a: {key: a, version: 7, on: true, variations: [1]}}\n"
        "flagValues: {b: x}\nsegments: {s: {key: s}}\nother: 1\n"};
    for (size_t i = 0; i < 2; i++) {
        struct definitions d = load_text(texts[i]);
        assert_int_equal(d.count, 3);
        assert_int_equal(d.next_ms, 0);
        assert_int_equal(find(&d, "a")->version, 7);
        assert_true(find(&d, "a")->as.flag.on);
        assert_false(find(&d, "a")->auto_version);
        const struct model_item *value = find(&d, "b");
        assert_int_equal(value->version, 1);
        assert_true(value->as.flag.on);
        assert_true(value->as.flag.fallthrough.has_variation);
        assert_int_equal(value->as.flag.fallthrough.variation, 0);
        assert_string_equal(json_string_value(json_array_get(value->as.flag.variations, 0)), "x");
        assert_int_equal(find(&d, "s")->version, 1); /* not given */
        definitions_free(&d);
    }
}

static void a_flag_without_inner_key_takes_the_outer_one(void **state)
{
    (void)state;
    struct definitions d = load_text("{\"flags\":{\"a\":{\"on\":true},\"b\":{\"version\":null}}}");
    assert_int_equal(find(&d, "a")->version, 1);
    assert_int_equal(find(&d, "b")->version, 1);
    definitions_free(&d);
}

static void files_that_are_neither_format_say_what_is_missing(void **state)
{
    (void)state;
    expect_fault("{}", "one:1:1: there is none of flags, flagValues and segments; a native file "
                       "begins with ffshm: 1 and has flags or segments");
    expect_fault("# todo\n- a\n", "one:2:1: must be an object with flags; a native file begins "
                                  "with ffshm: 1");
    expect_fault("", "one:1:1: the document is empty");
    expect_fault("flags:\n", "one:1:1: flags: is empty; where there are none, write {}");
    expect_fault("ffshm: 3\nflags: {}\n",
                 "one:1:1: ffshm: version 3 is not understood, only 1 is; a newer agent may");
    expect_fault("flags:\n  a:\n    variants: []\n",
                 "one:3:5: flags.a.variants: LaunchDarkly's format has no variants; is this a "
                 "native definition?; begin the file with ffshm: 1");
}

/* ---- faults ------------------------------------------------------------------------------- */

static void faults_have_file_line_column_and_member(void **state)
{
    (void)state;
    expect_fault("ffshm: 1\nflags:\n  my.flag:\n    variants:\n      - {key: a, value: 1}\n"
                 "    default_variant: b\n",
                 "one:6:5: flags.my.flag.default_variant: there is no variant \"b\"; the variants "
                 "are a");
    expect_fault("{\"flags\": {\"a\": {\"on\": true,\n  \"rules\": [{\"id\": 1}]}}}",
                 "one:2:14: flags.a.rules[0].id: must be a string, not a number");
    expect_fault(
        "{\"flags\": {\"a\":\n 1}}",
        "one:1:12: flags.a: must be an object; write a whole flag, or move it to flagValues");
    expect_fault("{\"flags\": {\"\":\n {}}}", "one:1:12: flags.: the key is empty; give it a name");
    expect_fault("{\"flags\": {\"a\": {\"on\": tru",
                 "one:1:27: the text ends in the middle of an object that begins on line 1; is it "
                 "written to its end?");
}

static void one_bad_definition_refuses_all(void **state)
{
    (void)state;
    write_file("good", "flagValues: {a: 1}\n");
    write_file("bad", "flags: {b: {on: 1}}\n");
    const char *const files[] = {"good", "bad"};
    expect_fault_in(files, 2, "bad:1:13: flags.b.on: must be a boolean, not a number");
}

/* ---- several files ------------------------------------------------------------------------ */

static void files_of_both_formats_are_merged(void **state)
{
    (void)state;
    write_file("native", "ffshm: 1\nflags:\n  a: " SWITCH "}\n");
    write_file("ld", "{\"flagValues\":{\"b\":1},\"segments\":{\"a\":{}}}");
    const char *const files[] = {"native", "ld"};
    struct definitions d = load(files, 2);
    assert_int_equal(d.count, 3);
    assert_string_equal(find(&d, "b")->provenance.text, "file:ld");
    definitions_free(&d);
    d = load(files, 0);
    assert_int_equal(d.count, 0);
    definitions_free(&d);
}

static void a_key_twice_is_a_fault_that_names_both_places(void **state)
{
    (void)state;
    write_file("first", "ffshm: 1\nflags:\n  b: " SWITCH "}\n  a: " SWITCH "}\n");
    write_file("second", "{\"flagValues\":{\"x\":1,\n \"a\":1}}");
    const char *const files[] = {"first", "second"};
    expect_fault_in(files, 2,
                    "second:2:2: flagValues.a: the flag is already defined in first, "
                    "line 4; a key may be there once, in all files together");
    expect_fault("flags: {a: {}}\nflagValues: {a: 1}\n",
                 "one:2:14: flagValues.a: the flag is already defined in one, line 1; a key may be "
                 "there once, in all files together");
    const char *const same[] = {"first", "first"};
    expect_fault_in(same, 2,
                    "first:3:3: flags.b: the flag is already defined in first, line 3; a "
                    "key may be there once, in all files together");
}

static void prerequisites_reach_into_other_files(void **state)
{
    (void)state;
    write_file("a", "ffshm: 1\nflags:\n  a: " SWITCH ", prerequisites: [{flag: b, variant: off}, "
                    "{flag: nowhere, variant: on}, {flag: v, variant: 0}]}\n");
    write_file("b", "ffshm: 1\nflags:\n  b: " SWITCH "}\n");
    write_file("v", "flagValues: {v: 1}\n");
    const char *const files[] = {"a", "b", "v"};
    struct definitions d = load(files, 3);
    const struct model_flag *flag = &find(&d, "a")->as.flag;
    assert_int_equal(flag->prerequisites[0].variation, 1);
    assert_int_equal(flag->prerequisites[1].variation, -1);
    assert_int_equal(flag->prerequisites[2].variation, 0);
    definitions_free(&d);
    write_file("a", "ffshm: 1\nflags:\n  a: " SWITCH ",\n prerequisites: [\n  {flag: b, variant: "
                    "x}]}\n");
    expect_fault_in(files, 3,
                    "a:5:13: flags.a.prerequisites[0].variant: the flag b has no variant "
                    "\"x\"; its variants are on, off");
    write_file("a", "ffshm: 1\nflags:\n  a: " SWITCH ",\n prerequisites: [\n  {flag: v, variant: "
                    "x}]}\n");
    expect_fault_in(files, 3,
                    "a:5:13: flags.a.prerequisites[0].variant: the flag v has no variant \"x\"; "
                    "write the variation's index: its variations have no names");
}

/* ---- files that are none ------------------------------------------------------------------ */

static void what_is_not_a_readable_file_is_named(void **state)
{
    (void)state;
    const char *const missing[] = {"missing"};
    expect_fault_in(missing, 1, "missing: cannot be opened: No such file or directory");
    const char *const directory[] = {"."};
    expect_fault_in(directory, 1, ".: is not a file but a directory");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    const char *const fifo[] = {"fifo"};
    expect_fault_in(fifo, 1, "fifo: is not a file"); /* and it does not wait */
    const char *const device[] = {"/dev/zero"};
    expect_fault_in(device, 1, "/dev/zero: is not a file");
    const int fd = open("huge", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(ftruncate(fd, (off_t)DEFINITIONS_MAX_FILE + 1), 0);
    (void)close(fd);
    const char *const huge[] = {"huge"};
    expect_fault_in(huge, 1, "huge: is larger than 512 MiB");
}

static void files_of_the_kernel_are_read_though_they_say_they_are_empty(void **state)
{
    (void)state;
    const char *const files[] = {"/proc/self/cmdline"};
    struct definitions d;
    struct fault fault;
    assert_int_equal(definitions_load(files, 1, NOON_MS, NULL, &d, &fault), -1);
    assert_non_null(strstr(fault.cause, "a NUL byte")); /* between the arguments: it was read */
}

/* ---- size --------------------------------------------------------------------------------- */

static void long_lists_many_flags_and_large_values_are_read(void **state)
{
    (void)state;
    FILE *file = fopen("large", "w");
    assert_non_null(file);
    (void)fprintf(file, "{\"ffshm\":1,\"flags\":{");
    for (int i = 0; i < 20000; i++) {
        (void)fprintf(file,
                      "%s\"f%d\":{\"variants\":[{\"key\":\"a\",\"value\":%d}],\"default_variant\":"
                      "\"a\",\"targets\":[{\"variant\":\"a\",\"keys\":[\"u%d\"]}]}",
                      i > 0 ? "," : "", i, i, i);
    }
    (void)fprintf(file, "},\"segments\":{\"s\":{\"included\":[");
    for (int i = 0; i < 200000; i++) {
        (void)fprintf(file, "%s\"user-%d\"", i > 0 ? "," : "", i);
    }
    (void)fprintf(file, "],\"description\":\"");
    for (int i = 0; i < 1 << 20; i++) {
        (void)fputc('x', file);
    }
    (void)fprintf(file, "\"}}}");
    assert_int_equal(fclose(file), 0);
    const char *const files[] = {"large"};
    struct definitions d = load(files, 1);
    assert_int_equal(d.count, 20001);
    assert_int_equal(json_array_size(find(&d, "s")->as.segment.included), 200000);
    definitions_free(&d);
}

/* ---- reloads ------------------------------------------------------------------------------- */

#define FLAG(value)                                                                                \
    "{\"version\": 1, \"on\": true, \"variations\": [" value                                       \
    "], \"fallthrough\": {\"variation\": 0}}"

static struct definitions reload(struct document_memo *memo, const char *text)
{
    write_file("one", text);
    struct definitions definitions;
    struct fault fault;
    assert_int_equal(
        definitions_load(&(const char *){"one"}, 1, NOON_MS, memo, &definitions, &fault), 0);
    return definitions;
}

static void a_reload_parses_what_changed(void **state)
{
    (void)state;
    struct document_memo *memo = document_memo_new();
    /* Brackets, quotes and escapes in strings do not end a value. */
    struct definitions a =
        reload(memo, "{\"flags\": {\"x\": " FLAG("\"}]\\\"[{\\\\\"") ", \"y\": " FLAG("1") "}}");
    struct definitions b =
        reload(memo, "{\"flags\": {\"x\": " FLAG("\"}]\\\"[{\\\\\"") ", \"y\": " FLAG(
                         "2") ", \"z\": " FLAG("2") "}}");
    assert_ptr_equal(find(&a, "x")->json, find(&b, "x")->json);
    assert_string_equal(json_string_value(json_array_get(find(&b, "x")->as.flag.variations, 0)),
                        "}]\"[{\\");
    assert_ptr_not_equal(find(&a, "y")->json, find(&b, "y")->json);
    assert_int_equal(json_integer_value(json_array_get(find(&b, "y")->as.flag.variations, 0)), 2);
    assert_ptr_equal(find(&b, "y")->json, find(&b, "z")->json);
    definitions_free(&a);
    definitions_free(&b);
    document_memo_free(memo);
}

static void a_reload_finds_the_same_faults(void **state)
{
    (void)state;
    struct document_memo *memo = document_memo_new();
    struct definitions d = reload(memo, "{\"flags\": {\"x\": " FLAG("1") "}}");
    static const char *const bad[] = {
        "{\"flags\": {\"x\": " FLAG("1") ", \"x\": " FLAG("1") "}}",
        "{\"flags\": {\"x\": " FLAG("1") "} \"y\": 1}",
        "{\"flags\": {\"x\": " FLAG("1"),
        "{\"flags\": {\"x\": {\"version\": 1, \"on\": true, \"variations\": [",
        "{\"flags\": {\"x\": " FLAG("1") ", \"y\": {\"on\": 7}}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct definitions unused;
        struct fault with;
        struct fault without;
        write_file("one", bad[i]);
        const char *const files[] = {"one"};
        assert_int_equal(definitions_load(files, 1, NOON_MS, memo, &unused, &with), -1);
        assert_int_equal(definitions_load(files, 1, NOON_MS, NULL, &unused, &without), -1);
        char a[1500];
        char b[1500];
        (void)fault_text(&with, a, sizeof a);
        (void)fault_text(&without, b, sizeof b);
        assert_string_equal(a, b);
    }
    /* What failed has not cost what was remembered. */
    struct definitions again = reload(memo, "{\"flags\": {\"x\": " FLAG("1") "}}");
    assert_ptr_equal(find(&d, "x")->json, find(&again, "x")->json);
    definitions_free(&d);
    definitions_free(&again);
    document_memo_free(memo);
}

/* The file that the documentation and the demonstration begin with. */
static void the_example_is_good(void **state)
{
    (void)state;
    const char *root = getenv("FFSHM_SOURCE_DIR");
    if (root == NULL) {
        skip();
    }
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/examples/flags.yaml", root);
    const char *const files[] = {path};
    struct definitions d = load(files, 1);
    assert_int_equal(d.count, 14);
    assert_int_not_equal(d.next_ms, 0);
    definitions_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_files_are_lowered),
        cmocka_unit_test(launchdarklys_format_is_read_in_json_and_yaml),
        cmocka_unit_test(a_flag_without_inner_key_takes_the_outer_one),
        cmocka_unit_test(files_that_are_neither_format_say_what_is_missing),
        cmocka_unit_test(faults_have_file_line_column_and_member),
        cmocka_unit_test(one_bad_definition_refuses_all),
        cmocka_unit_test(files_of_both_formats_are_merged),
        cmocka_unit_test(a_key_twice_is_a_fault_that_names_both_places),
        cmocka_unit_test(prerequisites_reach_into_other_files),
        cmocka_unit_test(what_is_not_a_readable_file_is_named),
        cmocka_unit_test(files_of_the_kernel_are_read_though_they_say_they_are_empty),
        cmocka_unit_test(long_lists_many_flags_and_large_values_are_read),
        cmocka_unit_test(a_reload_parses_what_changed),
        cmocka_unit_test(a_reload_finds_the_same_faults),
        cmocka_unit_test(the_example_is_good),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
