/* What is told of refusals, and that nobody can make it much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operate/refusal_counter.h"

#define SECOND 1000
#define MINUTE 60000
#define WALL 1700000000000

static struct refusal of(const char *source, const char *code, int64_t now_ms)
{
    struct refusal r = {.code = code,
                        .status = 401,
                        .times = 1,
                        .since_ms = WALL + now_ms,
                        .until_ms = WALL + now_ms};
    snprintf(r.source, sizeof r.source, "%s", source);
    snprintf(r.actor, sizeof r.actor, "nobody");
    snprintf(r.target, sizeof r.target, "GET /at/%lld", (long long)now_ms);
    return r;
}

static bool take(struct refusal_counter *c, const char *source, const char *code, int64_t now_ms)
{
    const struct refusal r = of(source, code, now_ms);
    return refusal_counter_take(c, &r, now_ms);
}

struct told {
    struct refusal last;
    unsigned count;
    uint64_t times;
};

static void on_told(void *arg, const struct refusal *r)
{
    struct told *t = arg;
    t->last = *r;
    t->count++;
    t->times += r->times;
}

static struct told tell(struct refusal_counter *c, int64_t now_ms, bool all)
{
    struct told told = {.count = 0};
    refusal_counter_tell(c, now_ms, all, on_told, &told);
    return told;
}

static void the_first_is_told_at_once_and_repeats_as_one(void **state)
{
    struct refusal_counter c;
    (void)state;
    refusal_counter_init(&c, &refusal_limits_standard, 0);
    assert_false(refusal_counter_pending(&c));
    assert_true(take(&c, "a", "unauthenticated", 0));
    assert_true(take(&c, "a", "token_unknown", 1)); /* another code, another source */
    assert_true(take(&c, "b", "unauthenticated", 2));
    for (int i = 0; i < 500; i++) {
        assert_false(take(&c, "a", "unauthenticated", 10 * SECOND + i));
    }
    assert_int_equal(tell(&c, MINUTE - 1, false).count, 0);
    const struct told told = tell(&c, MINUTE + 2, false);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.last.times, 500);
    assert_int_equal(told.last.since_ms, WALL + 10 * SECOND);
    assert_int_equal(told.last.until_ms, WALL + 10 * SECOND + 499);
    assert_string_equal(told.last.source, "a");
    assert_string_equal(told.last.target, "GET /at/10499");
    /* It goes on: still one a minute. */
    assert_false(take(&c, "a", "unauthenticated", MINUTE + 3));
    assert_int_equal(tell(&c, 2 * MINUTE, false).count, 0);
    assert_int_equal(tell(&c, 2 * MINUTE + 2, false).times, 1);
    /* And when a minute was quiet, it begins anew. */
    assert_int_equal(tell(&c, 3 * MINUTE + 2, false).count, 0);
    assert_false(refusal_counter_pending(&c));
    assert_true(take(&c, "a", "unauthenticated", 3 * MINUTE + 3));
    assert_true(take(&c, "a", "unauthenticated", 5 * MINUTE)); /* nobody looked meanwhile */
    assert_int_equal(c.suppressed, 0);
}

/* However many sources there are, so much is told and no more; nothing is lost but who it was. */
static void a_flood_is_told_at_a_rate(void **state)
{
    struct refusal_counter c;
    uint64_t refusals = 0;
    uint64_t told = 0;
    unsigned entries = 0;
    (void)state;
    refusal_counter_init(&c, &refusal_limits_standard, 0);
    for (int64_t now = 0; now < 60 * MINUTE; now += 50) {
        for (int i = 0; i < 10; i++) {
            char source[32];
            snprintf(source, sizeof source, "2001:db8::%llx", (unsigned long long)refusals++);
            if (take(&c, source, "token_unknown", now)) {
                entries++;
                told += 1 + c.suppressed;
                c.suppressed = 0;
            }
        }
        if (now % (5 * SECOND) == 0) {
            const struct told some = tell(&c, now, false);
            entries += some.count;
            told += some.times;
            if (some.count > 0) {
                told += c.suppressed;
                c.suppressed = 0;
            }
        }
    }
    printf("%llu refusals in an hour, %u entries\n", (unsigned long long)refusals, entries);
    assert_in_range(entries, 60, 60 + 360);
    const struct told rest = tell(&c, 60 * MINUTE, true);
    assert_true(rest.count <= REFUSAL_ROWS);
    assert_int_equal(told + rest.times + c.suppressed, refusals);
    assert_int_equal(tell(&c, 60 * MINUTE, true).count, 0);
}

/* One who floods from everywhere does not keep those of others from being told later. */
static void what_could_not_be_told_waits(void **state)
{
    const struct refusal_limits limits = {.window_ms = MINUTE, .every_ms = 10 * SECOND, .burst = 2};
    struct refusal_counter c;
    (void)state;
    refusal_counter_init(&c, &limits, 0);
    assert_true(take(&c, "a", "forbidden", 0));
    assert_true(take(&c, "b", "forbidden", 0));
    assert_false(take(&c, "c", "forbidden", 0));
    assert_false(take(&c, "d", "forbidden", 0));
    assert_false(take(&c, "d", "forbidden", 5));
    assert_int_equal(tell(&c, 10 * SECOND, false).count, 0);
    struct told told = tell(&c, MINUTE, false);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.times, 3);
    assert_string_equal(told.last.source, "d");
    assert_int_equal(told.last.since_ms, WALL);
}

static void a_clock_that_jumps_gives_no_more_than_a_burst(void **state)
{
    struct refusal_counter c;
    unsigned told = 0;
    (void)state;
    refusal_counter_init(&c, &refusal_limits_standard, 1);
    for (int i = 0; i < 1000; i++) {
        char source[16];
        snprintf(source, sizeof source, "%d", i);
        told += take(&c, source, "forbidden", INT64_MAX / 2);
    }
    assert_int_equal(told, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_told_at_once_and_repeats_as_one),
        cmocka_unit_test(a_flood_is_told_at_a_rate),
        cmocka_unit_test(what_could_not_be_told_waits),
        cmocka_unit_test(a_clock_that_jumps_gives_no_more_than_a_burst),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
