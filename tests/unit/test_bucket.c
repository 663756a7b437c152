/* Buckets: the vectors that LaunchDarkly's SDKs agree on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "bucket.h"
#include "hash.h"

/* A blob that holds one rollout, its prefix and a path. */
struct blob {
    struct image_rollout rollout;
    uint32_t path_count; /* with the next two: struct image_path */
    uint32_t path_reserved;
    struct image_string component;
    char text[256];
};

static struct ffshm_context user(const char *key)
{
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, key);
    return c;
}

static struct image_string put_text(struct blob *b, size_t at, const char *text)
{
    memcpy(b->text + at, text, strlen(text));
    return (struct image_string){(uint32_t)(offsetof(struct blob, text) + at),
                                 (uint32_t)strlen(text)};
}

static struct blob rollout_by(const char *prefix, enum image_attribute attribute, const char *name)
{
    struct blob b;
    memset(&b, 0, sizeof b);
    b.rollout.by.attribute = attribute;
    b.rollout.by.kind_hash = HASH_KIND_USER;
    b.rollout.by.hash = name ? hash_attribute(name, strlen(name), HASH_KIND_USER) : 0;
    b.rollout.prefix = put_text(&b, 0, prefix);
    return b;
}

static float bucket(const struct ffshm_context *c, const struct blob *b, enum bucket_result want)
{
    float value = -1;
    assert_int_equal(bucket_of(c, b, &b->rollout, &value), want);
    return value;
}

static void golden_vectors_hold(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        const char *key;
        float bucket;
        int percent_thousandths;
    } golden[] = {
        {"hashKey.saltyA.", "userKeyA", 0.42157587F, 42157},
        {"hashKey.saltyA.", "userKeyB", 0.6708485F, 67084},
        {"hashKey.saltyA.", "userKeyC", 0.10343106F, 10343},
        {"61.", "userKeyA", 0.09801207F, 9801},
        {"61.", "userKeyB", 0.14483777F, 14483},
        {"61.", "userKeyC", 0.9242641F, 92426},
        {"hashKey.saltyA.", "33333", 0.54771423F, 54771},
        {"hashKey.saltyA.", "99999", 0.7309658F, 73096},
        {"segment3.salty.", "user-key", 0.14950213F, 14950},
        {"segment3.salty.", "unmatching-key", 0.36563563F, 36563},
    };
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        const struct blob b = rollout_by(golden[i].prefix, IMAGE_ATTRIBUTE_KEY, NULL);
        const struct ffshm_context c = user(golden[i].key);
        const float value = bucket(&c, &b, BUCKET_OK);
        assert_true(value == golden[i].bucket);
        assert_int_equal((int)((double)value * 100000), golden[i].percent_thousandths);
    }
}

static void the_bucket_is_a_float32_quotient(void **state)
{
    (void)state;
    assert_true(bucket_of_hash(0) == 0);
    assert_true(bucket_of_hash(UINT64_C(0xfffffffffffffff)) == 1);
    assert_true(bucket_of_hash(UINT64_C(0x7ffffffffffffff)) == 0.5F);
    assert_true(bucket_of_hash(1) == 0x1p-60F);
}

static void strings_and_integral_numbers_have_a_text(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {33333, "33333"},
                 {-1, "-1"},
                 {1e15, "1000000000000000"},
                 {1e18, "1000000000000000000"},
                 {9223372036854774784.0, "9223372036854774784"},
                 {-0x1p63, "-9223372036854775808"}};
    char buffer[BUCKET_TEXT];
    const char *text;
    size_t length;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct context_value v = {.type = CONTEXT_NUMBER, .as.number = cases[i].number};
        assert_true(bucket_text(&v, buffer, &text, &length));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(cases[i].text));
    }
    const struct context_value v = {.type = CONTEXT_STRING, .length = 2, .as.text = "ab"};
    assert_true(bucket_text(&v, buffer, &text, &length));
    assert_ptr_equal(text, v.as.text);
    assert_int_equal(length, 2);
}

static void nothing_else_has_a_text(void **state)
{
    (void)state;
    static const double numbers[] = {1.5,   0.1,      0x1p63,    1e20, -1e20,
                                     1e300, INFINITY, -INFINITY, NAN};
    char buffer[BUCKET_TEXT];
    const char *text;
    size_t length;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct context_value v = {.type = CONTEXT_NUMBER, .as.number = numbers[i]};
        assert_false(bucket_text(&v, buffer, &text, &length));
    }
    static const uint32_t types[] = {CONTEXT_MISSING, CONTEXT_BOOL, CONTEXT_STRINGS, CONTEXT_JSON};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct context_value v = {.type = types[i], .as.number = 1};
        assert_false(bucket_text(&v, buffer, &text, &length));
    }
}

static void attributes_are_bucketed_by_their_text(void **state)
{
    (void)state;
    struct ffshm_context c = user("x");
    const struct blob by_number = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_NAMED, "number");
    const struct blob by_string = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_NAMED, "string");
    assert_int_equal(ffshm_context_number(&c, "number", 33333.0), FFSHM_OK);
    assert_int_equal(ffshm_context_string(&c, "string", "99999"), FFSHM_OK);
    assert_true(bucket(&c, &by_number, BUCKET_OK) == 0.54771423F);
    assert_true(bucket(&c, &by_string, BUCKET_OK) == 0.7309658F);
}

static void what_cannot_be_hashed_is_in_bucket_0(void **state)
{
    (void)state;
    struct ffshm_context c = user("x");
    const struct blob b = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_NAMED, "a");
    assert_true(bucket(&c, &b, BUCKET_NO_VALUE) == 0);
    assert_int_equal(ffshm_context_number(&c, "a", 1.5), FFSHM_OK);
    assert_true(bucket(&c, &b, BUCKET_NO_VALUE) == 0);
    assert_int_equal(ffshm_context_bool(&c, "a", true), FFSHM_OK);
    assert_true(bucket(&c, &b, BUCKET_NO_VALUE) == 0);
    assert_int_equal(ffshm_context_json(&c, "a", "[\"99999\"]"), FFSHM_OK);
    assert_true(bucket(&c, &b, BUCKET_NO_VALUE) == 0);
    const struct blob missing = rollout_by("p.", IMAGE_ATTRIBUTE_MISSING, NULL);
    assert_true(bucket(&c, &missing, BUCKET_NO_VALUE) == 0);
    const struct blob name = rollout_by("p.", IMAGE_ATTRIBUTE_NAME, NULL);
    assert_true(bucket(&c, &name, BUCKET_NO_VALUE) == 0);
    const struct blob anonymous = rollout_by("p.", IMAGE_ATTRIBUTE_ANONYMOUS, NULL);
    assert_true(bucket(&c, &anonymous, BUCKET_NO_VALUE) == 0);
}

static void paths_and_built_ins_can_be_bucketed(void **state)
{
    (void)state;
    struct ffshm_context c = user("x");
    assert_int_equal(ffshm_context_json(&c, "address", "{\"zip\":\"\\u0039999\\u0039\"}"),
                     FFSHM_OK);
    assert_int_equal(ffshm_context_name(&c, "33333"), FFSHM_OK);
    struct blob b = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_PATH, "address");
    b.rollout.by.path = offsetof(struct blob, path_count);
    b.path_count = 1;
    b.component = put_text(&b, 128, "zip");
    assert_true(bucket(&c, &b, BUCKET_OK) == 0.7309658F);
    const struct blob by_name = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_NAME, NULL);
    assert_true(bucket(&c, &by_name, BUCKET_OK) == 0.54771423F);
    const struct blob by_kind = rollout_by("p.", IMAGE_ATTRIBUTE_KIND, NULL);
    const struct blob by_key = rollout_by("p.", IMAGE_ATTRIBUTE_KEY, NULL);
    const struct ffshm_context named_user = user("user");
    assert_true(bucket(&c, &by_kind, BUCKET_OK) == bucket(&named_user, &by_key, BUCKET_OK));
}

static void a_missing_kind_is_told_apart(void **state)
{
    (void)state;
    struct ffshm_context c;
    ffshm_context_init(&c, "org", "x");
    const struct blob b = rollout_by("p.", IMAGE_ATTRIBUTE_KEY, NULL);
    assert_true(bucket(&c, &b, BUCKET_NO_KIND) == 0);
}

static void a_bad_reference_is_told_before_a_missing_kind(void **state)
{
    (void)state;
    struct ffshm_context c;
    ffshm_context_init(&c, "org", "x");
    const struct blob b = rollout_by("p.", IMAGE_ATTRIBUTE_INVALID, NULL);
    assert_true(bucket(&c, &b, BUCKET_BAD_REFERENCE) == 0);
}

static void the_kind_s_own_key_is_used(void **state)
{
    (void)state;
    struct ffshm_context c = user("someone else");
    struct ffshm_context org;
    ffshm_context_init(&org, "org", "userKeyA");
    assert_int_equal(ffshm_context_add(&c, &org), FFSHM_OK);
    struct blob b = rollout_by("hashKey.saltyA.", IMAGE_ATTRIBUTE_KEY, NULL);
    b.rollout.by.kind_hash = hash_bytes("org", 3);
    assert_true(bucket(&c, &b, BUCKET_OK) == 0.42157587F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_vectors_hold),
        cmocka_unit_test(the_bucket_is_a_float32_quotient),
        cmocka_unit_test(strings_and_integral_numbers_have_a_text),
        cmocka_unit_test(nothing_else_has_a_text),
        cmocka_unit_test(attributes_are_bucketed_by_their_text),
        cmocka_unit_test(what_cannot_be_hashed_is_in_bucket_0),
        cmocka_unit_test(paths_and_built_ins_can_be_bucketed),
        cmocka_unit_test(a_missing_kind_is_told_apart),
        cmocka_unit_test(a_bad_reference_is_told_before_a_missing_kind),
        cmocka_unit_test(the_kind_s_own_key_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
