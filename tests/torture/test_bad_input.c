/*
 * test_bad_input.c - what people give the agent by mistake, and in earnest: each bad file is
 * refused with its name, the place, the member and the cause, and changes nothing; each enormous
 * one that is good loads and evaluates.
 *
 * The agent's own path in one process: definitions_load, pipeline, publisher, and a reader that
 * sees what is published. torture/bad_input.sh does the same to a running ffagent.
 *
 * ctest: merge timeout=300
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ffshm.h"
#include "live_store.h"
#include "pipeline.h"
#include "source/definitions.h"

#define GOOD                                                                                       \
    "ffshm: 1\n"                                                                                   \
    "flags:\n"                                                                                     \
    "  color: {variants: [{key: r, value: red}], default_variant: r}\n"

static struct live_store live;
static struct event_base *base;
static struct pipeline *pipeline;
static struct ffshm *reader;
static char file[128];
static struct fault fault;

/* ---- what the agent does with a file ---- */

static int load(const char *path)
{
    struct definitions definitions;
    const char *const files[] = {path};
    if (definitions_load(files, 1, 1767225600000, NULL, &definitions, &fault) != 0) {
        return -1;
    }
    assert_int_equal(pipeline_replace(pipeline, CATALOG_FILE, definitions.items, definitions.count),
                     0);
    definitions.count = 0; /* the items are taken; the array is not */
    definitions_free(&definitions);
    assert_int_equal(pipeline_publish(pipeline), 0);
    assert_int_equal(ffshm_refresh(reader), FFSHM_OK);
    return 0;
}

static void write_file(const void *bytes, size_t size)
{
    unlink(file);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    close(fd);
}

static void evaluate(const char *flag, const char *key, char *buffer, size_t capacity)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, key);
    ffshm_json(reader, flag, &c, "null", buffer, capacity);
}

static void assert_value(const char *flag, const char *key, const char *expected)
{
    char buffer[256];
    evaluate(flag, key, buffer, sizeof(buffer));
    assert_string_equal(buffer, expected);
}

static uint64_t generation(void)
{
    struct ffshm_status status;
    ffshm_status(reader, &status);
    assert_int_equal(status.refused, 0);
    return status.newest_generation;
}

/* ---- a bad file ---- */

struct bad {
    const char *text;
    size_t length; /* 0: strlen */
    unsigned line; /* 0: some line */
    unsigned column;
    const char *member; /* of the fault; NULL: any */
    const char *cause;  /* a part of it */
};

static void assert_refused(const char *path, const struct bad *bad)
{
    const uint64_t before = generation();
    memset(&fault, 0, sizeof(fault));
    assert_int_equal(load(path), -1);
    char text[2048];
    assert_true(fault_text(&fault, text, sizeof(text)) < sizeof(text));
    if (getenv("FFSHM_SHOW")) {
        printf("%s\n", text);
    }
    const bool right = strcmp(fault.file, path) == 0 && strstr(fault.cause, bad->cause) &&
                       (bad->line == 0 || fault.line == bad->line) &&
                       (bad->column == 0 || fault.column == bad->column) &&
                       (!bad->member || strcmp(fault.member, bad->member) == 0);
    if (!right) {
        fail_msg("expected %u:%u: %s: ... %s ..., got %s", bad->line, bad->column,
                 bad->member ? bad->member : "*", bad->cause, text);
    }
    assert_int_equal(ffshm_refresh(reader), FFSHM_OK);
    assert_true(generation() == before);
    assert_value("color", "anybody", "\"red\"");
}

static void assert_text_refused(const struct bad *bad)
{
    write_file(bad->text, bad->length ? bad->length : strlen(bad->text));
    assert_refused(file, bad);
    assert_true(fault.line > 0 && fault.column > 0);
}

#define N(text) (text), sizeof(text) - 1

static void texts_that_are_no_documents(void **state)
{
    (void)state;
    static const struct bad list[] = {
        {"", 0, 1, 1, "", "empty"},
        {" \n\t\n", 0, 0, 0, "", ""},
        {"# only a comment\n", 0, 0, 0, "", "empty"},
        {"{\"flags\": {\"a\": {\"on\": tr", 0, 1, 0, "", ""},
        {"{\"flags\": {}", 0, 1, 0, "", ""},
        {"{\"flags\": {}} trailing", 0, 1, 15, "", ""},
        {"{\"flags\": {\"a\": {\"on\": true,}}}", 0, 1, 0, "", ""},
        {"{\"flags\": {'a': {}}}", 0, 1, 12, "", ""},
        {"{\"flags\":\n  {\"a\": 01}}", 0, 2, 0, "", ""},
        {"{\"flagValues\": {\"a\": 1e999}}", 0, 1, 22, "", "large"},
        {"{\"flagValues\": {\"a\": \"\\ud800\"}}", 0, 1, 0, "", ""},
        {"flags:\n\ta: 1\n", 0, 2, 0, "", ""},
        {"flags:\n  a: [1, 2\n", 0, 0, 0, "", ""},
        {"flags:\n  a: *nowhere\n", 0, 2, 6, "", "no anchor"},
        {"flags:\n  a: &x [*x]\n", 0, 2, 0, "", "no anchor"},
        {"--- {}\n--- {}\n", 0, 0, 0, "", ""},
        {"flags: {}\nflags: {}\n", 0, 2, 1, "", "line 1"},
        {"{\"flags\": {\"a\": {\"on\": true},\n \"a\": {\"on\": false}}}", 0, 2, 2, "", "line 1"},
        {"flags:\n  a:\n    on: true\n    on: false\n", 0, 4, 5, "", "line 3"},
        {N("flagValues:\n  a: \"\xff\"\n"), 2, 7, "", "not UTF-8"},
        {N("flagValues: {a: \"\xc0\x80\"}"), 1, 0, "", "not UTF-8"},
        {N("flagValues: {a: \"\xed\xa0\x80\"}"), 1, 0, "", "not UTF-8"},
        {N("\xff\xfe{\0}\0"), 1, 1, "", "not UTF-8"},
        {N("{\"flags\": {}}\0\0\0\0"), 1, 14, "", "NUL"},
        {N("{\"fl\0ags\": {}}"), 1, 5, "", "NUL"},
        {"{\"flags\": {\"a\\u0000b\": {\"on\": true}}}", 0, 1, 0, NULL, "NUL"},
        {"flags:\n  \"a\\0b\": {on: true}\n", 0, 2, 0, NULL, "NUL"},
        {"\x7f"
         "ELF\x01\x02\x03",
         0, 1, 0, "", ""},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        assert_text_refused(&list[i]);
    }
}

static void documents_that_are_no_definitions(void **state)
{
    (void)state;
    static const struct bad list[] = {
        {"[]", 0, 1, 1, "", "object"},
        {"just text", 0, 1, 1, "", "object"},
        {"{}", 0, 1, 1, "", "flags"},
        {"flag: {}\n", 0, 1, 1, "", "flags"},
        {"flags: []\n", 0, 1, 1, "flags", "object"},
        {"flags:\n", 0, 1, 1, "flags", "empty"},
        {"flags:\n  a: true\n", 0, 2, 3, "flags.a", "object"},
        {"segments:\n  s: [1]\n", 0, 2, 3, "segments.s", "object"},
        {"{\"flags\": {\"a\": {\"on\": 1}}}", 0, 1, 18, "flags.a.on", "boolean"},
        {"{\"flags\": {\"a\": {\"on\": \"true\"}}}", 0, 1, 18, "flags.a.on", "boolean"},
        {"{\"flags\": {\"a\": {\"version\": \"1\"}}}", 0, 1, 18, "flags.a.version", "integer"},
        {"{\"flags\": {\"a\": {\"version\": 1.5}}}", 0, 1, 18, "flags.a.version", "integer"},
        {"{\"flags\": {\"a\": {\"offVariation\": 1e30}}}", 0, 1, 18, "flags.a.offVariation",
         "integer"},
        {"{\"flags\": {\"a\": {\"variations\": {}}}}", 0, 1, 18, "flags.a.variations", "list"},
        {"{\"flags\": {\"a\": {\"rules\": [{}, {\"clauses\": [{\"op\": 7}]}]}}}", 0, 1, 0,
         "flags.a.rules[1].clauses[0].op", "string"},
        {"{\"flags\": {\"a\": {\"targets\": [{\"values\": [\"x\", 5]}]}}}", 0, 1, 0,
         "flags.a.targets[0].values[1]", "string"},
        {"{\"flags\": {\"a\": {\"rules\": [3]}}}", 0, 1, 0, "flags.a.rules[0]", "object"},
        {"{\"flags\": {\"a\": {\"prerequisites\": [{\"key\": \"b\", \"variation\": \"0\"}]}}}", 0,
         1, 0, "flags.a.prerequisites[0].variation", "integer"},
        {"{\"flags\": {\"a\": {\"fallthrough\": {\"rollout\": {\"variations\": [{\"weight\": "
         "true}]}}}}}",
         0, 1, 0, "flags.a.fallthrough.rollout.variations[0].weight", "integer"},
        {"{\"segments\": {\"s\": {\"included\": \"u\"}}}", 0, 1, 0, "segments.s.included", "list"},
        {"{\"flags\": {\"a\": {\"variants\": [], \"default_variant\": \"x\"}}}", 0, 1, 0, NULL,
         "variants"},
        {"{\"flagValues\": {\"a\": 1}, \"flags\": {\"a\": {}}}", 0, 1, 0, "flagValues.a",
         "already"},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        assert_text_refused(&list[i]);
    }
}

#define FLAG(members)                                                                              \
    "ffshm: 1\nflags:\n  f:\n    variants: [{key: a, value: 1}, {key: b, value: 2}]\n"             \
    "    default_variant: a\n" members

static void native_definitions_that_are_wrong(void **state)
{
    (void)state;
    static const struct bad list[] = {
        {"ffshm: 2\nflags: {}\n", 0, 1, 1, "ffshm", "1"},
        {"ffshm: 1\nflag: {}\n", 0, 2, 1, "flag", ""},
        {FLAG("    enabeld: true\n"), 0, 6, 5, "flags.f.enabeld", "no such member"},
        {FLAG("    enabled: 1\n"), 0, 6, 5, "flags.f.enabled", "must be"},
        {FLAG("    fallback_variant: c\n"), 0, 6, 5, "flags.f.fallback_variant", "\"c\""},
        {"ffshm: 1\nflags:\n  f: {variants: [{key: a, value: 1}, {key: a, value: 2}]}\n", 0, 3, 0,
         NULL, "a"},
        {"ffshm: 1\nflags:\n  f: {variants: [{key: a, value: 1, percentage: 60}, {key: b, value: "
         "2, percentage: 50}], default_variant: a}\n",
         0, 3, 0, NULL, "100"},
        {"ffshm: 1\nflags:\n  f: {variants: [{key: a, value: 1, percentage: -1}], default_variant: "
         "a}\n",
         0, 3, 0, "flags.f.variants[0].percentage", ""},
        {FLAG("    prerequisites: [{flag: f, variant: a}]\n"), 0, 6, 0, NULL, ""},
        {FLAG("    prerequisites: [{flag: g, variant: a}]\n"
              "  g:\n    variants: [{key: a, value: 1}]\n    default_variant: a\n"
              "    prerequisites: [{flag: f, variant: a}]\n"),
         0, 0, 0, NULL, ""},
        {FLAG("    targeting_rules: [{conditions: [{attribute: x, operator: is, value: 1}], "
              "variant: a}]\n"),
         0, 6, 0, "flags.f.targeting_rules[0].conditions[0].operator", "is"},
        {FLAG("    targeting_rules: [{conditions: [{attribute: x, operator: greater_than, value: "
              "many}], variant: a}]\n"),
         0, 6, 0, "flags.f.targeting_rules[0].conditions[0].value", "number"},
        {FLAG("    targeting_rules: [{conditions: [], variant: zzz}]\n"), 0, 6, 0, NULL, "zzz"},
        {FLAG("    schedule: [{at: tomorrow, set: {enabled: false}}]\n"), 0, 6, 0,
         "flags.f.schedule[0].at", ""},
        {FLAG("    schedule: [{at: 2030-01-01T00:00:00Z, set: {enabeld: false}}]\n"), 0, 6, 0, NULL,
         ""},
        {"ffshm: 1\nsegments:\n  s: {rules: [{conditions: [{operator: in_segment, value: s}]}]}\n",
         0, 3, 0, NULL, ""},
        {"ffshm: 1\nsegments:\n  s: {included: [1]}\n", 0, 3, 0, "segments.s.included[0]", ""},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        assert_text_refused(&list[i]);
    }
}

/* ---- things that are no files ---- */

static void paths_that_lead_to_no_file(void **state)
{
    (void)state;
    char path[200];
    snprintf(path, sizeof(path), "%s/input/missing.yaml", live.dir);
    assert_refused(path, &(struct bad){.cause = "No such file"});
    snprintf(path, sizeof(path), "%s", live.dir);
    assert_refused(path, &(struct bad){.cause = "directory"});
    unlink(file);
    assert_int_equal(mkfifo(file, 0644), 0);
    assert_refused(file, &(struct bad){.cause = "not a file"});
    unlink(file);
    assert_int_equal(symlink(file, file), 0);
    assert_refused(file, &(struct bad){.cause = "symbolic links"});
    unlink(file);
    assert_refused("/dev/zero", &(struct bad){.cause = "not a file"});
    assert_refused("/proc/self/mem", &(struct bad){.cause = "cannot be"});
}

static void a_file_that_may_not_be_read(void **state)
{
    (void)state;
    write_file(GOOD, sizeof(GOOD) - 1);
    assert_int_equal(chmod(file, 0), 0);
    const uid_t user = geteuid();
    if (user == 0) {
        assert_int_equal(seteuid(65534), 0); /* root may read everything */
    }
    const int result =
        definitions_load(&(const char *){file}, 1, 0, NULL, &(struct definitions){0}, &fault);
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(result, -1);
    assert_string_equal(fault.file, file);
    assert_non_null(strstr(fault.cause, "Permission denied"));
}

static void a_file_beyond_all_measure_is_not_even_read(void **state)
{
    (void)state;
    unlink(file);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(fd, (off_t)DEFINITIONS_MAX_FILE + 1), 0);
    close(fd);
    assert_refused(file, &(struct bad){.cause = "larger than 512 MiB"});
}

/* ---- cut off ---- */

static char *read_source(const char *name, size_t *size)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", FFSHM_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char *text = malloc(1 << 20);
    assert_non_null(text);
    *size = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void a_file_that_is_half_written_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    size_t size;
    char *text = read_source("tests/data/rich.json", &size);
    while (size > 0 && text[size - 1] != '}') {
        size--;
    }
    for (size_t cut = 1; cut < size; cut += 23) {
        assert_text_refused(&(struct bad){text, cut, 0, 0, NULL, ""});
    }
    free(text);
}

/* YAML that ends early may be whole; what matters is that nothing else happens. */
static void yaml_cut_anywhere_is_taken_or_refused(void **state)
{
    (void)state;
    size_t size;
    char *text = read_source("examples/flags.yaml", &size);
    unsigned refused = 0;
    for (size_t cut = 1; cut < size; cut += 61) {
        write_file(text, cut);
        struct definitions definitions;
        if (definitions_load(&(const char *){file}, 1, 0, NULL, &definitions, &fault) == 0) {
            definitions_free(&definitions);
        } else {
            refused++;
            assert_true(fault.cause[0] && fault.line > 0);
        }
    }
    assert_true(refused > 10);
    free(text);
}

/* ---- enormous ---- */

struct text {
    char *at;
    size_t length;
    size_t capacity;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    if (t->capacity - t->length < 4096) {
        t->capacity = t->capacity * 2 + 8192;
        t->at = realloc(t->at, t->capacity);
        assert_non_null(t->at);
    }
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(t->at + t->length, t->capacity - t->length, format, arguments);
    va_end(arguments);
    assert_in_range(n, 0, 4095);
    t->length += (size_t)n;
}

static void add_many(struct text *t, size_t count, const char *piece)
{
    for (size_t i = 0; i < count; i++) {
        add(t, "%s", piece);
    }
}

static void load_good(struct text *t)
{
    write_file(t->at, t->length);
    free(t->at);
    *t = (struct text){0};
    if (load(file) != 0) {
        char text[2048];
        fault_text(&fault, text, sizeof(text));
        fail_msg("%s", text);
    }
}

/* The bombs come before all that may really use memory. */
static void bombs_are_refused_before_they_grow(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (int c = 'b'; c < 'k'; c++) {
        add(&t, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c - 1, c - 1,
            c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
    }
    assert_text_refused(&(struct bad){t.at, t.length, 0, 0, "", "aliases"});
    t.length = 0;
    add(&t, "flagValues: {a: ");
    add_many(&t, 10000, "[");
    assert_text_refused(&(struct bad){t.at, t.length, 1, 0, "", "levels"});
    t.length = 0;
    add(&t, "{\"flagValues\": {\"a\": ");
    add_many(&t, 10000, "[");
    add_many(&t, 10000, "]");
    add(&t, "}}");
    assert_text_refused(&(struct bad){t.at, t.length, 1, 0, "", "levels"});
    t.length = 0;
    add(&t, "{\"flagValues\": ");
    add_many(&t, 10000, "{\"a\":");
    assert_text_refused(&(struct bad){t.at, t.length, 1, 0, "", "levels"});
    free(t.at);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    assert_in_range(usage.ru_maxrss, 1, 256 << 10);
}

static void a_target_list_of_200000_keys(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flags\": {\"f\": {\"version\": 1, \"on\": true, \"variations\": [\"out\", \"in\"], "
            "\"fallthrough\": {\"variation\": 0}, \"targets\": [{\"variation\": 1, \"values\": [");
    for (int i = 0; i < 200000; i++) {
        add(&t, "%s\"customer-%06d\"", i ? "," : "", i);
    }
    add(&t, "]}]}}, \"flagValues\": {\"color\": \"red\"}}");
    load_good(&t);
    assert_value("f", "customer-000000", "\"in\"");
    assert_value("f", "customer-100000", "\"in\"");
    assert_value("f", "customer-199999", "\"in\"");
    assert_value("f", "customer-200000", "\"out\"");
    assert_value("color", "anybody", "\"red\"");
}

static void a_hundred_thousand_flags(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flagValues\": {\"color\": \"red\"");
    for (int i = 0; i < 100000; i++) {
        add(&t, ", \"flag-%06d\": %d", i, i);
    }
    add(&t, "}}");
    load_good(&t);
    assert_value("flag-000000", "u", "0");
    assert_value("flag-054321", "u", "54321");
    assert_value("flag-099999", "u", "99999");
    assert_value("flag-100000", "u", "null");
    struct ffshm_status status;
    ffshm_status(reader, &status);
    assert_int_equal(status.flags, 100001);
}

static void values_of_a_megabyte(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flagValues\": {\"color\": \"red\", \"text\": \"");
    add_many(&t, 1 << 16, "0123456789abcdef");
    add(&t, "\", \"list\": [");
    add_many(&t, 1 << 18, "[1],");
    add(&t, "[]]}}");
    load_good(&t);
    const size_t capacity = 4 << 20;
    char *buffer = malloc(capacity);
    assert_non_null(buffer);
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "u");
    assert_int_equal(ffshm_string(reader, "text", &c, "", buffer, capacity), 1 << 20);
    assert_memory_equal(buffer, "0123456789abcdef", 16);
    assert_memory_equal(buffer + (1 << 20) - 16, "0123456789abcdef", 17);
    assert_int_equal(ffshm_json(reader, "list", &c, "", buffer, capacity), (4 << 18) + 4);
    assert_memory_equal(buffer, "[[1],[1],", 9);
    assert_memory_equal(buffer + (4 << 18) - 3, "[1],[]]", 8);
    free(buffer);
}

static void a_value_of_five_hundred_levels(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flagValues\": {\"color\": \"red\", \"deep\": ");
    add_many(&t, 500, "[");
    add_many(&t, 500, "]");
    add(&t, "}}");
    load_good(&t);
    char buffer[2000];
    evaluate("deep", "u", buffer, sizeof(buffer));
    assert_int_equal(strlen(buffer), 1000);
    assert_int_equal(strspn(buffer, "["), 500);
}

static void a_chain_of_prerequisites_too_deep_to_follow(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flagValues\": {\"color\": \"red\"}, \"flags\": {");
    for (int i = 0; i < 1000; i++) {
        add(&t,
            "%s\"f%d\": {\"on\": true, \"variations\": [1, 2], \"fallthrough\": {\"variation\": "
            "1}, \"prerequisites\": [{\"key\": \"f%d\", \"variation\": 1}]}",
            i ? "," : "", i, i + 1);
    }
    add(&t, ", \"f1000\": {\"on\": true, \"variations\": [1, 2], \"fallthrough\": {\"variation\": "
            "1}}}}");
    load_good(&t);
    struct ffshm_detail detail;
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "u");
    assert_int_equal(ffshm_int_detail(reader, "f900", &c, -1, &detail), 2);
    assert_int_equal(ffshm_int_detail(reader, "f0", &c, -1, &detail), -1);
    assert_int_equal(detail.error, FFSHM_MALFORMED_FLAG);
    assert_value("color", "u", "\"red\"");
}

/* LaunchDarkly's own data may hold a cycle: it is the flag's fault, not the file's. */
static void a_cycle_in_launchdarklys_format_harms_its_flags_only(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "{\"flagValues\": {\"color\": \"red\"}, \"flags\": {"
            "\"a\": {\"on\": true, \"variations\": [1], \"fallthrough\": {\"variation\": 0}, "
            "\"prerequisites\": [{\"key\": \"b\", \"variation\": 0}]},"
            "\"b\": {\"on\": true, \"variations\": [1], \"fallthrough\": {\"variation\": 0}, "
            "\"prerequisites\": [{\"key\": \"a\", \"variation\": 0}]}}}");
    load_good(&t);
    assert_value("a", "u", "null");
    assert_value("b", "u", "null");
    assert_value("color", "u", "\"red\"");
}

static void long_names_and_many_rules(void **state)
{
    (void)state;
    struct text t = {0};
    char key[3001];
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    add(&t,
        "{\"flagValues\": {\"color\": \"red\", \"%s\": true}, \"flags\": {\"rules\": {\"on\": "
        "true, \"variations\": [0, 1], \"fallthrough\": {\"variation\": 0}, \"rules\": [",
        key);
    for (int i = 0; i < 20000; i++) {
        add(&t,
            "%s{\"id\": \"r%d\", \"variation\": 1, \"clauses\": [{\"attribute\": \"key\", \"op\": "
            "\"in\", \"values\": [\"u%d\"]}]}",
            i ? "," : "", i, i);
    }
    add(&t, "]}}}");
    load_good(&t);
    assert_value(key, "u", "true");
    assert_value("rules", "u19999", "1");
    assert_value("rules", "u20000", "0");
}

/* ---- */

static int begin(void **state)
{
    (void)state;
    live_store_open(&live);
    char input[80];
    snprintf(input, sizeof(input), "%s/input", live.dir);
    mkdir(input, 0755);
    chmod(live.dir, 0755);
    snprintf(file, sizeof(file), "%s/flags", input);
    base = event_base_new();
    pipeline = pipeline_new(base, live.publisher, NULL, NULL);
    reader = ffshm_open(live.dir, NULL);
    return base && pipeline && reader ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    char input[80];
    ffshm_close(reader);
    pipeline_free(pipeline);
    event_base_free(base);
    unlink(file);
    snprintf(input, sizeof(input), "%s/input", live.dir);
    rmdir(input);
    live_store_close(&live);
    return 0;
}

static int load_red(void **state)
{
    (void)state;
    write_file(GOOD, sizeof(GOOD) - 1);
    return load(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bombs_are_refused_before_they_grow, load_red),
        cmocka_unit_test_setup(texts_that_are_no_documents, load_red),
        cmocka_unit_test_setup(documents_that_are_no_definitions, load_red),
        cmocka_unit_test_setup(native_definitions_that_are_wrong, load_red),
        cmocka_unit_test_setup(paths_that_lead_to_no_file, load_red),
        cmocka_unit_test_setup(a_file_that_may_not_be_read, load_red),
        cmocka_unit_test_setup(a_file_beyond_all_measure_is_not_even_read, load_red),
        cmocka_unit_test_setup(a_file_that_is_half_written_is_refused_wherever_it_ends, load_red),
        cmocka_unit_test_setup(yaml_cut_anywhere_is_taken_or_refused, load_red),
        cmocka_unit_test(a_target_list_of_200000_keys),
        cmocka_unit_test(a_hundred_thousand_flags),
        cmocka_unit_test(values_of_a_megabyte),
        cmocka_unit_test(a_value_of_five_hundred_levels),
        cmocka_unit_test(a_chain_of_prerequisites_too_deep_to_follow),
        cmocka_unit_test(a_cycle_in_launchdarklys_format_harms_its_flags_only),
        cmocka_unit_test(long_names_and_many_rules),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
