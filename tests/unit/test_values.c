/* Values of flags by version, also of those that were replaced lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "values.h"

static void put(struct values *v, const char *key, int64_t version, const char *first,
                uint64_t now_ms)
{
    json_t *variations = json_pack("[s, n]", first);
    assert_non_null(variations);
    values_put(v, key, strlen(key), version, variations, now_ms);
    json_decref(variations);
}

static void expect(const struct values *v, const char *key, int64_t version, int64_t variation,
                   const char *text)
{
    json_t *value = values_get(v, key, version, variation);
    if (text) {
        assert_string_equal(json_string_value(value), text);
    } else {
        assert_null(value);
    }
    json_decref(value);
}

static void replaced_versions_are_known_for_a_while(void **state)
{
    (void)state;
    struct values *v = values_new();
    put(v, "a", 1, "one", 1000);
    put(v, "a", 2, "two", 2000);
    put(v, "a", 2, "two again", 3000); /* the same version: the newest content counts */
    expect(v, "a", 1, 0, "one");
    expect(v, "a", 2, 0, "two again");
    expect(v, "a", 3, 0, NULL);
    expect(v, "a", 2, 2, NULL); /* no such variation */
    expect(v, "a", 2, -1, NULL);
    expect(v, "b", 1, 0, NULL);
    values_tidy(v, 2000 + VALUES_KEPT_MS);
    expect(v, "a", 1, 0, "one");
    values_tidy(v, 2002 + VALUES_KEPT_MS);
    expect(v, "a", 1, 0, NULL);
    expect(v, "a", 2, 0, "two again");
    values_free(v);
}

static void a_flag_that_is_gone_is_forgotten_in_time(void **state)
{
    (void)state;
    struct values *v = values_new();
    put(v, "a", 1, "one", 1000);
    values_gone(v, "a", 1, 5000);
    values_gone(v, "never there", 11, 5000);
    values_tidy(v, 6000);
    expect(v, "a", 1, 0, "one");
    values_tidy(v, 5002 + VALUES_KEPT_MS);
    expect(v, "a", 1, 0, NULL);
    put(v, "a", 1, "back", 9000);
    values_tidy(v, 9000 + 2 * VALUES_KEPT_MS);
    expect(v, "a", 1, 0, "back");
    values_free(v);
}

static void many_flags_and_versions_are_bounded(void **state)
{
    (void)state;
    struct values *v = values_new();
    char key[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "flag-%d", i);
        for (int version = 1; version <= VALUES_VERSIONS + 1; version++) {
            snprintf(key, sizeof key, "flag-%d", i);
            put(v, key, version, key, 1);
        }
    }
    for (int i = 0; i < 5000; i += 499) {
        snprintf(key, sizeof key, "flag-%d", i);
        expect(v, key, 1, 0, NULL); /* the oldest went first */
        expect(v, key, 2, 0, key);
        expect(v, key, VALUES_VERSIONS + 1, 0, key);
    }
    values_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_versions_are_known_for_a_while),
        cmocka_unit_test(a_flag_that_is_gone_is_forgotten_in_time),
        cmocka_unit_test(many_flags_and_versions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
