/* How long to wait before trying again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/backoff.h"

#define MINUTE INT64_C(60000)

static void set_up(struct backoff *b, int64_t base_ms)
{
    backoff_init(b, (struct backoff_regime){base_ms, 30000},
                 (struct backoff_regime){5 * MINUTE, 60 * MINUTE});
}

/* The next delay is between half of this and this. */
static void expect(struct backoff *b, bool unexpected, int64_t most)
{
    const int64_t delay = backoff_failed(b, unexpected);
    assert_in_range(delay, most - most / 2, most);
}

static void delays_double_up_to_the_ceiling(void **state)
{
    static const int64_t most[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    struct backoff b;
    (void)state;
    set_up(&b, 1000);
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        expect(&b, false, most[i]);
    }
    for (unsigned i = 0; i < 100000; i++) { /* and stay there, whatever counts */
        expect(&b, false, 30000);
    }
    backoff_reset(&b);
    expect(&b, false, 1000);
}

static void a_millisecond_is_a_millisecond(void **state)
{
    struct backoff b;
    (void)state;
    set_up(&b, 1);
    expect(&b, false, 1);
    expect(&b, false, 2);
    expect(&b, false, 4);
}

static void a_base_beyond_the_ceiling_stays(void **state)
{
    struct backoff b;
    (void)state;
    set_up(&b, 100000);
    expect(&b, false, 100000);
    expect(&b, false, 100000);
    backoff_init(&b, (struct backoff_regime){INT64_MAX / 2, INT64_MAX},
                 (struct backoff_regime){1, 1});
    for (unsigned i = 0; i < 5; i++) {
        assert_true(backoff_failed(&b, false) > 0);
    }
}

static void the_jitter_takes_up_to_a_half(void **state)
{
    int64_t least = INT64_MAX;
    int64_t most = 0;
    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        struct backoff b;
        set_up(&b, 1000);
        const int64_t delay = backoff_failed(&b, false);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_in_range(least, 500, 550);
    assert_in_range(most, 950, 1000);
}

static void the_unexpected_waits_for_minutes_until_all_is_well(void **state)
{
    struct backoff b;
    (void)state;
    set_up(&b, 1000);
    expect(&b, false, 1000);
    expect(&b, false, 2000);
    expect(&b, true, 5 * MINUTE);
    expect(&b, false, 10 * MINUTE); /* what is expected does not end it */
    expect(&b, true, 20 * MINUTE);
    expect(&b, true, 40 * MINUTE);
    expect(&b, true, 60 * MINUTE);
    expect(&b, true, 60 * MINUTE);
    backoff_reset(&b);
    expect(&b, false, 1000);
    expect(&b, true, 5 * MINUTE);
}

static void the_peer_sets_the_base(void **state)
{
    struct backoff b;
    (void)state;
    set_up(&b, 1000);
    expect(&b, false, 1000);
    backoff_rebase(&b, 10);
    expect(&b, false, 10);
    expect(&b, false, 20);
    backoff_rebase(&b, 0);
    expect(&b, false, 1);
    expect(&b, false, 2);
    backoff_rebase(&b, 999999999);
    expect(&b, false, 30000);
    expect(&b, true, 5 * MINUTE); /* is not the peer's to say */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_ceiling),
        cmocka_unit_test(a_millisecond_is_a_millisecond),
        cmocka_unit_test(a_base_beyond_the_ceiling_stays),
        cmocka_unit_test(the_jitter_takes_up_to_a_half),
        cmocka_unit_test(the_unexpected_waits_for_minutes_until_all_is_well),
        cmocka_unit_test(the_peer_sets_the_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
