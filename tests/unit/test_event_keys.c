/* The set of contexts that were told: bounded, by last use, and it can go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/event_keys.h"

static bool see(struct event_keys *keys, const char *key)
{
    return event_keys_see(keys, key, strlen(key));
}

static void a_key_is_new_once(void **state)
{
    (void)state;
    struct event_keys *const keys = event_keys_new(10);
    assert_false(see(keys, "a"));
    assert_true(see(keys, "a"));
    assert_false(see(keys, ""));
    assert_false(see(keys, "b"));
    assert_true(see(keys, "a"));
    assert_true(see(keys, ""));
    event_keys_free(keys);
}

static void the_key_not_seen_for_longest_is_forgotten(void **state)
{
    (void)state;
    struct event_keys *const keys = event_keys_new(3);
    see(keys, "a");
    see(keys, "b");
    see(keys, "c");
    assert_true(see(keys, "a"));
    assert_false(see(keys, "d")); /* for b */
    assert_true(see(keys, "c"));
    assert_true(see(keys, "a"));
    assert_true(see(keys, "d"));
    assert_false(see(keys, "b"));
    event_keys_free(keys);
}

static void one_key_is_room_for_one(void **state)
{
    (void)state;
    struct event_keys *const keys = event_keys_new(1);
    assert_false(see(keys, "a"));
    assert_true(see(keys, "a"));
    assert_false(see(keys, "b"));
    assert_false(see(keys, "a"));
    event_keys_free(keys);
}

static void clearing_forgets_all(void **state)
{
    (void)state;
    struct event_keys *const keys = event_keys_new(3);
    see(keys, "a");
    event_keys_clear(keys);
    event_keys_revert(keys);
    assert_false(see(keys, "a"));
    event_keys_free(keys);
}

static void reverting_goes_back_to_the_last_commit(void **state)
{
    (void)state;
    struct event_keys *const keys = event_keys_new(3);
    see(keys, "a");
    see(keys, "b");
    see(keys, "c");
    event_keys_commit(keys);
    assert_true(see(keys, "a")); /* order, too: b would be the next to go */
    see(keys, "d");
    see(keys, "e");
    event_keys_revert(keys);
    assert_false(see(keys, "d")); /* for a */
    assert_true(see(keys, "b"));
    assert_true(see(keys, "c"));
    assert_false(see(keys, "a"));
    event_keys_revert(keys);
    assert_true(see(keys, "a"));
    event_keys_free(keys);
}

/* Against a slow one that is plainly right. */
static void many_keys_behave_as_a_list_would(void **state)
{
    enum { ROOM = 50, KEYS = 90 };
    (void)state;
    unsigned list[ROOM];
    unsigned count = 0;
    unsigned random = 12345;
    struct event_keys *const keys = event_keys_new(ROOM);
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1103515245u + 12345u;
        const unsigned key = (random >> 16) % KEYS;
        char text[16];
        (void)snprintf(text, sizeof text, "%u", key);
        unsigned at = 0;
        while (at < count && list[at] != key) {
            at++;
        }
        const bool there = at < count;
        if (!there) {
            count += count < ROOM;
            at = count - 1;
        }
        memmove(list + 1, list, at * sizeof *list);
        list[0] = key;
        assert_int_equal(see(keys, text), there);
    }
    event_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_new_once),
        cmocka_unit_test(the_key_not_seen_for_longest_is_forgotten),
        cmocka_unit_test(one_key_is_room_for_one),
        cmocka_unit_test(clearing_forgets_all),
        cmocka_unit_test(reverting_goes_back_to_the_last_commit),
        cmocka_unit_test(many_keys_behave_as_a_list_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
