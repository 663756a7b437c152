/* Payloads: ids, arrays, how much fits into one, and that compression loses nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "deliver/payload.h"

static void ids_are_random_uuids_of_version_4(void **state)
{
    (void)state;
    char one[PAYLOAD_ID];
    char other[PAYLOAD_ID];
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(payload_id(one), 0);
        assert_int_equal(payload_id(other), 0);
        assert_int_equal(strlen(one), 36);
        assert_int_equal(strspn(one, "0123456789abcdef-"), 36);
        assert_true(one[8] == '-' && one[13] == '-' && one[18] == '-' && one[23] == '-');
        assert_int_equal(one[14], '4');
        assert_non_null(strchr("89ab", one[19]));
        assert_string_not_equal(one, other);
    }
}

static void events_are_joined_to_an_array(void **state)
{
    (void)state;
    static char one[] = "{\"a\":1}";
    static char two[] = "{\"b\":2}";
    char *const events[] = {one, two};
    struct payload_body body;
    assert_int_equal(payload_join(events, 2, false, &body), 0);
    assert_string_equal(body.bytes, "[{\"a\":1},{\"b\":2}]");
    assert_int_equal(body.length, strlen(body.bytes));
    assert_false(body.gzip);
    free(body.bytes);
    assert_int_equal(payload_join(events, 0, false, &body), 0);
    assert_string_equal(body.bytes, "[]");
    free(body.bytes);
}

static void compressed_bodies_are_the_same_when_inflated(void **state)
{
    enum { LENGTH = 300000 };
    (void)state;
    char *const text = malloc(LENGTH + 1);
    unsigned random = 1;
    for (size_t i = 0; i < LENGTH; i++) {
        random = random * 1103515245u + 12345u;
        text[i] = (char)('a' + (random >> 16) % 20);
    }
    text[LENGTH] = '\0';
    char *const events[] = {text};
    struct payload_body body;
    assert_int_equal(payload_join(events, 1, true, &body), 0);
    assert_true(body.gzip);
    assert_true(body.length < LENGTH);
    char *const inflated = malloc(LENGTH + 2);
    z_stream stream = {.next_in = (unsigned char *)body.bytes,
                       .avail_in = (uInt)body.length,
                       .next_out = (unsigned char *)inflated,
                       .avail_out = LENGTH + 2};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, LENGTH + 2);
    assert_int_equal(inflated[0], '[');
    assert_memory_equal(inflated + 1, text, LENGTH);
    inflateEnd(&stream);
    free(inflated);
    free(body.bytes);
    free(text);
}

static void as_many_fit_as_the_limit_allows_but_at_least_one(void **state)
{
    (void)state;
    static char event[] = "12345678";
    char *const events[] = {event, event, event, event};
    assert_int_equal(payload_fit(events, 4, 1), 1);
    assert_int_equal(payload_fit(events, 4, 19), 1);
    assert_int_equal(payload_fit(events, 4, 20), 2);
    assert_int_equal(payload_fit(events, 4, 1000), 4);
    assert_int_equal(payload_fit(events, 0, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_random_uuids_of_version_4),
        cmocka_unit_test(events_are_joined_to_an_array),
        cmocka_unit_test(compressed_bodies_are_the_same_when_inflated),
        cmocka_unit_test(as_many_fit_as_the_limit_allows_but_at_least_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
