/* ctest: merge timeout=180
 * LaunchDarkly's store as a sink, against a real redis-server: what is written, in which order, by
 * whom of several, and after an outage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/redis_store_sink.h"
#include "deliver/store_set.h"
#include "loopback.h"
#include "redis_server.h"
#include "source/launchdarkly.h"

#define WAIT_MS 20000
#define TURN_MS 20
#define ITEMS 8

/* What LaunchDarkly has sent to one agent. */
struct agent {
    struct fixture *f;
    struct redis_store_sink *sink;
    struct model_item *items[ITEMS];
    char *texts[ITEMS];
    size_t count;
    unsigned many; /* more items, beside those */
    unsigned loads;
    bool refuses;
};

struct fixture {
    struct event_base *base;
    struct redis_server *server;
    struct agent a, b;
};

static struct redis_server *the_server;

static bool add_many(struct agent *a, struct store_set *set)
{
    char key[32];
    char json[1200];
    for (unsigned i = 0; i < a->many; i++) {
        snprintf(key, sizeof key, "many-%u", i);
        const int length = snprintf(json, sizeof json,
                                    "{\"key\":\"%s\",\"version\":0,\"pad\":\"%01000u\"}", key, i);
        if (!store_set_add(set, IMAGE_FLAG, key, strlen(key), json, (size_t)length, NULL)) {
            return false;
        }
    }
    return true;
}

static int on_load(void *arg, struct store_set *set)
{
    struct agent *a = arg;
    a->loads++;
    for (size_t i = 0; i < a->count; i++) {
        const struct model_item *item = a->items[i];
        assert_true(store_set_add(set, item->kind, item->key.text, item->key.length, a->texts[i],
                                  strlen(a->texts[i]), item));
    }
    assert_true(add_many(a, set));
    return a->refuses ? -1 : 0;
}

/* It is what LaunchDarkly has last sent of that item. */
static const struct model_item *set_item(struct agent *a, const char *path, const char *json)
{
    struct fault fault;
    struct model_item *item = launchdarkly_parse_item(path, json, strlen(json), &fault);
    size_t i = 0;
    assert_non_null(item);
    while (i < a->count && (a->items[i]->kind != item->kind ||
                            strcmp(a->items[i]->key.text, item->key.text) != 0)) {
        i++;
    }
    assert_true(i < ITEMS);
    model_free(a->items[i]);
    free(a->texts[i]);
    a->items[i] = item;
    a->texts[i] = strdup(json);
    a->count = i == a->count ? i + 1 : a->count;
    return item;
}

static void forget(struct agent *a)
{
    for (size_t i = 0; i < a->count; i++) {
        model_free(a->items[i]);
        free(a->texts[i]);
        a->items[i] = NULL;
        a->texts[i] = NULL;
    }
    a->count = 0;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    f->server = the_server;
    f->a.f = f->b.f = f;
    assert_string_equal(redis_server_ask(f->server, "FLUSHALL"), "OK");
    redis_server_ask(f->server, "CONFIG RESETSTAT");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    redis_store_sink_free(f->a.sink);
    redis_store_sink_free(f->b.sink);
    event_base_free(f->base);
    forget(&f->a);
    forget(&f->b);
    free(f);
    return 0;
}

static void begin(struct agent *a)
{
    const struct redis_store_sink_owner owner = {on_load, NULL, a};
    struct redis_url url;
    struct fault fault = {0};
    assert_int_equal(redis_url_parse(redis_server_url(a->f->server), &url, &fault), 0);
    const struct redis_store_sink_options options = {.url = &url, .name = "ffshm:test"};
    a->sink = redis_store_sink_new(a->f->base, &options, &owner, &fault);
    redis_url_free(&url);
    assert_non_null(a->sink);
}

static struct redis_store_sink_stats stats_of(const struct agent *a)
{
    struct redis_store_sink_stats stats;
    redis_store_sink_stats(a->sink, &stats);
    return stats;
}

static void await_state(struct agent *a, enum redis_store_sink_state state)
{
    for (unsigned i = 0; i < WAIT_MS / TURN_MS && stats_of(a).state != state; i++) {
        loopback_pass(a->f->base, TURN_MS);
    }
    assert_int_equal(stats_of(a).state, state);
}

static void await_written(struct agent *a)
{
    await_state(a, REDIS_STORE_SINK_VALID);
    for (unsigned i = 0; i < WAIT_MS / TURN_MS && !redis_store_sink_idle(a->sink); i++) {
        loopback_pass(a->f->base, TURN_MS);
    }
    assert_true(redis_store_sink_idle(a->sink));
}

static void change(struct agent *a, const char *path, const char *json)
{
    const struct model_item *item = set_item(a, path, json);
    redis_store_sink_item(a->sink, item, json, strlen(json));
}

static void assert_field(struct fixture *f, const char *hash, const char *key, const char *json)
{
    assert_string_equal(redis_server_ask(f->server, "HGET launchdarkly:%s %s", hash, key), json);
}

static void write_first(struct agent *a)
{
    set_item(a, "/flags/a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    begin(a);
    redis_store_sink_whole(a->sink);
    await_written(a);
}

/* ---- a whole state ------------------------------------------------------------------------- */

static void a_whole_state_is_written_in_its_own_bytes(void **state)
{
    struct fixture *f = *state;
    set_item(&f->a, "/segments/s", "{\"version\":4 }");
    write_first(&f->a);
    assert_field(f, "features", "a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    assert_field(f, "segments", "s", "{\"version\":4 }");
    assert_string_equal(redis_server_ask(f->server, "GET launchdarkly:$inited"), "");
    assert_string_equal(redis_server_ask(f->server, "EXISTS launchdarkly:$inited"), "1");
    const struct redis_store_sink_stats stats = stats_of(&f->a);
    assert_int_equal(stats.wholes, 1);
    assert_int_equal(stats.bytes, strlen("{\"version\":4 }") +
                                      strlen("{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }"));
    assert_true(stats.written_ms > INT64_C(1700000000000));
    assert_string_equal(stats.trouble, "");
}

static void nothing_is_written_before_launchdarkly_has_sent_it(void **state)
{
    struct fixture *f = *state;
    begin(&f->a);
    loopback_pass(f->base, 200);
    assert_int_equal(stats_of(&f->a).state, REDIS_STORE_SINK_WAITING);
    change(&f->a, "/flags/a", "{\"version\":1}");
    loopback_pass(f->base, 100);
    assert_string_equal(redis_server_ask(f->server, "DBSIZE"), "0");
    f->a.refuses = true; /* there is a state, but not LaunchDarkly's own */
    redis_store_sink_whole(f->a.sink);
    loopback_pass(f->base, 100);
    assert_string_equal(redis_server_ask(f->server, "DBSIZE"), "0");
}

/* Seen by who watches the server, as another reader would see it. */
static void the_order_is_segments_then_prerequisites_first(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "CONFIG SET slowlog-log-slower-than 0");
    redis_server_ask(f->server, "SLOWLOG RESET");
    set_item(&f->a, "/flags/needs", "{\"prerequisites\":[{\"key\":\"zero\",\"variation\":0}]}");
    set_item(&f->a, "/flags/zero", "{\"version\":1}");
    set_item(&f->a, "/segments/s", "{\"version\":1}");
    begin(&f->a);
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    redisContext *context = redisConnectUnix(redis_server_socket(f->server));
    redisReply *log = redisCommand(context, "SLOWLOG GET 100");
    char seen[512] = "";
    size_t at = 0;
    for (size_t i = log->elements; i-- > 0;) { /* the newest first */
        const redisReply *words = log->element[i]->element[3];
        const char *name = words->element[0]->str;
        if (strcasecmp(name, "HSET") == 0) {
            at +=
                (size_t)snprintf(seen + at, sizeof seen - at, "%s %s%s%s; ", words->element[1]->str,
                                 words->element[2]->str, words->elements > 4 ? " " : "",
                                 words->elements > 4 ? words->element[4]->str : "");
        } else if (strcasecmp(name, "DEL") == 0 || strcasecmp(name, "SET") == 0) {
            at += (size_t)snprintf(seen + at, sizeof seen - at, "%s %s; ", name,
                                   words->element[1]->str);
        }
    }
    freeReplyObject(log);
    redisFree(context);
    redis_server_ask(f->server, "CONFIG SET slowlog-log-slower-than -1");
    assert_string_equal(seen, "DEL launchdarkly:features; DEL launchdarkly:segments; "
                              "launchdarkly:segments s; "
                              "launchdarkly:features zero needs; SET launchdarkly:$inited; ");
}

static void an_empty_state_empties_the_store(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "HSET launchdarkly:features old {}");
    begin(&f->a);
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    assert_string_equal(redis_server_ask(f->server, "EXISTS launchdarkly:features"), "0");
    assert_string_equal(redis_server_ask(f->server, "EXISTS launchdarkly:$inited"), "1");
}

static void what_is_there_already_is_not_written_again(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    set_item(&f->b, "/flags/a", "{\"version\":3,\"in\":\"other words\"}");
    begin(&f->b);
    redis_store_sink_whole(f->b.sink);
    await_written(&f->b);
    assert_int_equal(stats_of(&f->b).found, 1);
    assert_int_equal(stats_of(&f->b).wholes, 0);
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    assert_int_equal(stats_of(&f->a).found, 1);
    assert_field(f, "features", "a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    redis_server_ask(f->server, "DEL launchdarkly:$inited"); /* that, too, is to be there */
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    assert_int_equal(stats_of(&f->a).wholes, 2);
}

static void what_is_newer_there_stays_there(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "HSET launchdarkly:features a %s", "{\"version\":4}");
    set_item(&f->a, "/flags/b", "{\"version\":1}");
    write_first(&f->a);
    assert_field(f, "features", "a", "{\"version\":4}");
    assert_field(f, "features", "b", "{\"version\":1}");
}

static void a_large_state_goes_in_pieces_and_appears_at_once(void **state)
{
    struct fixture *f = *state;
    f->a.many = 5000;
    begin(&f->a);
    redis_store_sink_whole(f->a.sink);
    char *end;
    unsigned long seen = 0;
    for (unsigned i = 0; i < 20000 && seen == 0; i++) {
        event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        seen = strtoul(redis_server_ask(f->server, "HLEN launchdarkly:features"), &end, 10);
        assert_true(seen == 0 || seen == 5000);
    }
    assert_int_equal(seen, 5000);
    await_written(&f->a);
    const char *stats = redis_server_ask(f->server, "INFO commandstats");
    assert_true(atoi(strstr(stats, "cmdstat_hset:calls=") + strlen("cmdstat_hset:calls=")) >= 10);
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    assert_int_equal(stats_of(&f->a).found, 1);
}

/* ---- single items -------------------------------------------------------------------------- */

static void a_change_is_written_where_it_is_newer(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    change(&f->a, "/flags/a", "{\"version\":4 }");
    change(&f->a, "/segments/s", "{\"version\":1}");
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":4 }");
    assert_field(f, "segments", "s", "{\"version\":1}");
    assert_int_equal(stats_of(&f->a).items, 2);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s", "{\"version\":6.0}");
    change(&f->a, "/flags/a", "{\"version\":5}");
    change(&f->a, "/flags/a", "{\"version\":6}");
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":6.0}");
    assert_int_equal(stats_of(&f->a).not_newer, 2);
    change(&f->a, "/flags/a", "{\"key\":\"a\",\"version\":7,\"deleted\":true}");
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"key\":\"a\",\"version\":7,\"deleted\":true}");
    assert_int_equal(stats_of(&f->a).wholes, 1);
}

static void what_cannot_be_read_is_written_over(void **state)
{
    static const char *const bad[] = {"{\"version\":",      "7", "", "[]", "null",
                                      "{\"version\":\"x\"}"};
    struct fixture *f = *state;
    write_first(&f->a);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"version\":%zu}", 10 + i);
        redis_server_ask(f->server, "HSET launchdarkly:features a %s", bad[i]);
        change(&f->a, "/flags/a", json);
        await_written(&f->a);
        assert_field(f, "features", "a", json);
    }
}

static void keys_and_values_may_have_any_bytes(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    change(&f->a, "/flags/a b\"$\xc3\xa9", "{\"version\":1,\"x\":\"\\u0000 %s $1\"}");
    await_written(&f->a);
    assert_string_equal(
        redis_server_ask(f->server, "HGET launchdarkly:features %s", "a b\"$\xc3\xa9"),
        "{\"version\":1,\"x\":\"\\u0000 %s $1\"}");
}

static void a_thousand_changes_at_once_all_arrive(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    for (int i = 4; i < 3004; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"version\":%d}", i);
        change(&f->a, "/flags/a", json);
    }
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":3003}");
}

static void two_agents_write_one_store(void **state)
{
    struct fixture *f = *state;
    set_item(&f->b, "/flags/a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    set_item(&f->a, "/flags/a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    begin(&f->a);
    begin(&f->b);
    redis_store_sink_whole(f->a.sink);
    redis_store_sink_whole(f->b.sink);
    await_written(&f->a);
    await_written(&f->b);
    assert_int_equal(stats_of(&f->a).wholes + stats_of(&f->b).wholes, 1);
    assert_int_equal(stats_of(&f->a).found + stats_of(&f->b).found, 1);
    for (int i = 4; i < 104; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"version\":%d}", i);
        change(i % 2 ? &f->a : &f->b, "/flags/a", json);
        change(i % 2 ? &f->b : &f->a, "/flags/a", json);
    }
    await_written(&f->a);
    await_written(&f->b);
    assert_field(f, "features", "a", "{\"version\":103}");
    assert_int_equal(stats_of(&f->a).failures + stats_of(&f->b).failures, 0);
    assert_true(stats_of(&f->a).not_newer + stats_of(&f->b).not_newer >= 100);
}

/* ---- outages ------------------------------------------------------------------------------- */

static void after_an_outage_everything_is_there(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_server_kill(f->server);
    await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
    assert_non_null(strstr(stats_of(&f->a).trouble, "redis://127.0.0.1"));
    change(&f->a, "/flags/a", "{\"version\":4}");
    change(&f->a, "/flags/b", "{\"version\":1}");
    redis_server_restart(f->server, true);
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":4}");
    assert_field(f, "features", "b", "{\"version\":1}");
    assert_string_equal(redis_server_ask(f->server, "EXISTS launchdarkly:$inited"), "1");
    assert_string_equal(stats_of(&f->a).trouble, "");
}

static void what_launchdarkly_does_not_name_goes_after_an_outage(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    for (int left = 0; left < 2; left++) {
        if (left) { /* and came back, with nothing new: a poll */
            redis_store_sink_away(f->a.sink, true);
            redis_store_sink_away(f->a.sink, false);
        }
        redis_server_kill(f->server);
        await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
        redis_server_restart(f->server, true);
        redis_server_ask(f->server, "HSET launchdarkly:features ghost %s", "{\"version\":1}");
        await_written(&f->a);
        assert_string_equal(redis_server_ask(f->server, "HLEN launchdarkly:features"), "1");
    }
}

/* Another agent wrote it while LaunchDarkly was away from this one. */
static void what_it_does_not_know_stays_after_an_outage(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_store_sink_away(f->a.sink, true);
    redis_server_kill(f->server);
    await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
    redis_server_restart(f->server, false);
    redis_server_ask(f->server, "DEL launchdarkly:features"); /* so that it has to write */
    redis_server_ask(f->server, "HSET launchdarkly:features new %s gone %s", "{\"version\":1}",
                     "{\"version\":2,\"deleted\":true}");
    await_written(&f->a);
    assert_string_equal(redis_server_ask(f->server, "HLEN launchdarkly:features"), "3");
    assert_field(f, "features", "new", "{\"version\":1}");
    assert_field(f, "features", "gone", "{\"version\":2,\"deleted\":true}");
    redis_store_sink_whole(f->a.sink);
    await_written(&f->a);
    assert_string_equal(redis_server_ask(f->server, "HLEN launchdarkly:features"), "1");
}

/* It came while Redis was away; if LaunchDarkly left since, others may have written later. */
static void a_state_that_could_not_be_written_removes_unless_launchdarkly_left(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    for (int left = 0; left < 2; left++) {
        redis_server_kill(f->server);
        await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
        redis_store_sink_whole(f->a.sink);
        if (left) {
            redis_store_sink_away(f->a.sink, true);
        }
        redis_server_restart(f->server, true);
        redis_server_ask(f->server, "DEL launchdarkly:features");
        redis_server_ask(f->server, "HSET launchdarkly:features new %s", "{\"version\":1}");
        await_written(&f->a);
        assert_string_equal(redis_server_ask(f->server, "HLEN launchdarkly:features"),
                            left ? "2" : "1");
    }
}

static void a_server_that_comes_later_is_written_then(void **state)
{
    struct fixture *f = *state;
    redis_server_kill(f->server);
    set_item(&f->a, "/flags/a", "{\"version\":1}");
    begin(&f->a);
    redis_store_sink_whole(f->a.sink);
    await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
    assert_true(redis_store_sink_idle(f->a.sink)); /* nobody waits for it at the agent's end */
    redis_server_restart(f->server, true);
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":1}");
}

static void a_full_server_is_told_and_tried_again(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_server_ask(f->server, "CONFIG SET maxmemory 1");
    change(&f->a, "/flags/a", "{\"version\":4}");
    await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
    assert_non_null(strstr(stats_of(&f->a).trouble, "OOM"));
    loopback_pass(f->base, 700); /* the whole state is refused, too */
    assert_int_equal(stats_of(&f->a).state, REDIS_STORE_SINK_INTERRUPTED);
    assert_field(f, "features", "a", "{ \"key\":\"a\",\"version\":3, \"new\":[1.50] }");
    redis_server_ask(f->server, "CONFIG SET maxmemory 0");
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":4}");
}

static void many_that_are_refused_at_once_are_one_failure(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_server_ask(f->server, "CONFIG SET maxmemory 1");
    for (int i = 4; i < 24; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"version\":%d}", i);
        change(&f->a, "/flags/a", json);
    }
    for (unsigned i = 0; i < WAIT_MS / TURN_MS && stats_of(&f->a).failures < 20; i++) {
        loopback_pass(f->base, TURN_MS);
    }
    redis_server_ask(f->server, "CONFIG SET maxmemory 0");
    loopback_pass(f->base, 2000); /* 250 ms, 500 if that was too early; not 30 s */
    assert_int_equal(stats_of(&f->a).state, REDIS_STORE_SINK_VALID);
    assert_field(f, "features", "a", "{\"version\":23}");
}

static void a_server_that_stands_still_is_an_outage(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_server_pause(f->server);
    change(&f->a, "/flags/a", "{\"version\":4}");
    await_state(&f->a, REDIS_STORE_SINK_INTERRUPTED);
    redis_server_resume(f->server);
    await_written(&f->a);
    assert_field(f, "features", "a", "{\"version\":4}");
}

static void who_may_not_run_scripts_writes_all_the_same(void **state)
{
    struct fixture *f = *state;
    write_first(&f->a);
    redis_server_ask(f->server, "ACL SETUSER default -eval");
    change(&f->a, "/flags/a", "{\"version\":4}");
    for (unsigned i = 0; i < WAIT_MS / TURN_MS && stats_of(&f->a).wholes < 2; i++) {
        loopback_pass(f->base, TURN_MS);
    }
    assert_field(f, "features", "a", "{\"version\":4}");
    redis_server_ask(f->server, "ACL SETUSER default +@all");
}

static void who_interferes_is_noticed(void **state)
{
    struct fixture *f = *state;
    f->a.many = 3000;
    begin(&f->a);
    redis_store_sink_whole(f->a.sink);
    unsigned written = 0;
    for (unsigned i = 0; i < 20000 && stats_of(&f->a).raced < 2; i++) {
        event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        redis_server_ask(f->server, "HSET launchdarkly:features other %u", ++written);
    }
    assert_true(stats_of(&f->a).raced >= 2);
    await_written(&f->a);
    assert_string_equal(redis_server_ask(f->server, "HLEN launchdarkly:features"), "3000");
}

static void it_may_end_at_any_time(void **state)
{
    struct fixture *f = *state;
    f->a.many = 2000;
    for (int i = 0; i < 30; i++) {
        redis_server_ask(f->server, "FLUSHALL");
        begin(&f->a);
        redis_store_sink_whole(f->a.sink);
        for (int turns = 0; turns < i * 2; turns++) {
            event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        }
        redis_store_sink_free(f->a.sink);
        f->a.sink = NULL;
    }
    redis_store_sink_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_state_is_written_in_its_own_bytes),
        TEST(nothing_is_written_before_launchdarkly_has_sent_it),
        TEST(the_order_is_segments_then_prerequisites_first),
        TEST(an_empty_state_empties_the_store),
        TEST(what_is_there_already_is_not_written_again),
        TEST(what_is_newer_there_stays_there),
        TEST(a_large_state_goes_in_pieces_and_appears_at_once),
        TEST(a_change_is_written_where_it_is_newer),
        TEST(what_cannot_be_read_is_written_over),
        TEST(keys_and_values_may_have_any_bytes),
        TEST(a_thousand_changes_at_once_all_arrive),
        TEST(two_agents_write_one_store),
        TEST(after_an_outage_everything_is_there),
        TEST(what_launchdarkly_does_not_name_goes_after_an_outage),
        TEST(what_it_does_not_know_stays_after_an_outage),
        TEST(a_state_that_could_not_be_written_removes_unless_launchdarkly_left),
        TEST(a_server_that_comes_later_is_written_then),
        TEST(a_full_server_is_told_and_tried_again),
        TEST(many_that_are_refused_at_once_are_one_failure),
        TEST(a_server_that_stands_still_is_an_outage),
        TEST(who_may_not_run_scripts_writes_all_the_same),
        TEST(who_interferes_is_noticed),
        TEST(it_may_end_at_any_time),
    };
    if (!redis_server_available()) {
        return 77;
    }
    the_server = redis_server_start(NULL);
    const int result = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(the_server);
    return result;
}
