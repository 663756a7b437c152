/* Building a context with the C API, and reading it as the evaluator does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "hash.h"

static struct ffshm_context user(void)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "key");
    return c;
}

static struct context_value get_of(const struct ffshm_context *c, const char *kind,
                                   const char *name)
{
    return context_named(c, hash_attribute(name, strlen(name), hash_bytes(kind, strlen(kind))));
}

static struct context_value get(const struct ffshm_context *c, const char *name)
{
    return get_of(c, "user", name);
}

static void assert_text(struct context_value v, const char *text)
{
    assert_int_equal(v.type, CONTEXT_STRING);
    assert_int_equal(v.length, strlen(text));
    assert_memory_equal(v.as.text, text, v.length);
}

static void assert_number(struct context_value v, double number)
{
    assert_int_equal(v.type, CONTEXT_NUMBER);
    assert_true(v.as.number == number);
}

static void assert_json(const struct ffshm_context *c, const char *json)
{
    char buffer[1024];
    assert_int_equal(context_to_json(c, buffer, sizeof buffer), strlen(json));
    assert_string_equal(buffer, json);
}

/* ---- kinds --------------------------------------------------------------------------------- */

static void the_constant_hash_of_user_is_right(void **state)
{
    (void)state;
    assert_true(hash_bytes("user", 4) == HASH_KIND_USER);
    const struct ffshm_context c = user();
    assert_true(c.kinds[0].kind_hash == HASH_KIND_USER);
}

static void a_context_starts_with_kind_and_key(void **state)
{
    (void)state;
    struct ffshm_context c;
    memset(&c, 0xee, sizeof c);
    ffshm_context_init(&c, "org", "acme");
    assert_int_equal(c.error, FFSHM_OK);
    assert_int_equal(c.kind_count, 1);
    assert_int_equal(context_kind(&c, hash_bytes("org", 3)), 0);
    assert_int_equal(context_kind(&c, HASH_KIND_USER), -1);
    assert_json(&c, "{\"kind\":\"org\",\"key\":\"acme\"}");
}

static void no_kind_means_user(void **state)
{
    (void)state;
    static const char *const kinds[] = {NULL, "", "user"};
    for (size_t i = 0; i < 3; i++) {
        struct ffshm_context c;
        ffshm_context_init(&c, kinds[i], "k");
        assert_int_equal(c.error, FFSHM_OK);
        assert_json(&c, "{\"kind\":\"user\",\"key\":\"k\"}");
    }
}

static void malformed_kinds_and_keys_make_a_context_invalid(void **state)
{
    (void)state;
    static const char *const kinds[] = {"kind", "multi", " ", "a b", "a/b", "\xc3\xa9", "a:b"};
    struct ffshm_context c;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        ffshm_context_init(&c, kinds[i], "key");
        assert_int_equal(c.error, FFSHM_INVALID_CONTEXT);
        assert_int_equal(ffshm_context_string(&c, "a", "b"), FFSHM_OK);
    }
    ffshm_context_init(&c, NULL, NULL);
    assert_int_equal(c.error, FFSHM_INVALID_CONTEXT);
    ffshm_context_init(&c, NULL, "");
    assert_int_equal(c.error, FFSHM_INVALID_CONTEXT);
    assert_int_equal(ffshm_context_number(&c, "a", 1), FFSHM_OK);
    static const char *const good[] = {"kinds", "mult", "Multi", "KIND", "A.b_c-9", "use", "users"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ffshm_context_init(&c, good[i], "key");
        assert_int_equal(c.error, FFSHM_OK);
    }
}

static void null_is_harmless(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    ffshm_context_init(NULL, NULL, NULL);
    ffshm_context_anonymous(NULL, true);
    assert_int_equal(ffshm_context_string(NULL, "a", "b"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(NULL, "a", NULL), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, NULL, "b"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_bool(NULL, "a", true), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_number(NULL, "a", 1), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_strings(&c, "a", NULL, 1), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_json(&c, "a", NULL), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_private(&c, NULL), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_add(&c, NULL), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_add(NULL, &c), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_parse(NULL, "{}", 2, NULL, 0), FFSHM_INVALID_ARGUMENT);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\"}");
}

/* ---- attributes ---------------------------------------------------------------------------- */

static void attributes_of_every_type_are_read_back(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    static const char *const texts[] = {"a", "b"};
    assert_int_equal(ffshm_context_string(&c, "string", "text"), FFSHM_OK);
    assert_int_equal(ffshm_context_bool(&c, "bool", true), FFSHM_OK);
    assert_int_equal(ffshm_context_number(&c, "number", -1.5), FFSHM_OK);
    assert_int_equal(ffshm_context_strings(&c, "strings", texts, 2), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "json", " {\"a\": [1]} "), FFSHM_OK);
    assert_text(get(&c, "string"), "text");
    assert_int_equal(get(&c, "bool").type, CONTEXT_BOOL);
    assert_true(get(&c, "bool").as.number == 1);
    assert_number(get(&c, "number"), -1.5);
    assert_int_equal(get(&c, "strings").type, CONTEXT_STRINGS);
    assert_int_equal(get(&c, "strings").length, 2);
    assert_int_equal(get(&c, "json").type, CONTEXT_JSON);
    assert_int_equal(get(&c, "json").length, strlen("{\"a\": [1]}"));
    assert_int_equal(get(&c, "absent").type, CONTEXT_MISSING);
    assert_int_equal(get_of(&c, "org", "string").type, CONTEXT_MISSING);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"string\":\"text\",\"bool\":true,"
                    "\"number\":-1.5,\"strings\":[\"a\",\"b\"],\"json\":{\"a\":[1]}}");
}

static void a_later_value_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    assert_int_equal(ffshm_context_string(&c, "a", "1"), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "b", "2"), FFSHM_OK);
    assert_int_equal(ffshm_context_number(&c, "a", 3), FFSHM_OK);
    assert_int_equal(c.attribute_count, 2);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"a\":3,\"b\":\"2\"}");
}

static void name_and_anonymous_are_built_in(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    assert_int_equal(ffshm_context_string(&c, "name", "Ann"), FFSHM_OK);
    assert_int_equal(ffshm_context_bool(&c, "anonymous", true), FFSHM_OK);
    assert_int_equal(c.attribute_count, 0);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"name\":\"Ann\",\"anonymous\":true}");
    assert_int_equal(ffshm_context_name(&c, "Bob"), FFSHM_OK);
    ffshm_context_anonymous(&c, false);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"name\":\"Bob\"}");
    assert_int_equal(ffshm_context_json(&c, "name", "\"Eve\""), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "anonymous", "true"), FFSHM_OK);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"name\":\"Eve\",\"anonymous\":true}");
}

static void bad_attributes_change_nothing(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    char *long_name = malloc(65537);
    assert_non_null(long_name);
    memset(long_name, 'n', 65536);
    long_name[65536] = 0;
    static const char *const texts[] = {"x"};
    assert_int_equal(ffshm_context_string(&c, "", "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, "key", "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, "kind", "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, "_meta", "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, "anonymous", "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_bool(&c, "name", true), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_number(&c, "name", 1), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_strings(&c, "name", texts, 1), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_json(&c, "key", "\"x\""), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_json(&c, "name", "[1]"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_number(&c, "n", NAN), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_number(&c, "n", INFINITY), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, long_name, "x"), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_string(&c, long_name + 1, "x"), FFSHM_OK);
    assert_int_equal(c.attribute_count, 1);
    free(long_name);
}

static void a_null_string_sets_nothing(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    assert_int_equal(ffshm_context_string(&c, "a", "x"), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "a", NULL), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "b", NULL), FFSHM_OK);
    assert_int_equal(ffshm_context_name(&c, NULL), FFSHM_OK);
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"a\":\"x\"}");
}

static void json_scalars_become_values_of_their_types(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    assert_int_equal(ffshm_context_json(&c, "t", " true "), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "f", "false"), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "n", "12.5"), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "s", "\"plain\""), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "z", "null"), FFSHM_OK);
    assert_int_equal(get(&c, "t").type, CONTEXT_BOOL);
    assert_true(get(&c, "t").as.number == 1);
    assert_int_equal(get(&c, "f").type, CONTEXT_BOOL);
    assert_true(get(&c, "f").as.number == 0);
    assert_number(get(&c, "n"), 12.5);
    assert_text(get(&c, "s"), "plain");
    assert_int_equal(get(&c, "z").type, CONTEXT_MISSING);
    assert_int_equal(c.attribute_count, 4);
}

static void json_that_a_context_cannot_hold_is_refused(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    char text[FFSHM_JSON_ESCAPED + 8];
    assert_int_equal(ffshm_context_json(&c, "a", ""), FFSHM_BAD_JSON);
    assert_int_equal(ffshm_context_json(&c, "a", "{\"a\":}"), FFSHM_BAD_JSON);
    assert_int_equal(ffshm_context_json(&c, "a", "\"with \\n escape\""), FFSHM_BAD_JSON);
    assert_int_equal(ffshm_context_json(&c, "a", "1e999"), FFSHM_BAD_JSON);
    memset(text, 'x', sizeof text);
    (void)snprintf(text, 5, "[\"\\n");
    text[4] = 'x';
    memcpy(text + 2 + FFSHM_JSON_ESCAPED, "\"]", 3);
    assert_int_equal(ffshm_context_json(&c, "a", text), FFSHM_OK);
    memcpy(text + 3 + FFSHM_JSON_ESCAPED, "\"]", 3);
    text[2 + FFSHM_JSON_ESCAPED] = 'x';
    assert_int_equal(ffshm_context_json(&c, "b", text), FFSHM_BAD_JSON);
    assert_int_equal(c.attribute_count, 1);
}

static void a_full_context_says_so(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    char names[FFSHM_CONTEXT_ATTRIBUTES][16];
    for (int i = 0; i < FFSHM_CONTEXT_ATTRIBUTES; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%d", i);
        assert_int_equal(ffshm_context_number(&c, names[i], i), FFSHM_OK);
    }
    assert_int_equal(ffshm_context_number(&c, "more", 1), FFSHM_TOO_MANY);
    assert_int_equal(ffshm_context_number(&c, "a63", 99), FFSHM_OK);
    assert_number(get(&c, "a63"), 99);
    assert_number(get(&c, "a0"), 0);
    for (int i = 0; i < FFSHM_CONTEXT_PRIVATE; i++) {
        assert_int_equal(ffshm_context_private(&c, "/a/b"), FFSHM_OK);
    }
    assert_int_equal(ffshm_context_private(&c, "x"), FFSHM_TOO_MANY);
}

static void private_references_are_checked(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    static const char *const bad[] = {"", "/", "//", "/a//b", "/a/", "/a~", "/a~2", "/~/b"};
    static const char *const good[] = {"a", "a/b", "a~2", "/a", "/a/b/c", "/~0~1", "~"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ffshm_context_private(&c, bad[i]), FFSHM_INVALID_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(ffshm_context_private(&c, good[i]), FFSHM_OK);
    }
    assert_json(&c, "{\"kind\":\"user\",\"key\":\"key\",\"_meta\":{\"privateAttributes\":[\"a\","
                    "\"a/b\",\"a~2\",\"/a\",\"/a/b/c\",\"/~0~1\",\"~\"]}}");
}

/* ---- several kinds ------------------------------------------------------------------------- */

static void kinds_are_added_with_all_they_have(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    struct ffshm_context org;
    struct ffshm_context device;
    assert_int_equal(ffshm_context_string(&c, "tier", "gold"), FFSHM_OK);
    ffshm_context_init(&org, "org", "acme");
    assert_int_equal(ffshm_context_string(&org, "tier", "silver"), FFSHM_OK);
    assert_int_equal(ffshm_context_private(&org, "tier"), FFSHM_OK);
    ffshm_context_init(&device, "device", "d");
    ffshm_context_anonymous(&device, true);
    assert_int_equal(ffshm_context_number(&device, "ram", 8), FFSHM_OK);
    assert_int_equal(ffshm_context_add(&org, &device), FFSHM_OK);
    assert_int_equal(ffshm_context_add(&c, &org), FFSHM_OK);
    memset(&org, 0, sizeof org);
    memset(&device, 0, sizeof device);
    assert_text(get(&c, "tier"), "gold");
    assert_text(get_of(&c, "org", "tier"), "silver");
    assert_number(get_of(&c, "device", "ram"), 8);
    assert_int_equal(get(&c, "ram").type, CONTEXT_MISSING);
    assert_json(&c, "{\"kind\":\"multi\",\"user\":{\"key\":\"key\",\"tier\":\"gold\"},"
                    "\"org\":{\"key\":\"acme\",\"tier\":\"silver\",\"_meta\":{"
                    "\"privateAttributes\":[\"tier\"]}},"
                    "\"device\":{\"key\":\"d\",\"anonymous\":true,\"ram\":8}}");
    assert_int_equal(ffshm_context_string(&c, "tier", "lead"), FFSHM_OK);
    assert_text(get(&c, "tier"), "lead");
    assert_text(get_of(&c, "org", "tier"), "silver");
}

static void identity_is_of_kinds_and_keys(void **state)
{
    (void)state;
    struct ffshm_context a = user();
    struct ffshm_context b = user();
    struct ffshm_context org;
    struct ffshm_context other;
    char scratch[256];
    ffshm_context_init(&org, "org", "key");
    ffshm_context_init(&other, NULL, "other");
    assert_true(a.identity != org.identity && a.identity != other.identity);
    assert_true(a.kind_sum == other.kind_sum && a.kind_sum != org.kind_sum);
    ffshm_context_string(&a, "tier", "gold"); /* attributes do not count */
    assert_true(a.identity == b.identity);
    struct ffshm_context turned = org;
    assert_int_equal(ffshm_context_add(&a, &org), FFSHM_OK);
    assert_int_equal(ffshm_context_add(&turned, &b), FFSHM_OK);
    assert_true(a.identity == turned.identity && a.kind_sum == turned.kind_sum);
    assert_true(a.identity != b.identity && a.kind_sum != b.kind_sum);
    const char *json = "{\"kind\":\"multi\",\"org\":{\"key\":\"key\"},\"user\":{\"key\":\"key\"}}";
    assert_int_equal(ffshm_context_parse(&b, json, strlen(json), scratch, sizeof(scratch)),
                     FFSHM_OK);
    assert_true(a.identity == b.identity && a.kind_sum == b.kind_sum);
    json = "{\"key\":\"other\",\"email\":\"e\"}";
    assert_int_equal(ffshm_context_parse(&b, json, strlen(json), scratch, sizeof(scratch)),
                     FFSHM_OK);
    assert_true(other.identity == b.identity && other.kind_sum == b.kind_sum);
}

static void what_cannot_be_added_changes_nothing(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    struct ffshm_context other = user();
    struct ffshm_context empty;
    memset(&empty, 0, sizeof empty);
    assert_int_equal(ffshm_context_add(&c, &other), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_add(&c, &c), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_context_add(&c, &empty), FFSHM_INVALID_ARGUMENT);
    ffshm_context_init(&other, "org", "");
    assert_int_equal(ffshm_context_add(&c, &other), FFSHM_INVALID_ARGUMENT);
    char kinds[FFSHM_CONTEXT_KINDS][16];
    for (int i = 1; i < FFSHM_CONTEXT_KINDS; i++) {
        (void)snprintf(kinds[i], sizeof kinds[i], "k%d", i);
        ffshm_context_init(&other, kinds[i], "x");
        assert_int_equal(ffshm_context_add(&c, &other), FFSHM_OK);
    }
    ffshm_context_init(&other, "more", "x");
    assert_int_equal(ffshm_context_add(&c, &other), FFSHM_TOO_MANY);
    assert_int_equal(c.kind_count, FFSHM_CONTEXT_KINDS);
    assert_int_equal(c.error, FFSHM_OK);
}

static void attributes_that_do_not_fit_are_not_added(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    struct ffshm_context org;
    char names[40][16];
    ffshm_context_init(&org, "org", "o");
    for (int i = 0; i < 40; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%d", i);
        assert_int_equal(ffshm_context_number(&c, names[i], i), FFSHM_OK);
        assert_int_equal(ffshm_context_number(&org, names[i], i), FFSHM_OK);
    }
    assert_int_equal(ffshm_context_add(&c, &org), FFSHM_TOO_MANY);
    assert_int_equal(c.kind_count, 1);
    assert_int_equal(c.attribute_count, 40);
}

/* ---- selecting ----------------------------------------------------------------------------- */

struct selection {
    struct image_selector by;
    uint32_t path_count; /* with the next two: struct image_path */
    uint32_t path_reserved;
    struct image_string components[3];
    char text[128];
};

/* "/first/..." of kind user; NULL ends. */
static struct selection path_of(const char *first, const char *second, const char *third)
{
    struct selection s;
    memset(&s, 0, sizeof s);
    s.by.attribute = IMAGE_ATTRIBUTE_PATH;
    s.by.path = offsetof(struct selection, path_count);
    s.by.hash = hash_attribute(first, strlen(first), HASH_KIND_USER);
    s.by.kind_hash = HASH_KIND_USER;
    const char *const components[] = {second, third};
    size_t at = 0;
    for (size_t i = 0; i < 2 && components[i]; i++) {
        const size_t length = strlen(components[i]);
        memcpy(s.text + at, components[i], length);
        s.components[i] = (struct image_string){(uint32_t)(offsetof(struct selection, text) + at),
                                                (uint32_t)length};
        at += length + 1;
        s.path_count++;
    }
    return s;
}

static char scratch[FFSHM_JSON_ESCAPED];

static struct context_value select_path(const struct ffshm_context *c, const char *first,
                                        const char *second, const char *third)
{
    const struct selection s = path_of(first, second, third);
    return context_select(c, &s, &s.by, scratch, sizeof scratch);
}

static struct context_value select_builtin(const struct ffshm_context *c,
                                           enum image_attribute attribute, const char *kind)
{
    struct selection s;
    memset(&s, 0, sizeof s);
    s.by.attribute = attribute;
    s.by.kind_hash = hash_bytes(kind, strlen(kind));
    return context_select(c, &s, &s.by, scratch, sizeof scratch);
}

static void built_ins_are_selected_by_kind(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    struct ffshm_context org;
    ffshm_context_init(&org, "org", "acme");
    assert_int_equal(ffshm_context_name(&org, "Acme"), FFSHM_OK);
    ffshm_context_anonymous(&org, true);
    assert_int_equal(ffshm_context_add(&c, &org), FFSHM_OK);
    assert_text(select_builtin(&c, IMAGE_ATTRIBUTE_KEY, "user"), "key");
    assert_text(select_builtin(&c, IMAGE_ATTRIBUTE_KEY, "org"), "acme");
    assert_int_equal(select_builtin(&c, IMAGE_ATTRIBUTE_KEY, "x").type, CONTEXT_MISSING);
    assert_int_equal(select_builtin(&c, IMAGE_ATTRIBUTE_NAME, "user").type, CONTEXT_MISSING);
    assert_text(select_builtin(&c, IMAGE_ATTRIBUTE_NAME, "org"), "Acme");
    assert_int_equal(select_builtin(&c, IMAGE_ATTRIBUTE_ANONYMOUS, "user").type, CONTEXT_BOOL);
    assert_true(select_builtin(&c, IMAGE_ATTRIBUTE_ANONYMOUS, "user").as.number == 0);
    assert_true(select_builtin(&c, IMAGE_ATTRIBUTE_ANONYMOUS, "org").as.number == 1);
    assert_int_equal(select_builtin(&c, IMAGE_ATTRIBUTE_ANONYMOUS, "x").type, CONTEXT_MISSING);
    assert_int_equal(select_builtin(&c, IMAGE_ATTRIBUTE_MISSING, "user").type, CONTEXT_MISSING);
}

static void paths_lead_through_objects_only(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    static const char *const texts[] = {"x"};
    assert_int_equal(ffshm_context_json(&c, "o",
                                        "{\"s\":\"text\",\"e\":\"a\\nb\",\"n\":1.5,\"t\":true,"
                                        "\"z\":null,\"a\":[10,20],\"2\":\"two\",\"\\u002f~\":3,"
                                        "\"p\":{\"q\":\"deep\",\"r\":{}}}"),
                     FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "array", "[{\"0\":1},2]"), FFSHM_OK);
    assert_int_equal(ffshm_context_strings(&c, "strings", texts, 1), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "string", "{\"a\":1}"), FFSHM_OK);
    assert_text(select_path(&c, "o", "s", NULL), "text");
    assert_text(select_path(&c, "o", "e", NULL), "a\nb");
    assert_number(select_path(&c, "o", "n", NULL), 1.5);
    assert_int_equal(select_path(&c, "o", "t", NULL).type, CONTEXT_BOOL);
    assert_int_equal(select_path(&c, "o", "z", NULL).type, CONTEXT_MISSING);
    assert_text(select_path(&c, "o", "2", NULL), "two");
    assert_number(select_path(&c, "o", "/~", NULL), 3);
    assert_text(select_path(&c, "o", "p", "q"), "deep");
    assert_int_equal(select_path(&c, "o", "p", "r").type, CONTEXT_JSON);
    const struct context_value array = select_path(&c, "o", "a", NULL);
    assert_true(context_is_array(&array));
    assert_int_equal(select_path(&c, "o", "a", "0").type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "o", "s", "x").type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "o", "x", "y").type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "array", "0", NULL).type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "strings", "0", NULL).type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "string", "a", NULL).type, CONTEXT_MISSING);
    assert_int_equal(select_path(&c, "absent", "a", NULL).type, CONTEXT_MISSING);
}

static void arrays_of_both_sorts_are_iterated(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    static const char *const texts[] = {"a", NULL, ""};
    assert_int_equal(ffshm_context_strings(&c, "strings", texts, 3), FFSHM_OK);
    assert_int_equal(
        ffshm_context_json(&c, "json", "[ \"a\", \"\\u0062\" ,1,true,null,{\"x\":[1]},[2] ]"),
        FFSHM_OK);
    struct context_value v = get(&c, "strings");
    struct context_value e;
    size_t cursor = 0;
    assert_true(context_is_array(&v));
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_text(e, "a");
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_int_equal(e.type, CONTEXT_MISSING);
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_text(e, "");
    assert_false(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    v = get(&c, "json");
    cursor = 0;
    assert_true(context_is_array(&v));
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_text(e, "a");
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_text(e, "b");
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_number(e, 1);
    assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    assert_int_equal(e.type, CONTEXT_BOOL);
    for (int i = 0; i < 3; i++) {
        assert_true(context_element(&v, &cursor, &e, scratch, sizeof scratch));
        assert_int_equal(e.type, CONTEXT_MISSING);
    }
    assert_false(context_element(&v, &cursor, &e, scratch, sizeof scratch));
}

static void empty_arrays_are_arrays_and_the_rest_is_none(void **state)
{
    (void)state;
    struct ffshm_context c = user();
    static const char *const arrays[] = {"strings", "json"};
    static const char *const others[] = {"object", "string", "number", "absent"};
    assert_int_equal(ffshm_context_strings(&c, "strings", NULL, 0), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "json", "[]"), FFSHM_OK);
    assert_int_equal(ffshm_context_json(&c, "object", "{\"a\":1}"), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "string", "["), FFSHM_OK);
    assert_int_equal(ffshm_context_number(&c, "number", 1), FFSHM_OK);
    struct context_value e;
    for (size_t i = 0; i < 2; i++) {
        const struct context_value v = get(&c, arrays[i]);
        size_t cursor = 0;
        assert_true(context_is_array(&v));
        assert_false(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    }
    for (size_t i = 0; i < 4; i++) {
        const struct context_value v = get(&c, others[i]);
        size_t cursor = 0;
        assert_false(context_is_array(&v));
        assert_false(context_element(&v, &cursor, &e, scratch, sizeof scratch));
    }
}

static void json_of_a_context_is_escaped_and_cut_like_snprintf(void **state)
{
    (void)state;
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "a\"\n\xff");
    static const char want[] = "{\"kind\":\"user\",\"key\":\"a\\\"\\n\xef\xbf\xbd\"}";
    assert_json(&c, want);
    assert_int_equal(context_to_json(&c, NULL, 0), sizeof want - 1);
    char small[10];
    assert_int_equal(context_to_json(&c, small, sizeof small), sizeof want - 1);
    assert_memory_equal(small, want, sizeof small - 1);
    assert_int_equal(small[9], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_constant_hash_of_user_is_right),
        cmocka_unit_test(a_context_starts_with_kind_and_key),
        cmocka_unit_test(no_kind_means_user),
        cmocka_unit_test(malformed_kinds_and_keys_make_a_context_invalid),
        cmocka_unit_test(null_is_harmless),
        cmocka_unit_test(attributes_of_every_type_are_read_back),
        cmocka_unit_test(a_later_value_replaces_an_earlier_one),
        cmocka_unit_test(name_and_anonymous_are_built_in),
        cmocka_unit_test(bad_attributes_change_nothing),
        cmocka_unit_test(a_null_string_sets_nothing),
        cmocka_unit_test(json_scalars_become_values_of_their_types),
        cmocka_unit_test(json_that_a_context_cannot_hold_is_refused),
        cmocka_unit_test(a_full_context_says_so),
        cmocka_unit_test(private_references_are_checked),
        cmocka_unit_test(kinds_are_added_with_all_they_have),
        cmocka_unit_test(identity_is_of_kinds_and_keys),
        cmocka_unit_test(what_cannot_be_added_changes_nothing),
        cmocka_unit_test(attributes_that_do_not_fit_are_not_added),
        cmocka_unit_test(built_ins_are_selected_by_kind),
        cmocka_unit_test(paths_lead_through_objects_only),
        cmocka_unit_test(arrays_of_both_sorts_are_iterated),
        cmocka_unit_test(empty_arrays_are_arrays_and_the_rest_is_none),
        cmocka_unit_test(json_of_a_context_is_escaped_and_cut_like_snprintf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
