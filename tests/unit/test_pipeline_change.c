/*
 * test_pipeline_change.c - what an operator changes is seen by the next evaluation, or leaves no
 * trace: catalog, compiler, publisher and reader as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "ffshm.h"
#include "live_store.h"
#include "log.h"
#include "pipeline_change.h"

static struct rig {
    struct live_store store;
    struct event_base *base;
    struct pipeline *p;
    struct ffshm *reader;
    struct fault fault;
} rig;

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_setup(LOG_LEVEL_ERROR);
    live_store_open(&rig.store);
    rig.base = event_base_new();
    rig.p = pipeline_new(rig.base, rig.store.publisher, NULL, NULL);
    return rig.p ? pipeline_keep_values(rig.p) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ffshm_close(rig.reader);
    pipeline_free(rig.p);
    event_base_free(rig.base);
    live_store_close(&rig.store);
    return 0;
}

/* ---- helpers ---- */

/* On for everybody with `value`, off with 0; the variants are "off", "on". */
static struct model_item *flag_of(const char *key, int version, int value)
{
    json_t *json =
        json_pack("{s:i, s:b, s:[i,i], s:i, s:{s:i}, s:{s:[s,s], s:b}}", "version", version, "on",
                  1, "variations", 0, value, "offVariation", 0, "fallthrough", "variation", 1,
                  "ffshm", "variants", "off", "on", "autoVersion", version == 0);
    assert_non_null(json);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "test", &rig.fault);
    json_decref(json);
    assert_non_null(item);
    return item;
}

static void load(enum catalog_layer layer, const char *key, int version, int value)
{
    struct model_item *items[] = {flag_of(key, version, value)};
    assert_int_equal(pipeline_replace(rig.p, layer, items, 1), 0);
}

static void unload(enum catalog_layer layer)
{
    assert_int_equal(pipeline_replace(rig.p, layer, NULL, 0), 0);
}

/* The reader comes after the first snapshot: before it, evaluations look for one now and then. */
static void publish(void)
{
    assert_int_equal(pipeline_publish(rig.p), 0);
    if (!rig.reader) {
        rig.reader = ffshm_open(rig.store.dir, NULL);
    }
}

static int set(const char *key, const char *variant)
{
    const struct override o = {.kind = variant ? OVERRIDE_PIN : OVERRIDE_KILL,
                               .variant = variant,
                               .reason = "why",
                               .set_by = "ann"};
    return pipeline_override_set(rig.p, key, &o, &rig.fault);
}

static int clear(const char *key)
{
    return pipeline_override_clear(rig.p, key, &rig.fault);
}

/* What the next evaluation of a reader gives; -1: its default. */
static int served(const char *key)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "u");
    return (int)ffshm_int(rig.reader, key, &who, -1);
}

static void serves(const char *key, int value, int reason)
{
    struct ffshm_context who;
    struct ffshm_detail d;
    ffshm_context_init(&who, NULL, "u");
    assert_int_equal(ffshm_int_detail(rig.reader, key, &who, -1, &d), value);
    assert_int_equal(d.reason, reason);
}

static struct publisher_stats stats(void)
{
    struct publisher_stats s;
    publisher_stats(rig.store.publisher, &s);
    return s;
}

static int64_t version(const char *key)
{
    return publisher_version(rig.store.publisher, IMAGE_FLAG, key, strlen(key));
}

/* ---- overrides ---- */

static void a_flag_of_any_layer_is_killed_at_once(void **state)
{
    (void)state;
    static const char *const keys[] = {"launchdarkly", "file", "admin"};
    for (unsigned layer = 0; layer < CATALOG_LAYERS; layer++) {
        load((enum catalog_layer)layer, keys[layer], 7, 1);
    }
    publish();
    for (unsigned layer = 0; layer < CATALOG_LAYERS; layer++) {
        const struct publisher_stats before = stats();
        serves(keys[layer], 1, FFSHM_REASON_FALLTHROUGH);
        assert_int_equal(set(keys[layer], NULL), 0);
        serves(keys[layer], 0, FFSHM_REASON_OFF); /* no turn of the loop */
        assert_int_equal(stats().generation, before.generation + 1);
        assert_int_equal(stats().extents, before.extents + 1); /* nothing was merged */
        assert_int_equal(version(keys[layer]), 7);
    }
    assert_int_equal(event_base_loop(rig.base, EVLOOP_NONBLOCK), 0);
}

static void set_and_clear_leave_the_digest_that_was(void **state)
{
    (void)state;
    load(CATALOG_FILE, "f", 7, 1);
    load(CATALOG_ADMIN, "counting", 0, 1);
    publish();
    const struct publisher_stats before = stats();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(set("f", NULL), 0);
        assert_int_equal(set("counting", "off"), 0);
        serves("counting", 0, FFSHM_REASON_FALLTHROUGH);
        assert_memory_not_equal(stats().digest, before.digest, sizeof before.digest);
        assert_int_equal(clear("f"), 0);
        assert_int_equal(clear("counting"), 0);
        assert_memory_equal(stats().digest, before.digest, sizeof before.digest);
        serves("f", 1, FFSHM_REASON_FALLTHROUGH);
    }
    assert_int_equal(version("f"), 7);
    assert_int_equal(version("counting"), 1 + 6); /* it counts every change */
}

static void who_and_why_are_published_when_they_change(void **state)
{
    (void)state;
    load(CATALOG_FILE, "f", 7, 1);
    publish();
    assert_int_equal(set("f", NULL), 0);
    const uint64_t first = stats().generation;
    assert_int_equal(set("f", NULL), 0); /* the same again */
    assert_int_equal(stats().generation, first);
    const struct override other = {.kind = OVERRIDE_KILL, .reason = "other", .set_by = "bob"};
    assert_int_equal(pipeline_override_set(rig.p, "f", &other, &rig.fault), 0);
    assert_int_equal(stats().generation, first + 1);
    assert_string_equal(pipeline_override(rig.p, "f")->set_by, "bob");
}

static void an_override_waits_for_its_flag(void **state)
{
    (void)state;
    assert_int_equal(set("later", NULL), 0);
    assert_int_equal(stats().generation, 0); /* no reason to tell readers that all is there */
    load(CATALOG_FILE, "other", 1, 5);
    publish();
    assert_int_equal(served("later"), -1);
    assert_int_equal(clear("later"), 0);
    assert_int_equal(set("later", NULL), 0);
    load(CATALOG_FILE, "later", 1, 1);
    publish();
    serves("later", 0, FFSHM_REASON_OFF);
    unload(CATALOG_FILE);
    publish();
    assert_int_equal(served("later"), -1);
    assert_non_null(pipeline_override(rig.p, "later"));
    load(CATALOG_LAUNCHDARKLY, "later", 1, 1);
    publish();
    serves("later", 0, FFSHM_REASON_OFF);
    assert_int_equal(clear("later"), 0);
    serves("later", 1, FFSHM_REASON_FALLTHROUGH);
}

static void an_override_follows_what_is_below_it(void **state)
{
    (void)state;
    load(CATALOG_LAUNCHDARKLY, "f", 1, 10);
    publish();
    assert_int_equal(set("f", "on"), 0);
    serves("f", 10, FFSHM_REASON_FALLTHROUGH);
    load(CATALOG_LAUNCHDARKLY, "f", 2, 20);
    publish();
    serves("f", 20, FFSHM_REASON_FALLTHROUGH);
    assert_int_equal(version("f"), 2);
    load(CATALOG_ADMIN, "f", 3, 30);
    publish();
    serves("f", 30, FFSHM_REASON_FALLTHROUGH);
    unload(CATALOG_ADMIN);
    publish();
    serves("f", 20, FFSHM_REASON_FALLTHROUGH);
    json_t *json = json_pack("{s:i, s:b}", "version", 4, "deleted", 1);
    struct model_item *tombstone = model_parse(IMAGE_FLAG, "f", json, "test", &rig.fault);
    json_decref(json);
    assert_int_equal(pipeline_put(rig.p, CATALOG_LAUNCHDARKLY, tombstone), 0);
    publish();
    assert_int_equal(served("f"), -1);
    assert_null(pipeline_in_force(rig.p, IMAGE_FLAG, "f"));
}

static void a_pin_whose_variant_is_gone_kills_until_it_is_back(void **state)
{
    (void)state;
    load(CATALOG_FILE, "f", 1, 10);
    publish();
    assert_int_equal(set("f", "blue"), 0);
    serves("f", 0, FFSHM_REASON_OFF);
    json_t *json =
        json_pack("{s:i, s:b, s:[i,i], s:i, s:{s:[s,s]}}", "version", 2, "on", 1, "variations", 0,
                  30, "offVariation", 0, "ffshm", "variants", "red", "blue");
    struct model_item *items[] = {model_parse(IMAGE_FLAG, "f", json, "test", &rig.fault)};
    json_decref(json);
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, items, 1), 0);
    publish();
    serves("f", 30, FFSHM_REASON_FALLTHROUGH);
}

static void what_depends_on_a_killed_flag_takes_it_for_off(void **state)
{
    (void)state;
    json_t *json = json_pack("{s:i, s:b, s:[i,i], s:i, s:{s:i}, s:[{s:s, s:i}]}", "version", 1,
                             "on", 1, "variations", 0, 1, "offVariation", 0, "fallthrough",
                             "variation", 1, "prerequisites", "key", "f", "variation", 0);
    struct model_item *needs = model_parse(IMAGE_FLAG, "needs", json, "test", &rig.fault);
    json_decref(json);
    struct model_item *items[] = {flag_of("f", 1, 10), needs};
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, items, 2), 0);
    publish();
    serves("needs", 0, FFSHM_REASON_PREREQUISITE_FAILED); /* f gives variation 1 */
    assert_int_equal(set("f", "off"), 0);
    serves("needs", 1, FFSHM_REASON_FALLTHROUGH);
    assert_int_equal(set("f", NULL), 0); /* variation 0, too, but the flag is off */
    serves("needs", 0, FFSHM_REASON_PREREQUISITE_FAILED);
    assert_int_equal(set("needs", "1"), 0);
    serves("needs", 1, FFSHM_REASON_FALLTHROUGH); /* pinned: nothing else is asked */
}

static void one_that_was_stored_is_in_force_from_the_first_publish(void **state)
{
    (void)state;
    const struct override o = {.kind = OVERRIDE_KILL, .reason = "r", .set_by = "ann"};
    assert_int_equal(pipeline_override_load(rig.p, "f", &o, &rig.fault), 0);
    assert_int_equal(pipeline_override_load(rig.p, "", &o, &rig.fault), -1);
    load(CATALOG_FILE, "f", 1, 1);
    publish();
    assert_int_equal(stats().generation & UINT32_MAX, 1);
    serves("f", 0, FFSHM_REASON_OFF);
}

static void count(void *arg, const char *key, const struct override *override,
                  const struct model_item *item)
{
    snprintf(arg + strlen(arg), 64, "%s%s%s ", key, override->variant ? "=" : "",
             item ? "" : "(no flag)");
}

static void overrides_are_listed_with_the_flag_that_they_change(void **state)
{
    (void)state;
    char text[256] = "";
    load(CATALOG_FILE, "f", 1, 1);
    publish();
    assert_int_equal(set("f", "on"), 0);
    pipeline_override_each(rig.p, count, text);
    assert_string_equal(text, "f= ");
    assert_int_equal(clear("f"), 0);
    assert_int_equal(set("g", NULL), 0);
    text[0] = '\0';
    pipeline_override_each(rig.p, count, text);
    assert_string_equal(text, "g(no flag) ");
}

static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    load(CATALOG_FILE, "f", 1, 1);
    publish();
    const struct publisher_stats before = stats();
    assert_int_equal(set("f", ""), -1);
    assert_string_equal(rig.fault.member, "variant");
    assert_int_equal(set("", NULL), -1);
    assert_string_equal(rig.fault.member, "flag");
    assert_int_equal(clear("f"), -1);
    assert_non_null(strstr(rig.fault.cause, "not overridden"));
    assert_int_equal(stats().generation, before.generation);
    assert_int_equal(set("f", NULL), 0); /* and no change was left open */
}

/* ---- changes ---- */

static void the_digest_to_come_is_that_of_the_generation_that_comes(void **state)
{
    (void)state;
    uint64_t digest[2];
    uint64_t second[2];
    load(CATALOG_FILE, "a", 1, 1);
    load(CATALOG_ADMIN, "b", 1, 1);
    publish();
    load(CATALOG_FILE, "a", 2, 2); /* pending, and goes with it */
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_begin(rig.p), -1);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("c", 1, 3), &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    assert_int_equal(pipeline_change_remove(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "b", &rig.fault), 0);
    assert_int_equal(pipeline_change_remove(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "b", &rig.fault), -1);
    assert_int_equal(pipeline_change_compile(rig.p, second, &rig.fault), 0);
    assert_memory_not_equal(digest, second, sizeof digest);
    assert_int_equal(served("b"), 1);
    assert_int_equal(pipeline_change_publish(rig.p, &rig.fault), 0);
    assert_memory_equal(stats().digest, second, sizeof second);
    assert_int_equal(served("a"), 2);
    assert_int_equal(served("b"), -1);
    assert_int_equal(served("c"), 3);
    const uint64_t generation = stats().generation;
    publish();
    assert_int_equal(stats().generation, generation); /* nothing was left over */
}

/* One of everything that there is to undo. */
static void change_everything(void)
{
    const struct override o = {.kind = OVERRIDE_KILL, .reason = "r", .set_by = "ann"};
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("f", 9, 9), &rig.fault), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("f", 10, 10), &rig.fault),
                     0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("new", 1, 1), &rig.fault),
                     0);
    assert_int_equal(pipeline_change_remove(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "new", &rig.fault),
                     0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("new", 2, 2), &rig.fault),
                     0);
    assert_int_equal(pipeline_change_override(rig.p, "f", &o, &rig.fault), 0);
    assert_int_equal(pipeline_change_override(rig.p, "absent", &o, &rig.fault), 0);
    assert_int_equal(pipeline_change_clear(rig.p, "pinned", &rig.fault), 0);
    assert_int_equal(pipeline_change_remove(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "pinned", &rig.fault),
                     0);
}

static void everything_is_as_it_was(const struct publisher_stats *before)
{
    uint64_t digest[2];
    assert_int_equal(stats().generation, before->generation);
    publisher_digest(rig.store.publisher, digest);
    assert_memory_equal(digest, before->digest, sizeof digest);
    publish();
    assert_int_equal(stats().generation, before->generation);
    assert_int_equal(version("f"), 1);
    assert_int_equal(version("new"), -1);
    serves("f", 1, FFSHM_REASON_FALLTHROUGH);
    serves("pinned", 0, FFSHM_REASON_FALLTHROUGH);
    assert_null(pipeline_override(rig.p, "f"));
    assert_null(pipeline_override(rig.p, "absent"));
    assert_string_equal(pipeline_override(rig.p, "pinned")->variant, "off");
    assert_null(pipeline_item(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "f", 1));
    assert_null(pipeline_item(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "new", 3));
}

static void a_change_that_is_undone_leaves_no_trace(void **state)
{
    (void)state;
    uint64_t digest[2];
    load(CATALOG_FILE, "f", 1, 1);
    load(CATALOG_ADMIN, "pinned", 1, 1);
    publish();
    assert_int_equal(set("pinned", "off"), 0);
    const struct publisher_stats before = stats();
    for (int compiled = 0; compiled < 3; compiled++) {
        assert_int_equal(pipeline_change_begin(rig.p), 0);
        if (compiled == 2) {
            change_everything();
            assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
            assert_memory_not_equal(digest, before.digest, sizeof digest);
            assert_int_equal(
                pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("f", 11, 11), &rig.fault), 0);
            assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
        } else {
            change_everything();
            if (compiled) {
                assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
            }
        }
        pipeline_change_undo(rig.p);
        everything_is_as_it_was(&before);
        json_t *value = pipeline_value(rig.p, "f", 1, 1);
        assert_int_equal(json_integer_value(value), 1);
        json_decref(value);
        assert_null(pipeline_value(rig.p, "f", 10, 1));
    }
}

static void what_was_pending_before_stays_pending_when_a_change_is_undone(void **state)
{
    (void)state;
    uint64_t digest[2];
    load(CATALOG_FILE, "f", 1, 1);
    publish();
    load(CATALOG_FILE, "f", 2, 2);
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("f", 3, 3), &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    pipeline_change_undo(rig.p);
    assert_int_equal(served("f"), 1);
    for (int i = 0; i < 100 && served("f") == 1; i++) { /* its own timer still runs */
        event_base_loop(rig.base, EVLOOP_ONCE);
    }
    assert_int_equal(served("f"), 2);
    assert_int_equal(version("f"), 2);
}

static void values_are_known_of_what_was_published(void **state)
{
    (void)state;
    load(CATALOG_FILE, "f", 1, 10);
    publish();
    assert_int_equal(set("f", NULL), 0);
    json_t *value = pipeline_value(rig.p, "f", 1, 1);
    assert_int_equal(json_integer_value(value), 10);
    json_decref(value);
    uint64_t digest[2];
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag_of("f", 2, 20), &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    assert_null(pipeline_value(rig.p, "f", 2, 1));
    assert_int_equal(pipeline_change_publish(rig.p, &rig.fault), 0);
    value = pipeline_value(rig.p, "f", 2, 1);
    assert_int_equal(json_integer_value(value), 20);
    json_decref(value);
}

static void a_kill_that_cannot_be_announced_stays_and_is_announced_later(void **state)
{
    (void)state;
    struct rlimit was;
    load(CATALOG_FILE, "f", 1, 1);
    publish();
    assert_int_equal(served("f"), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    const struct rlimit none = {0, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const int result = set("f", NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(result, 1);
    assert_string_not_equal(rig.fault.cause, "");
    assert_int_equal(served("f"), 1);
    assert_non_null(pipeline_override(rig.p, "f"));
    for (int i = 0; i < 100 && served("f") == 1; i++) { /* it tries again by itself */
        event_base_loop(rig.base, EVLOOP_ONCE);
    }
    serves("f", 0, FFSHM_REASON_OFF);
}

/* Needs `other` to serve its variant "on". */
static struct model_item *needs_on(const char *key, const char *other)
{
    json_t *json = json_pack("{s:b, s:[i,i], s:i, s:{s:i}, s:[{s:s, s:i, s:s}], s:{s:b}}", "on", 1,
                             "variations", 0, 7, "offVariation", 0, "fallthrough", "variation", 1,
                             "prerequisites", "key", other, "variation", -1, "variant", "on",
                             "ffshm", "autoVersion", 1);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "test", &rig.fault);
    json_decref(json);
    assert_non_null(item);
    return item;
}

static void put_change(struct model_item *item)
{
    uint64_t digest[2];
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, item, &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    assert_int_equal(pipeline_change_publish(rig.p, &rig.fault), 0);
}

/* The same flag with its variants the other way round. */
static struct model_item *reversed(const char *key)
{
    json_t *json = json_pack("{s:b, s:[i,i], s:{s:i}, s:{s:[s,s], s:b}}", "on", 1, "variations", 5,
                             0, "fallthrough", "variation", 0, "ffshm", "variants", "on", "off",
                             "autoVersion", 1);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "test", &rig.fault);
    json_decref(json);
    assert_non_null(item);
    return item;
}

/* Across layers, in any order of coming, and whatever index the name has meanwhile. */
static void a_named_variant_is_that_of_the_definition_in_force(void **state)
{
    (void)state;
    load(CATALOG_FILE, "unrelated", 1, 1);
    publish();
    put_change(needs_on("a", "b"));
    assert_int_equal(served("a"), 0); /* there is no b yet */
    load(CATALOG_LAUNCHDARKLY, "b", 1, 1);
    publish();
    assert_int_equal(served("a"), 7);
    put_change(reversed("b"));
    assert_int_equal(served("b"), 5);
    assert_int_equal(served("a"), 7);
    uint64_t digest[2];
    const struct publisher_stats before = stats();
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_remove(rig.p, CATALOG_ADMIN, IMAGE_FLAG, "b", &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    pipeline_change_undo(rig.p);
    publisher_digest(rig.store.publisher, digest);
    assert_memory_equal(digest, before.digest, sizeof digest);
    assert_int_equal(served("a"), 7);
    unload(CATALOG_LAUNCHDARKLY);
    publish();
    assert_int_equal(served("a"), 7); /* the admin's is there */
}

/* What is not stated is counted; what is stated stays out of the digest all the same. */
static void a_stated_version_is_told_and_is_no_content(void **state)
{
    (void)state;
    struct ffshm_context who;
    struct ffshm_detail d;
    uint64_t digests[2][2];
    load(CATALOG_FILE, "unrelated", 1, 1);
    publish();
    for (int i = 0; i < 2; i++) {
        json_t *json =
            json_pack("{s:i, s:b, s:[i,i], s:{s:i}, s:{s:b}}", "version", 41 + i, "on", 1,
                      "variations", 3, 4, "fallthrough", "variation", i, "ffshm", "autoVersion", 1);
        put_change(model_parse(IMAGE_FLAG, "f", json, "test", &rig.fault));
        json_object_set_new(json, "version", json_integer(43 + i));
        ffshm_context_init(&who, NULL, "u");
        assert_int_equal(ffshm_int_detail(rig.reader, "f", &who, -1, &d), 3 + i);
        assert_int_equal(d.flag_version, 41 + i);
        publisher_digest(rig.store.publisher, digests[0]);
        put_change(model_parse(IMAGE_FLAG, "f", json, "test", &rig.fault));
        publisher_digest(rig.store.publisher, digests[1]);
        assert_memory_equal(digests[0], digests[1], sizeof digests[0]);
        json_decref(json);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_flag_of_any_layer_is_killed_at_once),
        CASE(set_and_clear_leave_the_digest_that_was),
        CASE(who_and_why_are_published_when_they_change),
        CASE(an_override_waits_for_its_flag),
        CASE(an_override_follows_what_is_below_it),
        CASE(a_pin_whose_variant_is_gone_kills_until_it_is_back),
        CASE(what_depends_on_a_killed_flag_takes_it_for_off),
        CASE(one_that_was_stored_is_in_force_from_the_first_publish),
        CASE(overrides_are_listed_with_the_flag_that_they_change),
        CASE(what_is_refused_changes_nothing),
        CASE(the_digest_to_come_is_that_of_the_generation_that_comes),
        CASE(a_change_that_is_undone_leaves_no_trace),
        CASE(what_was_pending_before_stays_pending_when_a_change_is_undone),
        CASE(values_are_known_of_what_was_published),
        CASE(a_named_variant_is_that_of_the_definition_in_force),
        CASE(a_stated_version_is_told_and_is_no_content),
        CASE(a_kill_that_cannot_be_announced_stays_and_is_announced_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
