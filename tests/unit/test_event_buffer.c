/* Events that wait: added, taken and kept, and all of that taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/event_buffer.h"

static void add(struct event_buffer *b, const char *text)
{
    assert_int_equal(event_buffer_add(b, strdup(text)), 0);
}

/* All that waits, in one text. */
static void expect(const struct event_buffer *b, size_t first, const char *expected)
{
    size_t length;
    char *const lines = event_buffer_lines(b, first, &length);
    assert_non_null(lines);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(lines, expected, length);
    free(lines);
}

static void it_is_full_at_its_capacity_and_empty_after_a_flush(void **state)
{
    (void)state;
    struct event_buffer b = {.capacity = 2};
    add(&b, "1");
    assert_false(event_buffer_full(&b));
    add(&b, "2");
    assert_true(event_buffer_full(&b));
    event_buffer_take(&b);
    assert_false(event_buffer_full(&b)); /* also before the commit */
    add(&b, "3");
    event_buffer_commit(&b);
    expect(&b, 0, "3\n");
    event_buffer_free(&b);
}

static void bytes_are_limited_too(void **state)
{
    (void)state;
    struct event_buffer b = {.capacity = 100, .most_bytes = 6};
    add(&b, "123");
    assert_false(event_buffer_full(&b));
    event_buffer_commit(&b);
    add(&b, "456");
    assert_true(event_buffer_full(&b));
    event_buffer_revert(&b);
    assert_false(event_buffer_full(&b));
    add(&b, "456");
    event_buffer_take(&b);
    assert_false(event_buffer_full(&b));
    event_buffer_revert(&b);
    assert_false(event_buffer_full(&b));
    add(&b, "456");
    event_buffer_take(&b);
    event_buffer_commit(&b);
    assert_int_equal(b.bytes, 0);
    event_buffer_free(&b);
}

static void reverting_takes_back_adding_and_taking(void **state)
{
    (void)state;
    struct event_buffer b = {.capacity = 100};
    add(&b, "1");
    b.kept = b.count;
    event_buffer_commit(&b);
    add(&b, "2");
    event_buffer_take(&b);
    add(&b, "3");
    event_buffer_revert(&b);
    expect(&b, b.taken, "1\n");
    assert_int_equal(b.kept, 1);
    add(&b, "4");
    event_buffer_commit(&b);
    expect(&b, b.kept, "4\n");
    event_buffer_revert(&b);
    expect(&b, 0, "1\n4\n");
    event_buffer_free(&b);
}

static void lines_are_loaded_as_kept_events(void **state)
{
    (void)state;
    struct event_buffer b = {.capacity = 100};
    assert_int_equal(event_buffer_load(&b, "a\nbc\n", 5), 0);
    assert_int_equal(event_buffer_load(&b, "d\ncut", 5), 0);
    assert_int_equal(b.count, 3);
    assert_int_equal(b.kept, 3);
    event_buffer_revert(&b);
    expect(&b, 0, "a\nbc\nd\n");
    event_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_full_at_its_capacity_and_empty_after_a_flush),
        cmocka_unit_test(bytes_are_limited_too),
        cmocka_unit_test(reverting_takes_back_adding_and_taking),
        cmocka_unit_test(lines_are_loaded_as_kept_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
