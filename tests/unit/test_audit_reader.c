/* Reading the trail in steps: the same entries, in the same order, as all at once. */
#include "audit_fixture.h"

#include "admin/admin_work.h"
#include "admin/audit_reader.h"

#define MOST 5000

struct told {
    int64_t numbers[MOST];
    int count;
    int refuses; /* at which count; 0: never */
};

static int note(void *arg, const struct storage_audit *e)
{
    struct told *t = arg;
    if (t->refuses && t->count >= t->refuses) {
        return 1;
    }
    assert_true(t->count < MOST);
    t->numbers[t->count++] = e->number;
    return 0;
}

static int steps(struct fixture *f, const struct storage_audit_query *query, int64_t newest,
                 struct told *told)
{
    struct audit_reader reader;
    int count = 0;
    told->count = 0;
    told->refuses = 0;
    audit_reader_begin(&reader, query, newest);
    while (!reader.done) {
        ok(f, audit_reader_step(&reader, f->s, note, told, &f->fault));
        count++;
    }
    return count;
}

/* What SQLite says by one statement. */
static void same_as_at_once(struct fixture *f, const struct storage_audit_query *query)
{
    static struct told read;
    static struct told all;
    steps(f, query, 0, &read);
    all.count = 0;
    all.refuses = 0;
    ok(f, storage_audit_list(f->s, query, note, &all, &f->fault));
    assert_int_equal(read.count, all.count);
    assert_memory_equal(read.numbers, all.numbers, (size_t)all.count * sizeof *all.numbers);
}

static void a_query_tells_what_one_statement_would(void **state)
{
    struct fixture *f = *state;
    const struct storage_audit_query queries[] = {
        {.after = 0},
        {.actor = "ann"},
        {.actor = "nobody"},
        {.action = "flag.kill", .target = "flag/f3"},
        {.target = "flag/f3", .after = 700},
        {.after = 2999},
        {.after = 3000},
        {.after = 1},
        {.from_ms = 1700000000000 + 1000, .to_ms = 1700000000000 + 1010},
        {.from_ms = 1700000000000 + 2995},
        {.to_ms = 1700000000000 + 5, .actor = "ann"},
        {.to_ms = 1700000000000},
    };
    open_it(f);
    same_as_at_once(f, &queries[0]); /* of nothing */
    append(f, 3000);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct storage_audit_query query = queries[i];
        same_as_at_once(f, &query);
        query.backward = true;
        same_as_at_once(f, &query);
    }
}

static void the_clock_may_have_been_set_back(void **state)
{
    struct fixture *f = *state;
    static struct told told;
    static const int64_t times[] = {100, 50, 101, 102, 51, 103};
    open_it(f);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct storage_audit e = entry_of((int64_t)i);
        e.time_ms = times[i];
        ok(f, audit_append(f->s, &e, &f->fault));
    }
    const struct storage_audit_query query = {.from_ms = 60, .to_ms = 103};
    steps(f, &query, 0, &told);
    assert_int_equal(told.count, 3);
    assert_int_equal(told.numbers[0], 1);
    assert_int_equal(told.numbers[1], 3);
    assert_int_equal(told.numbers[2], 4);
    same_as_at_once(f, &query);
}

static void an_entry_that_is_refused_is_told_again(void **state)
{
    struct fixture *f = *state;
    static struct told told;
    const struct storage_audit_query query = {.backward = true};
    struct audit_reader reader;
    open_it(f);
    append(f, 100);
    audit_reader_begin(&reader, &query, 0);
    told = (struct told){.refuses = 40};
    assert_int_equal(audit_reader_step(&reader, f->s, note, &told, &f->fault), 1);
    assert_int_equal(audit_reader_step(&reader, f->s, note, &told, &f->fault), 1);
    assert_int_equal(told.count, 40);
    assert_false(reader.done);
    told.refuses = 0;
    while (!reader.done) {
        ok(f, audit_reader_step(&reader, f->s, note, &told, &f->fault));
    }
    assert_int_equal(told.count, 100);
    for (int i = 0; i < told.count; i++) {
        assert_int_equal(told.numbers[i], 100 - i);
    }
}

static void what_is_newer_than_the_end_is_left_out(void **state)
{
    struct fixture *f = *state;
    static struct told told;
    const struct storage_audit_query query = {.actor = "ann"};
    open_it(f);
    append(f, 1000);
    steps(f, &query, 600, &told);
    assert_int_equal(told.count, 300);
    assert_int_equal(told.numbers[299], 599);
    steps(f, &query, 1, &told);
    assert_int_equal(told.count, 1);
}

/* Rows that nobody wrote, at both ends of what a number can be, take no longer. */
static void gaps_and_strays_are_passed_over(void **state)
{
    struct fixture *f = *state;
    static struct told told;
    const struct storage_audit_query forward = {.after = 0};
    const struct storage_audit_query backward = {.backward = true};
    static const char *const numbers[] = {
        "-9223372036854775808", "-7", "0", "4000000000", "400000000000", "9223372036854775807"};
    open_it(f);
    append(f, 10);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "INSERT INTO audit SELECT %s, time_ms, actor, authenticated, action, target,"
                 " reason, digest, previous, hash, before, after FROM audit WHERE number = 3",
                 numbers[i]);
        tamper(f, sql);
    }
    tamper(f, "DELETE FROM audit WHERE number = 5");
    assert_true(steps(f, &forward, 0, &told) < 20);
    assert_int_equal(told.count, 12);
    assert_int_equal(told.numbers[0], 1);
    assert_int_equal(told.numbers[11], INT64_MAX);
    assert_true(steps(f, &backward, 0, &told) < 20);
    assert_int_equal(told.count, 12);
    assert_int_equal(told.numbers[0], INT64_MAX);
    assert_int_equal(told.numbers[11], 1);
}

/* Its time is told, not judged. */
static void a_step_is_short_though_nothing_matches(void **state)
{
    struct fixture *f = *state;
    static struct told told;
    const struct storage_audit_query query = {.actor = "ann", .target = "flag/none"};
    struct audit_reader reader;
    int64_t longest = 0;
    int count = 0;
    open_it(f);
    append(f, 20000);
    audit_reader_begin(&reader, &query, 0);
    for (; !reader.done; count++) {
        const int64_t began = admin_work_now_us();
        ok(f, audit_reader_step(&reader, f->s, note, &told, &f->fault));
        const int64_t took = admin_work_now_us() - began;
        longest = took > longest ? took : longest;
    }
    printf("%d steps, the longest %" PRId64 " us\n", count, longest);
    assert_true(count > 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_query_tells_what_one_statement_would), T(the_clock_may_have_been_set_back),
        T(an_entry_that_is_refused_is_told_again), T(what_is_newer_than_the_end_is_left_out),
        T(gaps_and_strays_are_passed_over),        T(a_step_is_short_though_nothing_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
