/* The texts of the public API's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ffshm.h"

static void every_error_has_name_text_and_hint(void **state)
{
    (void)state;
#define CHECK(name, number, text, hint)                                                            \
    assert_string_equal(ffshm_error_name(number), #name);                                          \
    assert_string_equal(ffshm_error_text(number), text);                                           \
    assert_string_equal(ffshm_error_hint(number), hint);
    FFSHM_ERRORS(CHECK)
#undef CHECK
}

static void unknown_numbers_have_texts_too(void **state)
{
    (void)state;
    const int unknown[] = {-1, 7, 19, 1000, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_string_equal(ffshm_error_name(unknown[i]), "UNKNOWN");
        assert_true(strlen(ffshm_error_text(unknown[i])) > 0);
        assert_true(strlen(ffshm_error_hint(unknown[i])) > 0);
        assert_string_equal(ffshm_error_kind(unknown[i]), "");
        assert_string_equal(ffshm_reason_name(unknown[i]), "ERROR");
        assert_string_equal(ffshm_big_segments_name(unknown[i]), "");
    }
}

static void reasons_have_launchdarkly_s_names(void **state)
{
    (void)state;
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_ERROR), "ERROR");
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_OFF), "OFF");
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_FALLTHROUGH), "FALLTHROUGH");
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_TARGET_MATCH), "TARGET_MATCH");
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_RULE_MATCH), "RULE_MATCH");
    assert_string_equal(ffshm_reason_name(FFSHM_REASON_PREREQUISITE_FAILED), "PREREQUISITE_FAILED");
}

static void evaluation_errors_have_launchdarkly_s_kinds(void **state)
{
    (void)state;
    assert_string_equal(ffshm_error_kind(FFSHM_OK), "");
    assert_string_equal(ffshm_error_kind(FFSHM_NOT_READY), "CLIENT_NOT_READY");
    assert_string_equal(ffshm_error_kind(FFSHM_FLAG_NOT_FOUND), "FLAG_NOT_FOUND");
    assert_string_equal(ffshm_error_kind(FFSHM_MALFORMED_FLAG), "MALFORMED_FLAG");
    assert_string_equal(ffshm_error_kind(FFSHM_INVALID_CONTEXT), "USER_NOT_SPECIFIED");
    assert_string_equal(ffshm_error_kind(FFSHM_WRONG_TYPE), "WRONG_TYPE");
    assert_string_equal(ffshm_error_kind(FFSHM_EXCEPTION), "EXCEPTION");
    assert_string_equal(ffshm_error_kind(FFSHM_BAD_JSON), "");
}

static void big_segment_states_have_launchdarkly_s_names(void **state)
{
    (void)state;
    assert_string_equal(ffshm_big_segments_name(FFSHM_BIG_SEGMENTS_NONE), "");
    assert_string_equal(ffshm_big_segments_name(FFSHM_BIG_SEGMENTS_HEALTHY), "HEALTHY");
    assert_string_equal(ffshm_big_segments_name(FFSHM_BIG_SEGMENTS_STALE), "STALE");
    assert_string_equal(ffshm_big_segments_name(FFSHM_BIG_SEGMENTS_STORE_ERROR), "STORE_ERROR");
    assert_string_equal(ffshm_big_segments_name(FFSHM_BIG_SEGMENTS_NOT_CONFIGURED),
                        "NOT_CONFIGURED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_name_text_and_hint),
        cmocka_unit_test(unknown_numbers_have_texts_too),
        cmocka_unit_test(reasons_have_launchdarkly_s_names),
        cmocka_unit_test(evaluation_errors_have_launchdarkly_s_kinds),
        cmocka_unit_test(big_segment_states_have_launchdarkly_s_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
