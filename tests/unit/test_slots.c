#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/slots.h"

static uint32_t take(struct slots *s, const char *key, uint64_t now_ms)
{
    return slots_take(s, IMAGE_FLAG, key, strlen(key), now_ms);
}

static uint32_t find(const struct slots *s, const char *key)
{
    return slots_find(s, IMAGE_FLAG, key, strlen(key));
}

static void a_name_keeps_its_slot_while_it_is_referred_to(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    assert_int_equal(take(s, "a", 0), 0);
    assert_int_equal(take(s, "b", 0), 1);
    assert_int_equal(take(s, "a", 5), 0);
    slots_drop(s, 0, 6);
    assert_int_equal(find(s, "a"), 0);
    assert_int_equal(slots_count(s), 2);
    slots_drop(s, 0, 7);
    assert_int_equal(find(s, "a"), IMAGE_NO_SLOT);
    assert_int_equal(find(s, "b"), 1);
    slots_free(s);
}

static void flags_and_segments_of_one_key_are_two_names(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    const uint32_t flag = slots_take(s, IMAGE_FLAG, "x", 1, 0);
    const uint32_t segment = slots_take(s, IMAGE_SEGMENT, "x", 1, 0);
    assert_int_not_equal(flag, segment);
    assert_int_equal(slots_find(s, IMAGE_SEGMENT, "x", 1), segment);
    slots_free(s);
}

static void keys_are_compared_by_length_and_bytes(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    const uint32_t empty = slots_take(s, IMAGE_FLAG, "", 0, 0);
    const uint32_t with_nul = slots_take(s, IMAGE_FLAG, "a\0b", 3, 0);
    const uint32_t a = slots_take(s, IMAGE_FLAG, "a", 1, 0);
    assert_int_not_equal(empty, a);
    assert_int_not_equal(with_nul, a);
    assert_int_equal(slots_find(s, IMAGE_FLAG, "a\0b", 3), with_nul);
    assert_int_equal(slots_find(s, IMAGE_FLAG, "", 0), empty);
    slots_free(s);
}

static void a_freed_slot_goes_to_another_name_only_when_it_has_cooled(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    take(s, "a", 0);
    take(s, "b", 0);
    slots_drop(s, 0, 1000);
    slots_drop(s, 1, 2000);
    assert_int_equal(take(s, "c", 1000 + SLOT_REUSE_MS - 1), 2);
    assert_int_equal(take(s, "d", 1000 + SLOT_REUSE_MS), 0);
    assert_int_equal(take(s, "e", 1000 + SLOT_REUSE_MS), 3);
    assert_int_equal(take(s, "f", 2000 + SLOT_REUSE_MS), 1);
    assert_int_equal(find(s, "a"), IMAGE_NO_SLOT);
    assert_int_equal(find(s, "d"), 0);
    slots_free(s);
}

static void a_name_that_comes_back_gets_its_slot_back(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    for (uint64_t now = 0; now < 1000; now++) {
        assert_int_equal(take(s, "a", now), 0);
        assert_int_equal(take(s, "b", now), 1);
        assert_int_equal(take(s, "c", now), 2);
        /* Freed in turns, so that each place in the queue is left at some time. */
        slots_drop(s, (uint32_t)(now % 3), now);
        slots_drop(s, (uint32_t)((now + 1) % 3), now);
        slots_drop(s, (uint32_t)((now + 2) % 3), now);
    }
    assert_int_equal(slots_count(s), 3);
    slots_free(s);
}

static void a_drop_too_many_is_ignored(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    take(s, "a", 0);
    slots_drop(s, 0, 0);
    slots_drop(s, 0, 0);
    slots_drop(s, 77, 0);
    assert_int_equal(take(s, "b", SLOT_REUSE_MS), 0);
    assert_int_equal(take(s, "c", SLOT_REUSE_MS), 1);
    slots_free(s);
}

static void adopted_slots_are_kept_for_those_who_take_them(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    assert_int_equal(slots_adopt(s, 5, IMAGE_FLAG, "a", 1), 0);
    assert_int_equal(slots_adopt(s, 2, IMAGE_FLAG, "b", 1), 0);
    assert_int_equal(slots_adopt(s, 5, IMAGE_FLAG, "c", 1), -1);
    assert_int_equal(slots_adopt(s, 7, IMAGE_FLAG, "a", 1), -1);
    assert_int_equal(slots_adopt(s, IMAGE_MAX_SLOTS, IMAGE_FLAG, "d", 1), -1);
    assert_int_equal(slots_count(s), 6);
    assert_int_equal(take(s, "a", 0), 5);
    /* Unadopted numbers below may have been freed just before: not given out yet. */
    assert_int_equal(take(s, "new", 0), 6);
    slots_release_unused(s, 100);
    assert_int_equal(find(s, "b"), IMAGE_NO_SLOT);
    assert_int_equal(find(s, "a"), 5);
    assert_int_equal(take(s, "other", 100 + SLOT_REUSE_MS - 1), 7);
    bool seen[8] = {false};
    for (int i = 0; i < 5; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        const uint32_t slot = take(s, key, 100 + SLOT_REUSE_MS);
        assert_true(slot < 5);
        assert_false(seen[slot]);
        seen[slot] = true;
    }
    assert_int_equal(take(s, "last", 100 + SLOT_REUSE_MS), 8);
    slots_free(s);
}

/* Against a plain array, with a clock that moves by steps of the cool-down. */
static void random_use_agrees_with_a_simple_model(void **state)
{
    (void)state;
    enum { NAMES = 300, STEPS = 60000 };
    struct slots *s = slots_new();
    static unsigned references[NAMES];
    static uint32_t slot_of[NAMES];
    memset(references, 0, sizeof(references));
    unsigned seed = 12345;
    uint64_t now = 0;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245u + 12345u;
        const unsigned n = (seed >> 16) % NAMES;
        char key[16];
        (void)snprintf(key, sizeof(key), "name-%u", n);
        now += (seed >> 8) % (SLOT_REUSE_MS / 50);
        if (((seed >> 5) & 3) != 0 && references[n] > 0) {
            slots_drop(s, slot_of[n], now);
            references[n]--;
        } else {
            const uint32_t slot = take(s, key, now);
            assert_true(references[n] == 0 || slot_of[n] == slot);
            for (unsigned other = 0; other < NAMES; other++) {
                assert_false(other != n && references[other] > 0 && slot_of[other] == slot);
            }
            slot_of[n] = slot;
            references[n]++;
        }
        assert_int_equal(find(s, key), references[n] ? slot_of[n] : IMAGE_NO_SLOT);
    }
    assert_true(slots_count(s) <= 2 * NAMES);
    slots_free(s);
}

static void a_hundred_thousand_names_are_found_again(void **state)
{
    (void)state;
    struct slots *s = slots_new();
    char key[16];
    for (uint32_t i = 0; i < 100000; i++) {
        (void)snprintf(key, sizeof(key), "flag-%u", i);
        assert_int_equal(take(s, key, 0), i);
    }
    for (uint32_t i = 0; i < 100000; i += 7) {
        (void)snprintf(key, sizeof(key), "flag-%u", i);
        assert_int_equal(find(s, key), i);
    }
    slots_free(s);
}

static void freeing_nothing_is_harmless(void **state)
{
    (void)state;
    slots_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_keeps_its_slot_while_it_is_referred_to),
        cmocka_unit_test(flags_and_segments_of_one_key_are_two_names),
        cmocka_unit_test(keys_are_compared_by_length_and_bytes),
        cmocka_unit_test(a_freed_slot_goes_to_another_name_only_when_it_has_cooled),
        cmocka_unit_test(a_name_that_comes_back_gets_its_slot_back),
        cmocka_unit_test(a_drop_too_many_is_ignored),
        cmocka_unit_test(adopted_slots_are_kept_for_those_who_take_them),
        cmocka_unit_test(random_use_agrees_with_a_simple_model),
        cmocka_unit_test(a_hundred_thousand_names_are_found_again),
        cmocka_unit_test(freeing_nothing_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
