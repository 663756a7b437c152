/*
 * test_publisher_change.c - a change of the live set that can be taken back, and the digest to
 * come: any sequence of puts, removals and publishes, against what was there before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live_store.h"

#define KEYS 6u
#define STEPS 12u

static uint32_t random_state = 1;

static unsigned pick(unsigned below)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static const char *key_of(unsigned i)
{
    static const char *const keys[KEYS] = {"a", "b", "c", "d", "e", "f"};
    return keys[i];
}

/* Any definition of any of the keys, which names another; or its removal. */
static void step(struct live_store *s)
{
    char text[256];
    const char *const key = key_of(pick(KEYS));
    if (pick(3) == 0) {
        publisher_remove(s->publisher, IMAGE_FLAG, key, 1);
        return;
    }
    snprintf(text, sizeof text,
             "{\"version\":%u,\"variations\":[%u],\"prerequisites\":[{\"key\":\"%s\","
             "\"variation\":0}],\"ffshm\":{\"autoVersion\":%s}}",
             pick(2), pick(3), key_of(pick(KEYS)), pick(2) ? "true" : "false");
    live_store_put_text(s, IMAGE_FLAG, key, text);
}

struct state {
    uint64_t digest[2];
    int64_t versions[KEYS];
    uint32_t slots[KEYS];
};

static struct state state_of(struct live_store *s)
{
    struct state state = {.digest = {0, 0}};
    publisher_digest(s->publisher, state.digest);
    for (unsigned i = 0; i < KEYS; i++) {
        state.versions[i] = publisher_version(s->publisher, IMAGE_FLAG, key_of(i), 1);
        state.slots[i] = slots_find(publisher_slots(s->publisher), IMAGE_FLAG, key_of(i), 1);
    }
    return state;
}

static void same_state(const struct state *a, const struct state *b)
{
    assert_memory_equal(a->digest, b->digest, sizeof a->digest);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(a->versions[i], b->versions[i]);
        assert_int_equal(a->slots[i], b->slots[i]);
    }
}

/* Publishes; what comes is what was said to come. */
static void publish(struct live_store *s)
{
    struct publisher_stats stats;
    const struct state before = state_of(s);
    live_store_publish(s);
    publisher_stats(s->publisher, &stats);
    assert_memory_equal(stats.digest, before.digest, sizeof before.digest);
}

static void steps_in_a_change(struct live_store *s, unsigned count)
{
    assert_int_equal(publisher_change(s->publisher, count / 2), 0);
    for (unsigned i = 0; i < count; i++) {
        if (i == count / 2) {
            assert_int_equal(publisher_change(s->publisher, count - count / 2), 0);
        }
        step(s);
    }
}

static void any_change_can_be_kept_or_taken_back(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    for (unsigned round = 0; round < 600; round++) {
        for (unsigned i = pick(4); i > 0; i--) {
            step(&s); /* pending, perhaps, when the change begins */
        }
        if (pick(2)) {
            publish(&s);
        }
        const struct state before = state_of(&s);
        steps_in_a_change(&s, pick(STEPS));
        if (pick(2)) {
            publisher_change_undo(s.publisher);
            const struct state after = state_of(&s);
            same_state(&before, &after);
        } else {
            const struct state changed = state_of(&s);
            publisher_change_keep(s.publisher);
            const struct state after = state_of(&s);
            assert_memory_equal(changed.digest, after.digest, sizeof after.digest);
        }
    }
    /* every reference on a slot was given back: nothing is left when nothing is there */
    for (unsigned i = 0; i < KEYS; i++) {
        publisher_remove(s.publisher, IMAGE_FLAG, key_of(i), 1);
    }
    publish(&s);
    const struct state empty = state_of(&s);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(empty.slots[i], IMAGE_NO_SLOT);
        assert_int_equal(empty.versions[i], -1);
    }
    live_store_close(&s);
}

static void one_that_is_open_at_the_end_leaks_nothing(void **state)
{
    (void)state;
    struct live_store s;
    live_store_open(&s);
    steps_in_a_change(&s, STEPS);
    live_store_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_change_can_be_kept_or_taken_back),
        cmocka_unit_test(one_that_is_open_at_the_end_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
