/* The fully qualified key of a context, and the secure mode hash that is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ffshm.h"

static const char sdk_key[] = "sdk-01234567-89ab-cdef-0123-456789abcdef";

static struct ffshm_context of(const char *kind, const char *key)
{
    struct ffshm_context c;
    ffshm_context_init(&c, kind, key);
    return c;
}

static void assert_key(const struct ffshm_context *c, const char *wanted)
{
    char buffer[128];
    assert_int_equal(ffshm_context_key(c, buffer, sizeof buffer), strlen(wanted));
    assert_string_equal(buffer, wanted);
}

static void assert_hash(const char *kind, const char *key, const char *wanted)
{
    char hash[FFSHM_SECURE_MODE_HASH];
    const struct ffshm_context c = of(kind, key);
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, &c, hash), FFSHM_OK);
    assert_string_equal(hash, wanted);
}

static void a_users_key_is_as_it_is(void **state)
{
    (void)state;
    const struct ffshm_context plain = of(NULL, "u1");
    const struct ffshm_context special = of("user", "a:b%c");
    assert_key(&plain, "u1");
    assert_key(&special, "a:b%c");
}

static void another_kinds_key_names_the_kind_and_is_escaped(void **state)
{
    (void)state;
    const struct ffshm_context plain = of("org", "o1");
    const struct ffshm_context special = of("org", ":a%:b%%");
    assert_key(&plain, "org:o1");
    assert_key(&special, "org:%3Aa%25%3Ab%25%25");
}

static void several_kinds_come_in_the_order_of_their_bytes(void **state)
{
    (void)state;
    static const char *const kinds[] = {"user", "org", "Zoo", "or", "org-unit", "a_b"};
    char wanted[128] = "Zoo:k2:a_b:k5:or:k3:org:k1:org-unit:k4:user:k0%3A";
    /* whatever the order in which they were added */
    for (unsigned first = 0; first < 6; first++) {
        struct ffshm_context parts[6];
        char keys[6][4];
        for (unsigned i = 0; i < 6; i++) {
            const unsigned k = (first + i) % 6;
            (void)snprintf(keys[k], sizeof keys[k], k == 0 ? "k%u:" : "k%u", k);
            parts[i] = of(kinds[k], keys[k]);
            if (i > 0) {
                assert_int_equal(ffshm_context_add(&parts[0], &parts[i]), FFSHM_OK);
            }
        }
        assert_key(&parts[0], wanted);
    }
}

static void one_kind_of_a_multi_context_is_that_kind_alone(void **state)
{
    (void)state;
    static const char json[] = "{\"kind\":\"multi\",\"user\":{\"key\":\"a:b\"}}";
    char scratch[128];
    struct ffshm_context c;
    assert_int_equal(ffshm_context_parse(&c, json, sizeof json - 1, scratch, sizeof scratch),
                     FFSHM_OK);
    assert_key(&c, "a:b");
}

static void a_key_that_does_not_fit_is_cut_and_measured(void **state)
{
    (void)state;
    char buffer[6];
    const struct ffshm_context c = of("org", "o:1");
    assert_int_equal(ffshm_context_key(&c, buffer, sizeof buffer), 9);
    assert_string_equal(buffer, "org:o");
    assert_int_equal(ffshm_context_key(&c, NULL, 0), 9);
    assert_int_equal(ffshm_context_key(&c, buffer, 1), 9);
    assert_string_equal(buffer, "");
}

static void an_invalid_context_has_no_key_and_no_hash(void **state)
{
    (void)state;
    char buffer[8] = "x";
    char hash[FFSHM_SECURE_MODE_HASH] = "x";
    const struct ffshm_context c = of("not ok", "k");
    assert_int_equal(ffshm_context_key(&c, buffer, sizeof buffer), 0);
    assert_string_equal(buffer, "");
    assert_int_equal(ffshm_context_key(NULL, buffer, sizeof buffer), 0);
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, &c, hash), FFSHM_INVALID_CONTEXT);
    assert_string_equal(hash, "");
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, NULL, hash), FFSHM_INVALID_CONTEXT);
    const struct ffshm_context good = of(NULL, "k");
    assert_int_equal(ffshm_secure_mode_hash(NULL, &good, hash), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_secure_mode_hash("", &good, hash), FFSHM_INVALID_ARGUMENT);
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, &good, NULL), FFSHM_INVALID_ARGUMENT);
}

static void the_hash_is_launchdarklys(void **state)
{
    (void)state;
    assert_hash(NULL, "user-key-123",
                "73df666a13f2c474e50aa34ca5a761e89abb737fb139ff65fdde7fa85c9dcacd");
    assert_hash(NULL, "user-key-456",
                "55be6b5ceb2a11acc6a7e9c60dbee5022d9c7084baf9ecd8cf69d12bce5a92fb");
    assert_hash("other", "user-key-123",
                "98a933ca26d2951547fc021981ebcdeda95fbca2ac3f767ae67f7042d5458f72");
}

/* A key longer than any buffer goes into the hash piece by piece, the same as at once. */
static void keys_have_no_bound(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    char *const key = malloc(LENGTH + 1);
    char *const whole = malloc((size_t)LENGTH * 3 + 8);
    char one[FFSHM_SECURE_MODE_HASH];
    char other[FFSHM_SECURE_MODE_HASH];
    assert_non_null(key);
    assert_non_null(whole);
    memset(key, 'k', LENGTH);
    key[LENGTH / 2] = ':';
    key[LENGTH] = '\0';
    const struct ffshm_context c = of("org", key);
    assert_int_equal(ffshm_context_key(&c, whole, (size_t)LENGTH * 3 + 8), LENGTH + 6);
    const struct ffshm_context same = of("user", whole);
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, &c, one), FFSHM_OK);
    assert_int_equal(ffshm_secure_mode_hash(sdk_key, &same, other), FFSHM_OK);
    assert_string_equal(one, other);
    free(key);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_users_key_is_as_it_is),
        cmocka_unit_test(another_kinds_key_names_the_kind_and_is_escaped),
        cmocka_unit_test(several_kinds_come_in_the_order_of_their_bytes),
        cmocka_unit_test(one_kind_of_a_multi_context_is_that_kind_alone),
        cmocka_unit_test(a_key_that_does_not_fit_is_cut_and_measured),
        cmocka_unit_test(an_invalid_context_has_no_key_and_no_hash),
        cmocka_unit_test(the_hash_is_launchdarklys),
        cmocka_unit_test(keys_have_no_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
