/*
 * test_pipeline_journal.c - what a publish changes is told once, item by item: catalog, compiler
 * and publisher as they are.
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

#include "live_store.h"
#include "log.h"
#include "pipeline_change.h"
#include "pipeline_journal.h"

#define TOLD_MOST 8u

static struct rig {
    struct live_store store;
    struct event_base *base;
    struct pipeline *p;
    struct fault fault;
    struct pipeline_listener listener;
    struct journal *told[TOLD_MOST]; /* held */
    unsigned count;
    unsigned changes; /* that an operator has begun */
} rig;

static void on_published(void *arg, struct journal *j)
{
    struct rig *r = arg;
    assert_true(r->count < TOLD_MOST);
    r->told[r->count++] = journal_hold(j);
}

static void on_changing(void *arg)
{
    struct rig *r = arg;
    r->changes++;
}

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_setup(LOG_LEVEL_ERROR);
    live_store_open(&rig.store);
    rig.base = event_base_new();
    rig.p = pipeline_new(rig.base, rig.store.publisher, NULL, NULL);
    rig.listener = (struct pipeline_listener){on_published, on_changing, &rig, NULL};
    pipeline_listen(rig.p, &rig.listener);
    return rig.p ? 0 : -1;
}

static void forget(void)
{
    while (rig.count > 0) {
        journal_drop(rig.told[--rig.count]);
    }
}

static int tear_down(void **state)
{
    (void)state;
    pipeline_free(rig.p);
    event_base_free(rig.base);
    live_store_close(&rig.store);
    forget();
    return 0;
}

/* ---- helpers ---- */

static struct model_item *item_of(enum image_blob_kind kind, const char *key, const char *json,
                                  const char *from)
{
    json_t *tree = json_loads(json, 0, NULL);
    assert_non_null(tree);
    struct model_item *item = model_parse(kind, key, tree, from, &rig.fault);
    json_decref(tree);
    assert_non_null(item);
    return item;
}

static struct model_item *flag(const char *key, int version)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"version\": %d, \"on\": true, \"variations\": [0, %d], \"offVariation\": 0,"
             " \"fallthrough\": {\"variation\": 1}, \"ffshm\": {\"tags\": [\"%s-tag\"]}}",
             version, version, key);
    return item_of(IMAGE_FLAG, key, json, "file:/flags.yaml");
}

static struct model_item *segment(const char *key, int version)
{
    char json[128];
    snprintf(json, sizeof json, "{\"version\": %d, \"included\": [\"u%d\"]}", version, version);
    return item_of(IMAGE_SEGMENT, key, json, "launchdarkly");
}

static void put(enum catalog_layer layer, struct model_item *item)
{
    assert_int_equal(pipeline_put(rig.p, layer, item), 0);
}

static void publish(void)
{
    assert_int_equal(pipeline_publish(rig.p), 0);
}

static struct publisher_stats stats(void)
{
    struct publisher_stats s;
    publisher_stats(rig.store.publisher, &s);
    return s;
}

/* The one that was told last, of what is published now. */
static const struct journal *last(void)
{
    const struct publisher_stats s = stats();
    assert_true(rig.count > 0);
    const struct journal *j = rig.told[rig.count - 1];
    assert_int_equal(j->generation, s.generation);
    assert_memory_equal(j->digest, s.digest, sizeof s.digest);
    assert_int_equal(j->published_ms, s.published_ms);
    return j;
}

/* Its item `at`, as JSON. */
static void is_item(size_t at, const char *expected)
{
    const struct journal *j = last();
    assert_true(at < j->count);
    json_t *body = journal_item_describe(j->items[at]);
    char *text = json_dumps(body, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(body);
}

static int kill_flag(const char *key)
{
    const struct override o = {.kind = OVERRIDE_KILL, .reason = "why", .set_by = "ann"};
    return pipeline_override_set(rig.p, key, &o, &rig.fault);
}

static struct rlimit no_files(void)
{
    struct rlimit was;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    const struct rlimit none = {0, was.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return was;
}

/* ---- what is told ---- */

static void what_became_another_is_told_once_with_its_versions(void **state)
{
    (void)state;
    put(CATALOG_FILE, flag("f", 3));
    put(CATALOG_LAUNCHDARKLY, segment("s", 7));
    publish();
    assert_int_equal(rig.count, 1);
    assert_int_equal(last()->count, 2);
    assert_false(last()->compaction);
    is_item(0, "{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"added\",\"source\":"
               "\"file:/flags.yaml\",\"before\":null,\"after\":3}");
    is_item(1, "{\"kind\":\"segment\",\"key\":\"s\",\"change\":\"added\",\"source\":"
               "\"launchdarkly\",\"before\":null,\"after\":7}");
    assert_false(last()->items[0]->by_operator);
    publish(); /* nothing new */
    put(CATALOG_FILE, flag("f", 3));
    publish(); /* the same again */
    assert_int_equal(rig.count, 1);
    put(CATALOG_FILE, flag("f", 4));
    publish();
    assert_int_equal(rig.count, 2);
    assert_int_equal(last()->count, 1);
    is_item(0, "{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"changed\",\"source\":"
               "\"file:/flags.yaml\",\"before\":3,\"after\":4}");
    assert_int_equal(rig.changes, 0);
}

static void what_is_gone_is_told_with_where_it_came_from(void **state)
{
    (void)state;
    struct model_item *tombstone;
    put(CATALOG_FILE, flag("f", 3));
    put(CATALOG_LAUNCHDARKLY, flag("g", 4));
    publish();
    assert_int_equal(kill_flag("f"), 0);
    is_item(0, "{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"changed\",\"source\":"
               "\"file:/flags.yaml\",\"before\":3,\"after\":3,\"overridden\":true}");
    assert_true(last()->items[0]->by_operator);
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, NULL, 0), 0);
    publish(); /* the override's own text is no source */
    is_item(0, "{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"removed\",\"source\":"
               "\"file:/flags.yaml\",\"before\":3,\"after\":null}");
    assert_string_equal(json_string_value(json_array_get(last()->items[0]->tags, 0)), "f-tag");
    assert_false(last()->items[0]->by_operator);
    tombstone = item_of(IMAGE_FLAG, "g", "{\"version\": 5, \"deleted\": true}", "launchdarkly");
    put(CATALOG_LAUNCHDARKLY, tombstone);
    publish();
    assert_int_equal(last()->count, 1);
    is_item(0, "{\"kind\":\"flag\",\"key\":\"g\",\"change\":\"removed\",\"source\":"
               "\"file:/flags.yaml\",\"before\":4,\"after\":null}");
}

static void what_an_earlier_agent_left_is_told_when_it_is_removed(void **state)
{
    (void)state;
    live_store_put_text(&rig.store, IMAGE_FLAG, "old",
                        "{\"version\": 9, \"variations\": [1], \"fallthrough\": {}}");
    live_store_publish(&rig.store);
    pipeline_expect(rig.p, CATALOG_FILE);
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, NULL, 0), 0);
    publish();
    assert_int_equal(last()->count, 1);
    assert_int_equal(last()->items[0]->change, JOURNAL_REMOVED);
    assert_int_equal(last()->items[0]->before, 9);
}

static void a_merge_is_told_as_one_with_the_digest_that_was(void **state)
{
    (void)state;
    uint64_t digest[2] = {0, 0};
    for (int i = 1; i < 40 && (rig.count == 0 || !rig.told[rig.count - 1]->compaction); i++) {
        char key[16];
        forget();
        snprintf(key, sizeof key, "f%d", i); /* each keeps an extent in use */
        put(CATALOG_FILE, flag(key, 1));
        publish();
        assert_false(last()->compaction);
        memcpy(digest, stats().digest, sizeof digest);
        if (publisher_wants_compaction(rig.store.publisher)) {
            for (int turn = 0; turn < 100 && rig.count == 1; turn++) { /* when it is idle */
                event_base_loop(rig.base, EVLOOP_ONCE);
            }
        }
    }
    assert_true(last()->compaction);
    assert_int_equal(last()->count, 0);
    assert_memory_equal(last()->digest, digest, sizeof digest);
}

/* ---- changes that are undone, and publishes that fail ---- */

static void an_undone_change_takes_only_its_own_back(void **state)
{
    (void)state;
    uint64_t digest[2];
    put(CATALOG_FILE, flag("f", 1));
    put(CATALOG_FILE, flag("g", 1));
    publish();
    put(CATALOG_FILE, flag("f", 2)); /* pending */
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(rig.changes, 1);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag("f", 5), &rig.fault), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag("new", 1), &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    pipeline_change_undo(rig.p);
    publish();
    assert_int_equal(rig.count, 2);
    assert_int_equal(last()->count, 1);
    is_item(0, "{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"changed\",\"source\":"
               "\"file:/flags.yaml\",\"before\":1,\"after\":2}");
    assert_false(last()->items[0]->by_operator);
    assert_int_equal(pipeline_change_begin(rig.p), 0);
    assert_int_equal(pipeline_change_put(rig.p, CATALOG_ADMIN, flag("g", 5), &rig.fault), 0);
    assert_int_equal(pipeline_change_compile(rig.p, digest, &rig.fault), 0);
    assert_int_equal(pipeline_change_publish(rig.p, &rig.fault), 0);
    assert_int_equal(last()->count, 1);
    assert_true(last()->items[0]->by_operator);
    assert_int_equal(rig.changes, 2);
}

static void what_was_pending_comes_with_an_operators_change_as_its_sources(void **state)
{
    (void)state;
    put(CATALOG_FILE, flag("f", 1));
    put(CATALOG_FILE, flag("g", 1));
    publish();
    put(CATALOG_FILE, flag("f", 2));
    assert_int_equal(kill_flag("g"), 0);
    assert_int_equal(last()->count, 2);
    assert_string_equal(last()->items[0]->key, "f");
    assert_false(last()->items[0]->by_operator);
    assert_string_equal(last()->items[1]->key, "g");
    assert_true(last()->items[1]->by_operator);
}

static void a_publish_that_fails_leaves_it_to_the_next(void **state)
{
    (void)state;
    put(CATALOG_FILE, flag("f", 1));
    publish();
    put(CATALOG_FILE, flag("f", 2));
    const struct rlimit was = no_files();
    const int failed = pipeline_publish(rig.p);
    const int later = kill_flag("f");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(failed, -1);
    assert_int_equal(later, 1);
    assert_int_equal(rig.count, 1);
    publish();
    assert_int_equal(rig.count, 2);
    assert_int_equal(last()->count, 2);
    assert_int_equal(last()->items[0]->before, 1);
    assert_int_equal(last()->items[0]->after, 2);
    assert_false(last()->items[0]->by_operator);
    assert_true(last()->items[1]->overridden);
    assert_true(last()->items[1]->by_operator);
}

static void what_came_to_nothing_is_told_nowhere(void **state)
{
    (void)state;
    put(CATALOG_FILE, flag("f", 1));
    publish();
    const struct rlimit was = no_files();
    put(CATALOG_FILE, flag("f", 2));
    const int failed = pipeline_publish(rig.p);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_int_equal(failed, -1);
    put(CATALOG_FILE, flag("f", 1));
    publish(); /* back to what readers have */
    assert_int_equal(rig.count, 1);
    put(CATALOG_FILE, flag("g", 1));
    publish();
    assert_int_equal(last()->count, 1);
    assert_string_equal(last()->items[0]->key, "g");
}

/* ---- bounds, listeners ---- */

static void beyond_the_most_items_are_counted(void **state)
{
    (void)state;
    enum { FLAGS = JOURNAL_MOST + 7, SEGMENTS = 3 };
    struct model_item *items[FLAGS + SEGMENTS];
    for (int i = 0; i < FLAGS + SEGMENTS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        items[i] = i < FLAGS ? flag(key, 1) : segment(key, 1);
    }
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, items, FLAGS + SEGMENTS), 0);
    publish();
    assert_int_equal(last()->count, JOURNAL_MOST);
    assert_int_equal(last()->more.flags, 7);
    assert_int_equal(last()->more.segments, SEGMENTS);
    assert_int_equal(last()->more_sources.flags, 7);
    assert_int_equal(last()->more_sources.segments, SEGMENTS);
}

static void what_is_counted_can_be_taken_back(void **state)
{
    (void)state;
    struct journal *j = journal_new();
    const struct journal_item one = {.key = "k", .source = "s", .kind = IMAGE_FLAG};
    const struct journal_item theirs = {
        .key = "k", .source = "s", .kind = IMAGE_FLAG, .by_operator = true};
    for (unsigned i = 0; i < JOURNAL_MOST + 1; i++) {
        journal_note(j, &one);
    }
    const struct journal_mark mark = journal_mark(j);
    journal_note(j, &one);
    journal_note(j, &theirs);
    assert_int_equal(j->more.flags, 3);
    assert_int_equal(j->more_sources.flags, 2);
    journal_back_to(j, &mark);
    assert_int_equal(j->count, JOURNAL_MOST);
    assert_int_equal(j->more.flags, 1);
    assert_int_equal(j->more_sources.flags, 1);
    journal_back_to(NULL, &mark);
    journal_drop(j);
    journal_drop(NULL);
}

static void a_source_that_is_no_utf8_is_told_as_far_as_it_is(void **state)
{
    (void)state;
    static const char *const sources[] = {"file:/caf\xc3\xa9", "file:/\xff/a", ""};
    static const char *const told[] = {"file:/caf\xc3\xa9", "file:/?/a", NULL};
    for (size_t i = 0; i < 3; i++) {
        const struct journal_item item = {.key = "k", .source = sources[i], .kind = IMAGE_FLAG};
        json_t *body = journal_item_describe(&item);
        const char *source = json_string_value(json_object_get(body, "source"));
        assert_true(told[i] ? source && strcmp(source, told[i]) == 0 : !source);
        json_decref(body);
    }
}

static void who_listens_no_more_is_told_nothing(void **state)
{
    (void)state;
    struct rig second = {.count = 0};
    struct pipeline_listener other = {on_published, NULL, &second, NULL};
    pipeline_listen(rig.p, &other);
    put(CATALOG_FILE, flag("f", 1));
    publish();
    assert_ptr_equal(second.told[0], rig.told[0]); /* one for all */
    pipeline_unlisten(rig.p, &rig.listener);
    put(CATALOG_FILE, flag("f", 2));
    publish();
    assert_int_equal(rig.count, 1);
    assert_int_equal(second.count, 2);
    assert_int_equal(second.told[1]->count, 1);
    pipeline_unlisten(rig.p, &other);
    pipeline_unlisten(rig.p, &other);
    put(CATALOG_FILE, flag("f", 3));
    publish();
    pipeline_listen(rig.p, &other); /* and hears of what comes then */
    put(CATALOG_FILE, flag("f", 4));
    publish();
    assert_int_equal(second.told[2]->count, 1);
    while (second.count > 0) {
        journal_drop(second.told[--second.count]);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_became_another_is_told_once_with_its_versions),
        CASE(what_is_gone_is_told_with_where_it_came_from),
        CASE(what_an_earlier_agent_left_is_told_when_it_is_removed),
        CASE(a_merge_is_told_as_one_with_the_digest_that_was),
        CASE(an_undone_change_takes_only_its_own_back),
        CASE(what_was_pending_comes_with_an_operators_change_as_its_sources),
        CASE(a_publish_that_fails_leaves_it_to_the_next),
        CASE(what_came_to_nothing_is_told_nowhere),
        CASE(beyond_the_most_items_are_counted),
        CASE(what_is_counted_can_be_taken_back),
        CASE(a_source_that_is_no_utf8_is_told_as_far_as_it_is),
        CASE(who_listens_no_more_is_told_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
