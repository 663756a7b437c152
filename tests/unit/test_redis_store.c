/* ctest: merge timeout=180
 * LaunchDarkly's store as a source, against a real redis-server: what is told of it when, what an
 * outage changes (nothing), and what an unchanged store costs. */
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
#include <time.h>

#include "loopback.h"
#include "redis_server.h"
#include "source/redis_store.h"

#define WAIT_MS 20000
#define ITEMS 16
#define TTL_MS 100

struct fixture {
    struct event_base *base;
    struct redis_server *server;
    struct redis_store *store;
    struct model_item *items[ITEMS]; /* what is served */
    unsigned puts, patches, batches, states, looked;
    size_t put_count;
    char json[1024]; /* of the last put or patch */
    char path[128];
    enum image_source_state state;
    enum image_source_error error;
    char text[1024];
    int64_t read_ms;
    int64_t published; /* version of "adopted", of which nothing else is known; 0: not */
    bool news, serves, refuses, free_in_put, free_in_state;
};

static struct redis_server *the_server;

static struct model_item **place_of(struct fixture *f, enum image_blob_kind kind, const char *key,
                                    size_t length)
{
    struct model_item **free_place = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        struct model_item *item = f->items[i];
        if (item && item->kind == kind && item->key.length == length &&
            memcmp(item->key.text, key, length) == 0) {
            return &f->items[i];
        }
        free_place = item ? free_place : &f->items[i];
    }
    return free_place;
}

static void keep(struct fixture *f, struct model_item *item)
{
    struct model_item **place = place_of(f, item->kind, item->key.text, item->key.length);
    if (place) {
        model_free(*place);
        *place = item;
    } else {
        model_free(item); /* of a large store */
    }
}

static const struct model_item *item_of(struct fixture *f, const char *key)
{
    struct model_item **place = place_of(f, IMAGE_FLAG, key, strlen(key));
    return place ? *place : NULL;
}

static void forget_all(struct fixture *f)
{
    for (size_t i = 0; i < ITEMS; i++) {
        model_free(f->items[i]);
        f->items[i] = NULL;
    }
}

static int on_put(void *arg, struct model_item **items, size_t count, const char *json,
                  size_t length)
{
    struct fixture *f = arg;
    f->news = true;
    f->puts++;
    f->put_count = count;
    snprintf(f->json, sizeof f->json, "%.*s", (int)(length < 1000 ? length : 1000), json);
    for (size_t i = 0; i < count && f->refuses; i++) {
        model_free(items[i]);
    }
    if (f->refuses) {
        return -1;
    }
    struct model_item *old[ITEMS];
    memcpy(old, f->items, sizeof old);
    memset(f->items, 0, sizeof f->items);
    for (size_t i = 0; i < count; i++) {
        keep(f, items[i]);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        model_free(old[i]);
    }
    f->serves = true;
    if (f->free_in_put) {
        redis_store_free(f->store);
        f->store = NULL;
    }
    return 0;
}

static int on_patch(void *arg, struct model_item *item, const char *path, const char *json,
                    size_t length)
{
    struct fixture *f = arg;
    f->news = true;
    f->patches++;
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->json, sizeof f->json, "%.*s", (int)(length < 1000 ? length : 1000), json);
    keep(f, item);
    return 0;
}

static void on_patches(void *arg, bool begin)
{
    struct fixture *f = arg;
    f->batches += begin;
}

static bool on_served(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                      struct redis_store_served *out)
{
    struct fixture *f = arg;
    struct model_item **place = place_of(f, kind, key, length);
    if (place && *place) {
        *out = (struct redis_store_served){(*place)->version, *place};
        return true;
    }
    *out = (struct redis_store_served){f->published, NULL};
    return f->published > 0 && length == 7 && memcmp(key, "adopted", 7) == 0;
}

static bool on_serves(void *arg)
{
    const struct fixture *f = arg;
    return f->serves;
}

static void on_state(void *arg, enum image_source_state state, enum image_source_error error,
                     const char *text, int64_t read_ms)
{
    struct fixture *f = arg;
    f->news = true;
    f->states++;
    f->state = state;
    f->error = error;
    f->read_ms = read_ms;
    snprintf(f->text, sizeof f->text, "%s", text);
    assert_null(strchr(text, '\n'));
    if (f->free_in_state) {
        redis_store_free(f->store);
        f->store = NULL;
    }
}

static void on_looked(void *arg)
{
    struct fixture *f = arg;
    f->news = true;
    f->looked++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->base = event_base_new();
    f->server = the_server;
    assert_string_equal(redis_server_ask(f->server, "FLUSHALL"), "OK");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    redis_store_free(f->store);
    event_base_free(f->base);
    forget_all(f);
    free(f);
    return 0;
}

static void begin_with(struct fixture *f, struct redis_store_options options)
{
    const struct redis_store_owner owner = {on_put,    on_patch, on_patches, on_served,
                                            on_serves, on_state, on_looked,  f};
    struct redis_url url;
    struct fault fault = {0};
    assert_int_equal(redis_url_parse(redis_server_url(f->server), &url, &fault), 0);
    options.url = &url;
    options.name = "ffshm:test";
    options.ttl_ms = options.ttl_ms ? options.ttl_ms : TTL_MS;
    f->store = redis_store_new(f->base, &options, &owner, &fault);
    redis_url_free(&url);
    assert_non_null(f->store);
    assert_int_equal(f->states, 0); /* at the next turn */
}

static void begin(struct fixture *f)
{
    begin_with(f, (struct redis_store_options){0});
}

/* One turn of news. */
static void turn(struct fixture *f)
{
    f->news = false;
    assert_true(loopback_wait(f->base, &f->news, WAIT_MS));
}

static void await_state(struct fixture *f, enum image_source_state state)
{
    for (unsigned i = 0; i < 1000 && (f->states == 0 || f->state != state); i++) {
        turn(f);
    }
    assert_int_equal(f->state, state);
}

static struct redis_store_stats stats_of(const struct fixture *f)
{
    struct redis_store_stats stats;
    redis_store_stats(f->store, &stats);
    return stats;
}

/* So many looks more that came to an end. */
static void await_looks(struct fixture *f, unsigned more)
{
    const uint64_t wanted = stats_of(f).looks + more;
    for (unsigned i = 0; i < 1000 && stats_of(f).looks < wanted; i++) {
        turn(f);
    }
    assert_true(stats_of(f).looks >= wanted);
}

static void await_version(struct fixture *f, const char *key, int64_t version)
{
    for (unsigned i = 0; i < 1000; i++) {
        const struct model_item *item = item_of(f, key);
        if (item && item->version == version) {
            return;
        }
        turn(f);
    }
    fail_msg("%s does not come in version %d", key, (int)version);
}

static void flag(struct fixture *f, const char *key, int version)
{
    redis_server_ask(f->server,
                     "HSET launchdarkly:features %s {\"key\":\"%s\",\"version\":%d,\"salt\":\"s\"}",
                     key, key, version);
}

/* ---- what is told -------------------------------------------------------------------------- */

static void the_first_look_is_a_whole_state_in_its_own_bytes(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "HSET launchdarkly:features a %s",
                     "{ \"version\":3, \"new\":[1.50] }");
    redis_server_ask(f->server, "HSET launchdarkly:segments s %s", "{\"version\":4}");
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->patches, 0);
    assert_int_equal(f->put_count, 2);
    assert_string_equal(f->json, "{\"flags\":{\"a\":{ \"version\":3, \"new\":[1.50] }},\n"
                                 "\"segments\":{\"s\":{\"version\":4}}}");
    assert_int_equal(f->error, IMAGE_SOURCE_NO_ERROR);
    assert_true(f->read_ms > INT64_C(1700000000000));
    assert_int_equal(stats_of(f).items, 2);
}

static void a_changed_key_is_told_alone(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    flag(f, "b", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    flag(f, "b", 2);
    await_version(f, "b", 2);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->patches, 1);
    assert_string_equal(f->path, "/flags/b");
    flag(f, "c", 1);
    await_version(f, "c", 1);
    assert_int_equal(f->patches, 2);
}

static void nothing_is_read_while_nothing_changes(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    await_looks(f, 5);
    assert_int_equal(stats_of(f).reads, 1);
    redis_server_ask(f->server, "SET other 1"); /* is none of its keys */
    await_looks(f, 2);
    assert_int_equal(stats_of(f).reads, 1);
    assert_int_equal(f->batches, 0);
    redis_server_ask(f->server, "CONFIG RESETSTAT");
    await_looks(f, 5);
    assert_null(strstr(redis_server_ask(f->server, "INFO commandstats"), "hscan"));
}

static void tombstones_of_all_shapes_take_flags_away(void **state)
{
    static const char *const shapes[] = {
        "{\"version\":2,\"deleted\":true}",
        "{\"key\":\"a\",\"version\":3,\"deleted\":true}",
        "{\"key\":\"$deleted\",\"version\":4,\"deleted\":true,\"on\":false,\"variations\":[]}",
    };
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    for (int i = 0; i < 3; i++) {
        redis_server_ask(f->server, "HSET launchdarkly:features a %s", shapes[i]);
        await_version(f, "a", i + 2);
        assert_true(item_of(f, "a")->deleted);
    }
    flag(f, "a", 5);
    await_version(f, "a", 5);
    assert_false(item_of(f, "a")->deleted);
}

static void what_is_gone_from_the_store_is_gone(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 7);
    flag(f, "b", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "HDEL launchdarkly:features a");
    for (unsigned i = 0; i < 1000 && !item_of(f, "a")->deleted; i++) {
        turn(f);
    }
    assert_true(item_of(f, "a")->deleted);
    assert_string_equal(f->json, "{\"key\":\"a\",\"version\":7,\"deleted\":true}");
    flag(f, "a", 7); /* as it was */
    for (unsigned i = 0; i < 1000 && item_of(f, "a")->deleted; i++) {
        turn(f);
    }
    assert_false(item_of(f, "a")->deleted);
}

static void what_cannot_be_parsed_stays_as_it_was(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    flag(f, "b", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s", "{\"version\":9,");
    flag(f, "b", 2);
    await_version(f, "b", 2);
    assert_int_equal(item_of(f, "a")->version, 1);
    assert_int_equal(stats_of(f).invalid, 1);
    flag(f, "b", 3);
    await_version(f, "b", 3);
    assert_int_equal(stats_of(f).invalid, 1); /* told once */
    redis_server_ask(f->server, "HSET launchdarkly:features a %s", "{\"version\":9,\"on\":7}");
    await_looks(f, 2);
    assert_int_equal(stats_of(f).invalid, 2);
    assert_int_equal(f->state, IMAGE_SOURCE_VALID);
    flag(f, "a", 2);
    await_version(f, "a", 2);
}

/* At the first look, too: what an earlier agent kept of it is in the whole state. */
static void what_is_kept_of_it_stays_in_the_whole_state(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_store_free(f->store);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s", "sorry");
    flag(f, "b", 1);
    begin_with(f, (struct redis_store_options){.ttl_ms = f->states = 0});
    for (unsigned i = 0; i < 1000 && f->puts < 2; i++) {
        turn(f);
    }
    assert_int_equal(f->put_count, 2);
    assert_int_equal(item_of(f, "a")->version, 1);
    assert_non_null(strstr(f->json, "\"a\":{\"key\":\"a\",\"version\":1"));
    assert_null(strstr(f->json, "sorry"));
}

static void keys_may_be_anything_but_not_everything(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "HSET launchdarkly:features %b {}", "a\0b", (size_t)3);
    redis_server_ask(f->server, "HSET launchdarkly:features %b {}", "\xff\xfe", (size_t)2);
    redis_server_ask(f->server, "HSET launchdarkly:features %b %s", "", (size_t)0,
                     "{\"version\":1}");
    redis_server_ask(f->server, "HSET launchdarkly:features %s %s", "a b/\"$\xc3\xa9",
                     "{\"version\":1}");
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    await_version(f, "a b/\"$\xc3\xa9", 1);
    assert_true(stats_of(f).invalid >= 2);
}

/* ---- older and newer ----------------------------------------------------------------------- */

static void what_is_older_than_what_is_served_never_wins(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 5);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    flag(f, "a", 4);
    flag(f, "b", 1);
    await_version(f, "b", 1);
    assert_int_equal(item_of(f, "a")->version, 5);
    assert_int_equal(stats_of(f).older, 1);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s",
                     "{\"version\":5,\"salt\":\"s\",\"on\":true}"); /* of equal ones the store's */
    for (unsigned i = 0; i < 1000 && !item_of(f, "a")->as.flag.on; i++) {
        turn(f);
    }
    assert_true(item_of(f, "a")->as.flag.on);
}

static void another_flag_of_the_same_name_may_be_older(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 5);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s",
                     "{\"version\":1,\"salt\":\"another\"}");
    await_version(f, "a", 1);
}

/* Published by an earlier agent, and nobody has its definition: then it is not said that what the
   store has is all there is. */
static void of_what_was_adopted_only_something_newer_comes(void **state)
{
    struct fixture *f = *state;
    f->published = 7;
    f->serves = true;
    flag(f, "adopted", 6);
    flag(f, "b", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->puts, 0);
    assert_int_equal(f->patches, 1);
    assert_int_equal(item_of(f, "b")->version, 1);
    assert_null(item_of(f, "adopted"));
    flag(f, "adopted", 8);
    await_version(f, "adopted", 8);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->put_count, 2);
}

static void who_follows_takes_only_what_is_newer(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 5);
    flag(f, "b", 1);
    begin_with(f, (struct redis_store_options){.follows = true});
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_non_null(strstr(f->text, "not initialized"));
    assert_int_equal(f->patches, 0);
    redis_server_ask(f->server, "SET launchdarkly:$inited %s", "");
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->patches, 2);
    assert_int_equal(f->puts, 0);
    redis_server_ask(f->server, "HSET launchdarkly:features a %s",
                     "{\"version\":5,\"salt\":\"s\",\"on\":true}");
    redis_server_ask(f->server, "HDEL launchdarkly:features b");
    await_looks(f, 2);
    assert_int_equal(f->patches, 2);
    assert_false(item_of(f, "a")->as.flag.on);
    assert_false(item_of(f, "b")->deleted);
    flag(f, "a", 6);
    await_version(f, "a", 6);
}

/* ---- $inited ------------------------------------------------------------------------------- */

static void what_is_there_counts_without_inited(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->put_count, 1);
}

static void an_initialized_store_may_be_empty(void **state)
{
    struct fixture *f = *state;
    f->serves = true;
    redis_server_ask(f->server, "SET launchdarkly:$inited 1");
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->put_count, 0);
}

static void an_unfilled_store_is_empty_for_who_has_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->put_count, 0);
    assert_int_equal(f->error, IMAGE_SOURCE_STORE_ERROR);
    assert_non_null(strstr(f->text, "nobody has filled the store"));
    flag(f, "a", 1);
    await_version(f, "a", 1);
    await_state(f, IMAGE_SOURCE_VALID);
}

static void an_emptied_store_changes_nothing(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 3);
    redis_server_ask(f->server, "SET launchdarkly:$inited 1");
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "FLUSHALL");
    await_state(f, IMAGE_SOURCE_INTERRUPTED);
    assert_non_null(strstr(f->text, "emptied"));
    await_looks(f, 2);
    assert_int_equal(f->puts, 1);
    assert_int_equal(f->patches, 0);
    flag(f, "a", 3);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(item_of(f, "a")->version, 3);
}

static void an_emptied_store_is_followed_where_that_is_wanted(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 3);
    begin_with(f, (struct redis_store_options){.empty_counts = true});
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "FLUSHALL");
    for (unsigned i = 0; i < 1000 && !item_of(f, "a")->deleted; i++) {
        turn(f);
    }
    assert_true(item_of(f, "a")->deleted);
    await_looks(f, 2);
    assert_int_equal(f->state, IMAGE_SOURCE_VALID);
    flag(f, "a", 3);
    await_version(f, "a", 3);
    for (unsigned i = 0; i < 1000 && item_of(f, "a")->deleted; i++) {
        turn(f);
    }
    assert_false(item_of(f, "a")->deleted);
}

static void await_looked(struct fixture *f, unsigned wanted)
{
    for (unsigned i = 0; i < 1000 && f->looked < wanted; i++) {
        turn(f);
    }
    assert_int_equal(f->looked, wanted);
}

static void a_look_that_is_asked_for_does_not_wait_for_the_ttl(void **state)
{
    struct fixture *f = *state;
    begin_with(f, (struct redis_store_options){.ttl_ms = 3600000});
    assert_false(redis_store_look(f->store)); /* it is not there yet */
    redis_server_ask(f->server, "SET launchdarkly:$inited 1");
    await_state(f, IMAGE_SOURCE_VALID);
    flag(f, "a", 1);
    assert_true(redis_store_look(f->store));
    assert_true(redis_store_look(f->store));
    assert_int_equal(f->looked, 0); /* never from within */
    await_looked(f, 1);
    assert_int_equal(item_of(f, "a")->version, 1);
    for (int version = 2; version < 20; version++) {
        flag(f, "a", version);
        assert_true(redis_store_look(f->store));
        await_looked(f, (unsigned)version);
        assert_int_equal(item_of(f, "a")->version, version);
    }
    assert_int_equal(f->puts, 1);
}

static void the_prefix_is_whose_store_it_is(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    redis_server_ask(f->server, "HSET {ld}:features b %s", "{\"version\":1}");
    begin_with(f, (struct redis_store_options){.prefix = "{ld}"});
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->put_count, 1);
    assert_non_null(item_of(f, "b"));
}

/* ---- outages ------------------------------------------------------------------------------- */

static void an_outage_is_told_and_ends(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    const int64_t read_ms = f->read_ms;
    redis_server_kill(f->server);
    await_state(f, IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(f->error, IMAGE_SOURCE_STORE_ERROR);
    assert_non_null(strstr(f->text, "redis://127.0.0.1"));
    assert_true(f->read_ms >= read_ms && f->read_ms > 0);
    assert_int_equal(item_of(f, "a")->version, 1);
    redis_server_restart(f->server, false);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->puts, 1); /* the same is there */
    assert_int_equal(f->patches, 0);
    flag(f, "a", 2);
    await_version(f, "a", 2);
}

static void a_server_that_is_not_there_yet_is_waited_for(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    redis_server_kill(f->server);
    begin(f);
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_int_equal(f->puts, 0);
    redis_server_restart(f->server, false);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->puts, 1);
}

static void a_server_that_stands_still_is_an_outage(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_pause(f->server);
    await_state(f, IMAGE_SOURCE_INTERRUPTED);
    redis_server_resume(f->server);
    await_state(f, IMAGE_SOURCE_VALID);
}

static void a_key_of_another_type_is_an_error(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    redis_server_ask(f->server, "SET launchdarkly:segments oops");
    await_state(f, IMAGE_SOURCE_INTERRUPTED);
    assert_int_equal(f->error, IMAGE_SOURCE_STORE_ERROR);
    redis_server_ask(f->server, "DEL launchdarkly:segments");
    await_state(f, IMAGE_SOURCE_VALID);
}

static void what_could_not_be_taken_is_read_again(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    f->refuses = true;
    begin(f);
    for (unsigned i = 0; i < 1000 && f->puts < 2; i++) {
        turn(f);
    }
    assert_int_equal(f->state, IMAGE_SOURCE_INITIALIZING);
    f->refuses = false;
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(item_of(f, "a")->version, 1);
}

/* ---- sizes and servers --------------------------------------------------------------------- */

static void a_store_that_is_too_large_is_not_read(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 20; i++) {
        char key[16];
        snprintf(key, sizeof key, "f%d", i);
        flag(f, key, 1);
    }
    begin_with(f, (struct redis_store_options){.most_items = 19});
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_non_null(strstr(f->text, "too large: 20 items"));
    redis_store_free(f->store);
    f->states = 0;
    begin_with(f, (struct redis_store_options){.most_bytes = 500});
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_non_null(strstr(f->text, "too large"));
    assert_int_equal(f->puts, 0);
}

static void write_many(struct fixture *f, unsigned count)
{
    static const char script[] =
        "for i = 1, tonumber(ARGV[1]) do redis.call('HSET', 'launchdarkly:features', 'f' .. i, "
        "'{\"key\":\"f' .. i .. '\",\"version\":1,\"salt\":\"' .. string.rep('s', 1000) .. '\"}') "
        "end";
    redis_server_ask(f->server, "EVAL %s 0 %u", script, count);
}

static void a_large_store_is_read_in_pieces(void **state)
{
    struct fixture *f = *state;
    write_many(f, 5000);
    redis_server_ask(f->server, "CONFIG RESETSTAT");
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->put_count, 5000);
    const char *stats = redis_server_ask(f->server, "INFO commandstats");
    const char *hscan = strstr(stats, "cmdstat_hscan:calls=");
    assert_non_null(hscan);
    assert_true(atoi(hscan + strlen("cmdstat_hscan:calls=")) >= 4);
    assert_null(strstr(stats, "cmdstat_hgetall"));
}

/* Then no two pieces are of one moment, and it is read at once. */
static void who_writes_all_the_time_keeps_nobody_from_reading(void **state)
{
    struct fixture *f = *state;
    write_many(f, 2500);
    redis_server_ask(f->server, "CONFIG RESETSTAT");
    begin(f);
    for (int version = 1; version < 20000 && f->states == 0; version++) {
        flag(f, "a", version);
        event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->put_count, 2501);
    assert_non_null(strstr(redis_server_ask(f->server, "INFO commandstats"), "cmdstat_hgetall"));
}

/* Where the server does not tell what has changed, all of it is read, in one MULTI. */
static void a_server_that_does_not_tell_is_read_whole(void **state)
{
    struct fixture *f = *state;
    redis_server_ask(f->server, "ACL SETUSER default -client|info -memory|usage");
    flag(f, "a", 1);
    begin(f);
    await_state(f, IMAGE_SOURCE_VALID);
    assert_int_equal(f->put_count, 1);
    await_looks(f, 3);
    assert_true(stats_of(f).reads >= 4);
    flag(f, "a", 2);
    await_version(f, "a", 2);
    assert_int_equal(f->puts, 1);
    redis_server_ask(f->server, "ACL SETUSER default +@all");
}

static void who_may_not_read_is_told_why(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    redis_server_ask(f->server, "ACL SETUSER default -hscan");
    begin(f);
    await_state(f, IMAGE_SOURCE_INITIALIZING);
    assert_non_null(strstr(f->text, "NOPERM"));
    redis_server_ask(f->server, "ACL SETUSER default +@all");
    await_state(f, IMAGE_SOURCE_VALID);
}

/* ---- its end ------------------------------------------------------------------------------- */

static void it_may_end_within_what_it_tells(void **state)
{
    struct fixture *f = *state;
    flag(f, "a", 1);
    f->free_in_put = true;
    begin(f);
    for (unsigned i = 0; i < 1000 && f->store; i++) {
        turn(f);
    }
    assert_null(f->store);
    assert_int_equal(f->states, 0);
    f->free_in_state = true;
    f->free_in_put = false;
    begin(f);
    for (unsigned i = 0; i < 1000 && f->store; i++) {
        turn(f);
    }
    assert_null(f->store);
    redis_store_free(NULL);
}

static void it_may_end_at_any_time(void **state)
{
    struct fixture *f = *state;
    write_many(f, 3000);
    for (int i = 0; i < 30; i++) {
        f->states = 0;
        begin(f);
        for (int turns = 0; turns < i * 2; turns++) {
            event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        }
        redis_store_free(f->store);
        f->store = NULL;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_look_is_a_whole_state_in_its_own_bytes),
        TEST(a_changed_key_is_told_alone),
        TEST(nothing_is_read_while_nothing_changes),
        TEST(tombstones_of_all_shapes_take_flags_away),
        TEST(what_is_gone_from_the_store_is_gone),
        TEST(what_cannot_be_parsed_stays_as_it_was),
        TEST(what_is_kept_of_it_stays_in_the_whole_state),
        TEST(keys_may_be_anything_but_not_everything),
        TEST(what_is_older_than_what_is_served_never_wins),
        TEST(another_flag_of_the_same_name_may_be_older),
        TEST(of_what_was_adopted_only_something_newer_comes),
        TEST(who_follows_takes_only_what_is_newer),
        TEST(what_is_there_counts_without_inited),
        TEST(an_initialized_store_may_be_empty),
        TEST(an_unfilled_store_is_empty_for_who_has_nothing),
        TEST(an_emptied_store_changes_nothing),
        TEST(an_emptied_store_is_followed_where_that_is_wanted),
        TEST(a_look_that_is_asked_for_does_not_wait_for_the_ttl),
        TEST(the_prefix_is_whose_store_it_is),
        TEST(an_outage_is_told_and_ends),
        TEST(a_server_that_is_not_there_yet_is_waited_for),
        TEST(a_server_that_stands_still_is_an_outage),
        TEST(a_key_of_another_type_is_an_error),
        TEST(what_could_not_be_taken_is_read_again),
        TEST(a_store_that_is_too_large_is_not_read),
        TEST(a_large_store_is_read_in_pieces),
        TEST(who_writes_all_the_time_keeps_nobody_from_reading),
        TEST(a_server_that_does_not_tell_is_read_whole),
        TEST(who_may_not_read_is_told_why),
        TEST(it_may_end_within_what_it_tells),
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
