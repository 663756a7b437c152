/* Which snapshot is meant by a generation or a time, and what is said where it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "inspect/inspect_at.h"

#define NOW INT64_C(1794000000000)
#define GENERATION(incarnation, sequence) ((uint64_t)(incarnation) << 32 | (sequence))

/* 3.5 to 3.7, a minute apart, the last one ten minutes ago; 3.7 has the content of 3.5. */
static const struct store_past retained[] = {
    {GENERATION(3, 5), NOW - 720000, {1, 1}},
    {GENERATION(3, 6), NOW - 660000, {2, 2}},
    {GENERATION(3, 7), NOW - 600000, {1, 1}},
};

static char why[AT_WHY];

static uint64_t find_with(const char *text, const struct at_log *log)
{
    struct at at;
    uint64_t generation = 0;
    why[0] = '\0';
    if (!at_parse(text, &at)) {
        fail_msg("%s is neither generation nor time", text);
    }
    return at_find(&at, retained, 3, log, NOW, &generation, why) ? generation : 0;
}

static uint64_t find(const char *text)
{
    return find_with(text, NULL);
}

static void generations_and_times_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int kind; /* -1: neither */
        uint64_t number;
        int64_t ms;
    } cases[] = {
        {"3.5", AT_GENERATION, GENERATION(3, 5), 0},
        {"0x300000005", AT_GENERATION, GENERATION(3, 5), 0},
        {"0XaB", AT_GENERATION, 0xab, 0},
        {"12884901893", AT_NUMBER, GENERATION(3, 5), 12884901893},
        {"1794000000000", AT_NUMBER, 1794000000000, 1794000000000},
        {"2026-11-06T21:20:00Z", AT_TIME, 0, 1794000000000},
        {"2026-11-06T22:20:00.500+01:00", AT_TIME, 0, 1794000000500},
        {"1969-12-31T23:59:59Z", AT_TIME, 0, -1000},
        {"", -1, 0, 0},
        {"3.", -1, 0, 0},
        {".5", -1, 0, 0},
        {"3.5.1", -1, 0, 0},
        {"3.-5", -1, 0, 0},
        {"-5", -1, 0, 0},
        {"+5", -1, 0, 0},
        {" 5", -1, 0, 0},
        {"0x", -1, 0, 0},
        {"0xg", -1, 0, 0},
        {"4294967296.1", -1, 0, 0},
        {"18446744073709551616", -1, 0, 0},
        {"2026-11-06", -1, 0, 0},
        {"2026-11-06 21:20:00", -1, 0, 0},
        {"yesterday", -1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct at at = {0};
        const bool parsed = at_parse(cases[i].text, &at);
        if (parsed != (cases[i].kind >= 0)) {
            fail_msg("\"%s\" is %s", cases[i].text, parsed ? "accepted" : "refused");
        }
        if (!parsed) {
            continue;
        }
        assert_int_equal(at.kind, cases[i].kind);
        if (at.kind != AT_TIME) {
            assert_int_equal(at.number, cases[i].number);
        }
        if (at.kind != AT_GENERATION) {
            assert_int_equal(at.ms, cases[i].ms);
        }
    }
}

static void a_generation_is_found_by_each_of_its_names(void **state)
{
    (void)state;
    assert_int_equal(find("3.6"), GENERATION(3, 6));
    assert_int_equal(find("0x300000006"), GENERATION(3, 6));
    assert_int_equal(find("12884901894"), GENERATION(3, 6));
}

static void a_time_means_what_was_newest_then(void **state)
{
    (void)state;
    assert_int_equal(find("1793999279999"), 0); /* a millisecond before the first */
    assert_non_null(strstr(why, "what was in force at 2026-11-06T21:07:59Z is not retained; "
                                "retained are 3, from 3.5 to 3.7, since 2026-11-06T21:08:00Z"));
    assert_int_equal(find("1793999280000"), GENERATION(3, 5));
    assert_int_equal(find("1793999339999"), GENERATION(3, 5));
    assert_int_equal(find("2026-11-06T21:09:00Z"), GENERATION(3, 6));
    assert_int_equal(find("2026-11-06T21:19:59Z"), GENERATION(3, 7));
    assert_int_equal(find("1794000000000"), GENERATION(3, 7));
}

static void the_future_is_refused_but_for_a_clock_that_is_ahead(void **state)
{
    (void)state;
    assert_int_equal(find("1794000059000"), GENERATION(3, 7));
    assert_int_equal(find("1794000061000"), 0);
    assert_non_null(strstr(why, "is still to come; retained are 3"));
}

static void what_is_gone_is_named_and_what_is_there(void **state)
{
    (void)state;
    struct at at;
    uint64_t generation;
    assert_int_equal(find("3.4"), 0);
    assert_string_equal(why, "generation 3.4 is not retained; retained are 3, from 3.5 to 3.7, "
                             "since 2026-11-06T21:08:00Z");
    at_parse("3.4", &at);
    assert_false(at_find(&at, retained, 1, NULL, NOW, &generation, why));
    assert_string_equal(why, "generation 3.4 is not retained; retained is 3.5 alone, since "
                             "2026-11-06T21:08:00Z");
    assert_false(at_find(&at, NULL, 0, NULL, NOW, &generation, why));
    assert_string_equal(why, "generation 3.4 is not retained; nothing is retained");
}

/* ---- with a log ---------------------------------------------------------------------------- */

static struct store_past noted; /* what it says of every time and generation; 0: nothing */

static bool of_time(void *arg, int64_t ms, struct store_past *published)
{
    (void)arg;
    *published = noted;
    return noted.generation != 0 && (int64_t)noted.created_ms <= ms;
}

static bool of_generation(void *arg, uint64_t generation, struct store_past *published)
{
    (void)arg;
    *published = noted;
    return generation == noted.generation;
}

static const struct at_log log_of = {of_time, of_generation, NULL};

static void a_generation_that_is_gone_is_answered_by_one_of_its_content(void **state)
{
    (void)state;
    noted = (struct store_past){GENERATION(2, 9), NOW - 900000, {2, 2}};
    assert_int_equal(find_with("2.9", &log_of), GENERATION(3, 6));
    assert_int_equal(find_with("1793999110000", &log_of), GENERATION(3, 6));
    noted.digest[0] = 1; /* half of it is none */
    assert_int_equal(find_with("2.9", &log_of), 0);
    assert_non_null(strstr(why, "generation 2.9 is not retained"));
    assert_int_equal(find_with("1793999110000", &log_of), 0);
    assert_non_null(strstr(why, "at 2026-11-06T21:05:10Z it was generation 2.9, which is not"));
    noted.digest[1] = 1; /* of two, the newer one */
    assert_int_equal(find_with("2.9", &log_of), GENERATION(3, 7));
}

static void a_head_that_the_log_does_not_know_counts_as_well(void **state)
{
    (void)state;
    noted = (struct store_past){GENERATION(3, 5), NOW - 720000, {1, 1}};
    assert_int_equal(find_with("2026-11-06T21:09:30Z", &log_of), GENERATION(3, 6));
    noted.generation = 0;
    assert_int_equal(find_with("2026-11-06T21:09:30Z", &log_of), GENERATION(3, 6));
}

static void a_number_is_a_retained_generation_before_it_is_a_time(void **state)
{
    (void)state;
    static const struct store_past late[] = {
        {GENERATION(417, 7), NOW - 1000, {1, 1}},
        {GENERATION(417, 8), NOW, {1, 1}},
    };
    struct at at;
    uint64_t generation = 0;
    at_of_number(GENERATION(417, 7), &at); /* 1,791,001,362,439 */
    assert_true(at_find(&at, late, 2, NULL, NOW, &generation, why));
    assert_int_equal(generation, GENERATION(417, 7));
    at_of_number(NOW, &at);
    assert_true(at_find(&at, late, 2, NULL, NOW, &generation, why));
    assert_int_equal(generation, GENERATION(417, 8));
    at_of_number(UINT64_MAX, &at);
    assert_false(at_find(&at, late, 2, NULL, NOW, &generation, why));
    at_of_number(0, &at);
    assert_false(at_find(&at, late, 2, NULL, NOW, &generation, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations_and_times_are_told_apart),
        cmocka_unit_test(a_generation_is_found_by_each_of_its_names),
        cmocka_unit_test(a_time_means_what_was_newest_then),
        cmocka_unit_test(the_future_is_refused_but_for_a_clock_that_is_ahead),
        cmocka_unit_test(what_is_gone_is_named_and_what_is_there),
        cmocka_unit_test(a_generation_that_is_gone_is_answered_by_one_of_its_content),
        cmocka_unit_test(a_head_that_the_log_does_not_know_counts_as_well),
        cmocka_unit_test(a_number_is_a_retained_generation_before_it_is_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
