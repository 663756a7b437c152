/* ctest: merge timeout=120
 * A host's counts in its fleet's totals, exactly once: against a real redis-server that is stopped
 * and killed, with agents that are killed at any time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fleet/fleet_cells.h"
#include "fleet/fleet_sums.h"
#include "fleet/fleet_totals.h"
#include "loopback.h"
#include "redis_server.h"

#define WAIT_MS 20000

struct fixture {
    struct event_base *base;
    struct redis_server *server;
    struct redis_link *link;
    struct storage *storage;
    struct fleet_totals *totals;
    struct fleet_totals_options options;
    char directory[64];
};

static struct redis_link *link_of(void *arg)
{
    return ((struct fixture *)arg)->link;
}

static void open_link(struct fixture *f)
{
    struct redis_url url;
    struct fault fault = {0};
    char text[128];
    (void)snprintf(text, sizeof text, "unix://%s", redis_server_socket(f->server));
    assert_int_equal(redis_url_parse(text, &url, &fault), 0);
    f->link = redis_link_new(f->base, &(struct redis_link_options){.url = &url, .answer_ms = 200},
                             NULL, &fault);
    redis_url_free(&url);
    assert_non_null(f->link);
}

static void open_totals(struct fixture *f)
{
    struct fault fault = {0};
    f->totals = fleet_totals_new(f->base, &f->options, &fault);
    assert_non_null(f->totals);
}

static void open_storage(struct fixture *f)
{
    char path[128];
    struct fault fault = {0};
    (void)snprintf(path, sizeof path, "%s/state.db", f->directory);
    f->storage = storage_open(path, &fault);
    assert_non_null(f->storage);
    f->options = (struct fleet_totals_options){link_of, f, "test", "unit", f->storage};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    f->server = redis_server_start(NULL);
    (void)snprintf(f->directory, sizeof f->directory, "/dev/shm/ffshm-totals-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    open_storage(f);
    open_link(f);
    open_totals(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    fleet_totals_free(f->totals);
    redis_link_free(f->link);
    storage_close(f->storage);
    redis_server_stop(f->server);
    event_base_free(f->base);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", f->directory);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* As the agent's end by kill -9, and the next one's start. */
static void start_again(struct fixture *f)
{
    fleet_totals_free(f->totals);
    redis_link_free(f->link);
    storage_close(f->storage);
    open_storage(f);
    open_link(f);
    open_totals(f);
}

static void count(struct fixture *f, const char *key, int64_t variation, uint64_t times)
{
    struct fault fault = {0};
    assert_int_equal(storage_begin(f->storage, &fault), 0);
    fleet_totals_count(f->totals, key, variation, false, times);
    assert_int_equal(fleet_totals_flush(f->totals), 0);
    assert_int_equal(storage_commit(f->storage, &fault), 0);
    fleet_totals_committed(f->totals);
}

/* What Redis has of a cell, in all minutes. */
static uint64_t total(struct fixture *f, const char *cell)
{
    uint64_t sum = 0;
    char keys[4096];
    (void)snprintf(keys, sizeof keys, "%s", redis_server_ask(f->server, "KEYS *:count:*"));
    for (char *rest = keys, *key; (key = strsep(&rest, "\n")) != NULL && *key;) {
        sum += strtoull(redis_server_ask(f->server, "HGET %s %s", key, cell), NULL, 10);
    }
    return sum;
}

static size_t waiting(const struct fixture *f)
{
    struct fleet_totals_stats stats;
    fleet_totals_stats(f->totals, &stats);
    return stats.waiting;
}

static void expect_nothing_waits(struct fixture *f)
{
    for (unsigned i = 0; i < WAIT_MS / 20 && waiting(f) > 0; i++) {
        loopback_pass(f->base, 20);
    }
    assert_int_equal(waiting(f), 0);
}

static void await_link(struct fixture *f)
{
    for (unsigned i = 0; i < WAIT_MS / 10 && !redis_link_is_up(f->link); i++) {
        loopback_pass(f->base, 10);
    }
    assert_true(redis_link_is_up(f->link));
}

static void counts_are_added_up_by_minute(void **state)
{
    struct fixture *f = *state;
    count(f, "color", 1, 3);
    count(f, "color", 1, 4);
    count(f, "color", -1, 5);
    count(f, "a:b", 0, 6);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "1:color"), 7);
    assert_int_equal(total(f, "d:color"), 5);
    assert_int_equal(total(f, "0:a:b"), 6);
    const char *keys = redis_server_ask(f->server, "KEYS *");
    assert_non_null(strstr(keys, "{test:unit}:count:"));
    char key[128];
    (void)snprintf(key, sizeof key, "{test:unit}:count:%lld", (long long)time(NULL) / 60);
    const long left = strtol(redis_server_ask(f->server, "TTL %s", key), NULL, 10);
    assert_true(left == -2 || (left > 7000 && left <= 7200)); /* -2: the minute is just over */
}

static void a_transaction_that_fails_counts_nothing(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {0};
    await_link(f);
    assert_int_equal(storage_begin(f->storage, &fault), 0);
    fleet_totals_count(f->totals, "color", 0, false, 100);
    assert_int_equal(fleet_totals_flush(f->totals), 0);
    storage_rollback(f->storage);
    fleet_totals_revert(f->totals);
    count(f, "color", 0, 1);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 1);
}

static void an_agent_that_is_killed_has_its_counts_sent_by_the_next(void **state)
{
    struct fixture *f = *state;
    count(f, "color", 0, 2); /* the link is not up yet */
    assert_int_equal(waiting(f), 1);
    start_again(f);
    assert_int_equal(waiting(f), 1);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 2);
    count(f, "color", 0, 1); /* deletes what was sent */
    expect_nothing_waits(f);
    start_again(f);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 3);
}

static void what_was_sent_and_not_answered_is_counted_once(void **state)
{
    struct fixture *f = *state;
    await_link(f);
    redis_server_pause(f->server);
    count(f, "color", 0, 5);
    loopback_pass(f->base, 50); /* sent: Redis has it when it goes on */
    start_again(f);
    redis_server_resume(f->server);
    expect_nothing_waits(f);
    loopback_pass(f->base, 300);
    assert_int_equal(total(f, "0:color"), 5);
    redis_server_pause(f->server);
    count(f, "color", 0, 6);
    loopback_pass(f->base, 600); /* dropped for want of an answer, to be sent again */
    redis_server_resume(f->server);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 11);
}

static void while_redis_is_away_a_minute_is_one_batch(void **state)
{
    struct fixture *f = *state;
    redis_server_kill(f->server);
    for (unsigned i = 0; i < 200; i++) {
        count(f, i % 2 ? "color" : "size", 0, 1);
    }
    assert_true(waiting(f) <= 2); /* a minute may be over */
    start_again(f);
    for (unsigned i = 0; i < 100; i++) {
        count(f, "color", 0, 1);
    }
    assert_true(waiting(f) <= 4);
    redis_server_restart(f->server, false);
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 200);
    assert_int_equal(total(f, "0:size"), 100);
}

static void many_flags_are_several_batches(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {0};
    uint64_t sum = 0;
    assert_int_equal(storage_begin(f->storage, &fault), 0);
    for (unsigned i = 0; i < 3456; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "flag-%u", i);
        fleet_totals_count(f->totals, key, 0, false, i + 1);
        sum += i + 1;
    }
    assert_int_equal(fleet_totals_flush(f->totals), 0);
    assert_int_equal(storage_commit(f->storage, &fault), 0);
    fleet_totals_committed(f->totals);
    assert_int_equal(waiting(f), 4);
    expect_nothing_waits(f);
    struct fleet_totals_stats stats;
    fleet_totals_stats(f->totals, &stats);
    assert_int_equal(stats.counted, sum);
    assert_int_equal(total(f, "0:flag-3455"), 3456);
}

static void a_server_that_is_full_gets_them_later(void **state)
{
    struct fixture *f = *state;
    await_link(f);
    (void)redis_server_ask(f->server, "CONFIG SET maxmemory 1");
    count(f, "color", 0, 5);
    loopback_pass(f->base, 700);
    assert_int_equal(waiting(f), 1);
    (void)redis_server_ask(f->server, "CONFIG SET maxmemory 0");
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), 5);
}

static void whatever_is_killed_and_stopped_the_sum_is_right(void **state)
{
    struct fixture *f = *state;
    unsigned seed = (unsigned)time(NULL);
    uint64_t sum = 0;
    printf("seed %u\n", seed);
    for (unsigned i = 0; i < 300; i++) {
        const uint64_t times = 1 + (uint64_t)rand_r(&seed) % 9;
        count(f, "color", 0, times);
        sum += times;
        switch (rand_r(&seed) % 24) {
        case 0:
            redis_server_pause(f->server);
            loopback_pass(f->base, (unsigned)rand_r(&seed) % 400);
            redis_server_resume(f->server);
            break;
        case 1:
            redis_server_restart(f->server, false); /* kill -9 */
            break;
        case 2:
            start_again(f);
            break;
        case 3:
            redis_server_pause(f->server);
            loopback_pass(f->base, 5);
            start_again(f);
            redis_server_resume(f->server);
            break;
        default:
            loopback_pass(f->base, (unsigned)rand_r(&seed) % 8);
        }
    }
    expect_nothing_waits(f);
    assert_int_equal(total(f, "0:color"), sum);
}

/* ---- sums ----------------------------------------------------------------------------------- */

struct told {
    bool told;
    uint64_t cells, color;
    int64_t since_ms;
    char cause[512];
};

static void on_sums(void *arg, const struct fleet_cells *cells, int64_t since_ms,
                    const struct fault *fault)
{
    struct told *t = arg;
    const struct fleet_cell *cell;
    size_t at = 0;
    t->told = true;
    t->since_ms = since_ms;
    if (!cells) {
        (void)snprintf(t->cause, sizeof t->cause, "%s", fault->cause);
        return;
    }
    t->cells = cells->count;
    while ((cell = fleet_cells_next(cells, &at))) {
        t->color = strcmp(cell->name, "1:color") == 0 ? cell->count : t->color;
    }
}

static void totals_are_read_by_whoever_asks(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {0};
    struct fleet_sums *sums = fleet_sums_new(f->base, &f->options);
    struct told one = {0}, other = {0}, last = {0};
    assert_int_equal(fleet_sums_ask(sums, on_sums, &one, &fault), -1);
    assert_string_equal(fault.cause, "Redis cannot be asked");
    await_link(f);
    count(f, "color", 1, 3);
    count(f, "size", 0, 3);
    expect_nothing_waits(f);
    assert_int_equal(fleet_sums_ask(sums, on_sums, &one, &fault), 0);
    assert_int_equal(fleet_sums_ask(sums, on_sums, &other, &fault), 0);
    assert_false(one.told);
    assert_true(loopback_wait(f->base, &other.told, WAIT_MS));
    if (one.since_ms / 60000 == time(NULL) / 60) { /* else the minute was over between */
        assert_int_equal(one.cells, 2);
        assert_int_equal(other.color, 3);
    }
    count(f, "color", 1, 4);
    expect_nothing_waits(f);
    assert_int_equal(fleet_sums_ask(sums, on_sums, &last, &fault), 0);
    fleet_sums_free(sums); /* before the answer */
    assert_string_equal(last.cause, "the agent stops");
    loopback_pass(f->base, 50);
}

static void names_of_cells(void **state)
{
    int64_t variation;
    bool unknown;
    static const char *const wrong[] = {"", ":", "1:", "1", "x:a", "12", "1234567:a", "d", "?"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(fleet_cell_key(wrong[i], &variation, &unknown));
    }
    char *name = fleet_cell_name("a:b", 12, false);
    assert_string_equal(fleet_cell_key(name, &variation, &unknown), "a:b");
    assert_int_equal(variation, 12);
    assert_false(unknown);
    free(name);
    name = fleet_cell_name("x", 3, true);
    assert_string_equal(fleet_cell_key(name, &variation, &unknown), "x");
    assert_true(unknown);
    free(name);
}

int main(void)
{
    if (!redis_server_available()) {
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(counts_are_added_up_by_minute),
        TEST(a_transaction_that_fails_counts_nothing),
        TEST(an_agent_that_is_killed_has_its_counts_sent_by_the_next),
        TEST(what_was_sent_and_not_answered_is_counted_once),
        TEST(while_redis_is_away_a_minute_is_one_batch),
        TEST(many_flags_are_several_batches),
        TEST(a_server_that_is_full_gets_them_later),
        TEST(whatever_is_killed_and_stopped_the_sum_is_right),
        TEST(totals_are_read_by_whoever_asks),
        cmocka_unit_test(names_of_cells),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
