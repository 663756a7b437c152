/*
 * test_trail.c - every published generation has its row, and the audit entries that it came of:
 * pipeline, publisher and state file as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/audit.h"
#include "live_store.h"
#include "log.h"
#include "operate/override_keeper.h"
#include "operate/trail.h"
#include "pipeline_change.h"

#define ROWS 2048u
#define PATIENCE_MS 10000

struct seen_row {
    uint64_t store;
    uint64_t generation;
    char digest[33];
    int64_t first;
    int64_t last;
};

struct seen_entry {
    char actor[64];
    char action[64];
    char target[64];
    char digest[33];
    char before[256];
    char after[32768];
};

static struct rig {
    struct live_store store;
    char dir[64];
    char path[128];
    struct event_base *base;
    struct pipeline *p;
    struct state_file state;
    struct override_keeper *overrides;
    struct trail *trail;
    struct fault fault;
    struct seen_row rows[ROWS]; /* oldest first, once looked at */
    size_t row_count;
    struct seen_entry entry;
} rig;

/* ---- an agent's life ---- */

/* Borrows the store: what is published already stays. */
static void start(const char *path, bool makes)
{
    rig.base = event_base_new();
    rig.p = pipeline_new(rig.base, rig.store.publisher, NULL, NULL);
    rig.state = (struct state_file){.path = path};
    assert_int_equal(state_file_open(&rig.state, &rig.fault), 0);
    const struct operations operations = {rig.p, rig.store.publisher, &rig.state};
    rig.overrides = override_keeper_new(rig.base, &operations);
    rig.trail = trail_new(rig.base, rig.p, rig.store.publisher, &rig.state, makes);
    assert_non_null(rig.trail);
}

/* killed: without a word. */
static void stop(bool killed)
{
    if (killed) { /* what it would write at its end goes nowhere */
        state_file_close(&rig.state);
        rig.state.path = NULL;
    }
    trail_free(rig.trail);
    override_keeper_free(rig.overrides);
    state_file_close(&rig.state);
    pipeline_free(rig.p);
    event_base_free(rig.base);
    rig.trail = NULL;
}

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_setup((enum log_level)0);
    live_store_open(&rig.store);
    snprintf(rig.dir, sizeof rig.dir, "/dev/shm/ffshm-trail-XXXXXX");
    assert_non_null(mkdtemp(rig.dir));
    snprintf(rig.path, sizeof rig.path, "%s/kept/agent.db", rig.dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    if (rig.trail) {
        stop(false);
    }
    live_store_close(&rig.store);
    snprintf(command, sizeof command, "rm -rf '%s'", rig.dir);
    return system(command);
}

/* ---- changes ---- */

static struct model_item *flag(const char *key, int version)
{
    json_t *json =
        json_pack("{s:i, s:b, s:[i,i], s:i, s:{s:i}}", "version", version, "on", 1, "variations", 0,
                  version, "offVariation", 0, "fallthrough", "variation", 1);
    struct model_item *item = model_parse(IMAGE_FLAG, key, json, "file:/flags.yaml", &rig.fault);
    json_decref(json);
    assert_non_null(item);
    return item;
}

static void publish(const char *key, int version)
{
    assert_int_equal(pipeline_put(rig.p, CATALOG_FILE, flag(key, version)), 0);
    assert_int_equal(pipeline_publish(rig.p), 0);
}

static void kill_flag(const char *key, const char *reason)
{
    static int64_t at = 1700000000000;
    const struct override o = {
        .kind = OVERRIDE_KILL, .reason = reason, .set_by = "ann", .set_ms = ++at};
    const struct admin_change change = {.action = "flag.kill",
                                        .target = key,
                                        .actor = "ann",
                                        .authenticated = "a test",
                                        .reason = reason,
                                        .time_ms = at};
    struct operation_outcome outcome;
    struct admin_error error = {0};
    assert_int_equal(
        override_keeper_change(rig.overrides, key, &o, &change, false, &outcome, &error), 0);
}

static struct publisher_stats stats(void)
{
    struct publisher_stats s;
    publisher_stats(rig.store.publisher, &s);
    return s;
}

/* ---- what is recorded ---- */

static int on_row(void *arg, const struct storage_generation *g)
{
    (void)arg;
    assert_true(rig.row_count < ROWS);
    struct seen_row *row = &rig.rows[rig.row_count++];
    *row = (struct seen_row){g->store, g->generation, "", g->first_audit, g->last_audit};
    snprintf(row->digest, sizeof row->digest, "%s", g->digest);
    return 0;
}

static size_t rows(void)
{
    struct storage *s = state_file_storage(&rig.state);
    rig.row_count = 0;
    if (s) {
        assert_int_equal(storage_generation_list(s, 0, ROWS, on_row, NULL, &rig.fault), 0);
    }
    for (size_t i = 0; i < rig.row_count / 2; i++) {
        const struct seen_row other = rig.rows[i];
        rig.rows[i] = rig.rows[rig.row_count - 1 - i];
        rig.rows[rig.row_count - 1 - i] = other;
    }
    return rig.row_count;
}

/* Until the loop has recorded so many. */
static void await_rows(size_t count)
{
    struct timespec start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        event_base_loop(rig.base, EVLOOP_ONCE);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (rows() < count && (now.tv_sec - start.tv_sec) * 1000 < PATIENCE_MS);
    assert_int_equal(rig.row_count, count);
}

static void copy(char *to, size_t capacity, const char *from)
{
    snprintf(to, capacity, "%s", from ? from : "");
}

static int on_entry(void *arg, const struct storage_audit *e)
{
    (void)arg;
    copy(rig.entry.actor, sizeof rig.entry.actor, e->actor);
    copy(rig.entry.action, sizeof rig.entry.action, e->action);
    copy(rig.entry.target, sizeof rig.entry.target, e->target);
    copy(rig.entry.digest, sizeof rig.entry.digest, e->digest);
    copy(rig.entry.before, sizeof rig.entry.before, e->before);
    copy(rig.entry.after, sizeof rig.entry.after, e->after);
    return 0;
}

static void is_entry(int64_t number, const char *actor, const char *action, const char *target)
{
    const struct storage_audit_query query = {.after = number - 1, .limit = 1};
    memset(&rig.entry, 0, sizeof rig.entry);
    assert_int_equal(
        storage_audit_list(state_file_storage(&rig.state), &query, on_entry, NULL, &rig.fault), 0);
    assert_string_equal(rig.entry.actor, actor);
    assert_string_equal(rig.entry.action, action);
    assert_string_equal(rig.entry.target, target);
}

static int64_t entries(void)
{
    int64_t number;
    uint8_t hash[STORAGE_AUDIT_HASH];
    assert_int_equal(
        storage_audit_newest(state_file_storage(&rig.state), &number, hash, &rig.fault), 0);
    return number;
}

static void is_row(size_t at, int64_t first, int64_t last)
{
    assert_true(at < rig.row_count);
    assert_int_equal(rig.rows[at].first, first);
    assert_int_equal(rig.rows[at].last, last);
}

/* The newest row is what is published; the chain is whole. */
static void all_is_told(void)
{
    const struct publisher_stats s = stats();
    struct audit_result result;
    char digest[33];
    assert_true(rows() > 0);
    const struct seen_row *newest = &rig.rows[rig.row_count - 1];
    snprintf(digest, sizeof digest, "%016" PRIx64 "%016" PRIx64, s.digest[1], s.digest[0]);
    assert_int_equal(newest->generation, s.generation);
    assert_int_equal(newest->store, publisher_epoch(rig.store.publisher));
    assert_string_equal(newest->digest, digest);
    assert_int_equal(
        audit_verify(state_file_storage(&rig.state), NULL, NULL, 0, &result, &rig.fault), 0);
    assert_int_equal(result.bad, 0);
}

/* ---- tests ---- */

static void what_a_source_brings_gets_an_entry_and_a_row(void **state)
{
    (void)state;
    start(rig.path, true);
    assert_int_equal(access(rig.path, F_OK), -1); /* there is nothing to keep yet */
    publish("f", 3);
    assert_int_equal(access(rig.path, F_OK), -1); /* nor is anything written on its way */
    await_rows(1);
    all_is_told();
    is_row(0, 1, 1);
    is_entry(1, "files", "source.change", "f");
    assert_string_equal(rig.entry.digest, rig.rows[0].digest);
    assert_string_equal(
        rig.entry.after,
        "{\"changed\":[{\"kind\":\"flag\",\"key\":\"f\",\"change\":\"added\","
        "\"source\":\"file:/flags.yaml\",\"before\":null,\"after\":3}],\"more\":0}");
}

static void several_in_a_second_have_one_entry(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    await_rows(1);
    publish("f", 2);
    publish("g", 7);
    publish("f", 3);
    await_rows(4);
    all_is_told();
    for (size_t i = 1; i < 4; i++) {
        is_row(i, 2, 2);
    }
    is_entry(2, "files", "source.change", "2 flags");
    assert_string_equal(rig.entry.digest, rig.rows[3].digest);
    assert_non_null(strstr(rig.entry.after, "\"key\":\"f\",\"change\":\"changed\",\"source\":"
                                            "\"file:/flags.yaml\",\"before\":1,\"after\":3"));
    assert_null(strstr(rig.entry.after, "\"after\":2"));
}

static void an_operators_change_has_its_own_entry_behind_what_was_before(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    publish("g", 1);
    kill_flag("f", "one");
    kill_flag("g", "two"); /* in the same turn of the loop */
    publish("f", 2);
    kill_flag("f", "three");
    stop(false);
    start(rig.path, true);
    all_is_told();
    is_entry(1, "files", "source.change", "2 flags");
    is_entry(2, "ann", "flag.kill", "f");
    is_entry(3, "ann", "flag.kill", "g");
    is_entry(4, "files", "source.change", "f");
    is_entry(5, "ann", "flag.kill", "f");
    assert_int_equal(entries(), 5);
    assert_int_equal(rig.row_count, 6);
    const int64_t ranges[] = {1, 1, 2, 3, 4, 5};
    for (size_t i = 0; i < 6; i++) {
        is_row(i, ranges[i], ranges[i]);
    }
}

static void what_came_with_an_operators_change_is_told_too(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    publish("g", 1);
    await_rows(2);
    assert_int_equal(pipeline_put(rig.p, CATALOG_FILE, flag("g", 2)), 0); /* not published yet */
    kill_flag("f", "why");
    await_rows(3);
    is_row(2, 2, 3);
    is_entry(2, "ann", "flag.kill", "f");
    is_entry(3, "files", "source.change", "g");
    all_is_told();
}

static void a_merge_came_of_no_entry(void **state)
{
    (void)state;
    size_t count = 0;
    start(rig.path, true);
    for (int i = 1; i < 40 && stats().compactions == 0; i++) {
        char key[16];
        snprintf(key, sizeof key, "f%d", i);
        publish(key, 1);
        count++;
        for (int turn = 0; publisher_wants_compaction(rig.store.publisher) && turn < 100; turn++) {
            event_base_loop(rig.base, EVLOOP_ONCE); /* when it is idle */
        }
    }
    await_rows(count + 1);
    is_row(count, 0, rig.rows[count - 1].last);
    assert_string_equal(rig.rows[count].digest, rig.rows[count - 1].digest);
    publish("f", 2);
    await_rows(count + 2);
    assert_true(rig.rows[count + 1].first > 0);
    assert_int_equal(rig.rows[count + 1].first, rig.rows[count - 1].last + 1);
    all_is_told();
}

/* ---- over restarts ---- */

static void a_recorded_generation_that_is_adopted_is_no_news(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    stop(false);
    start(rig.path, true);
    publish("f", 1); /* the same again: nothing is published */
    event_base_loop(rig.base, EVLOOP_ONCE);
    assert_int_equal(rows(), 1);
    assert_int_equal(entries(), 1);
    publish("f", 2);
    await_rows(2);
    is_row(1, 2, 2);
    all_is_told();
}

static void what_a_killed_agent_did_not_record_is_adopted(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    await_rows(1);
    publish("g", 1);
    kill_flag("f", "why");
    stop(true);
    start(rig.path, true);
    await_rows(3); /* that before the kill was recorded with its entry */
    all_is_told();
    is_row(2, 3, 4);
    is_entry(3, "ann", "flag.kill", "f");
    is_entry(4, "ffagent", "agent.adopt", "1.3");
    assert_non_null(strstr(rig.entry.after, "{\"generation\":\"1.3\",\"digest\":"));
    assert_non_null(strstr(rig.entry.after, rig.rows[2].digest));
    assert_non_null(strstr(rig.entry.before, rig.rows[1].digest));
}

static void a_file_that_knows_nothing_of_what_is_published_is_told_of_it(void **state)
{
    (void)state;
    start(NULL, false); /* an agent that kept nothing */
    publish("f", 1);
    stop(false);
    start(rig.path, true);
    publish("f", 1);       /* the same again */
    kill_flag("f", "why"); /* before the loop has run once */
    await_rows(2);
    is_row(0, 1, 1);
    is_row(1, 2, 2);
    is_entry(1, "ffagent", "agent.adopt", "1.1");
    assert_string_equal(rig.entry.before, "");
    is_entry(2, "ann", "flag.kill", "f");
    all_is_told();
}

/* ---- files that cannot be ---- */

static void where_nobody_asks_no_file_is_made(void **state)
{
    (void)state;
    start(rig.path, false);
    publish("f", 1);
    publish("f", 2);
    assert_int_equal(event_base_loop(rig.base, EVLOOP_ONCE), 0);
    assert_int_equal(access(rig.path, F_OK), -1);
    kill_flag("f", "why"); /* which makes it */
    await_rows(2);
    is_entry(1, "ann", "flag.kill", "f");
    is_entry(2, "ffagent", "agent.adopt", "1.2");
    is_row(0, 2, 2);
    is_row(1, 1, 1);
    stop(false);
    start(rig.path, false); /* now it is there: the trail goes on */
    publish("g", 1);
    await_rows(3);
    is_row(2, 3, 3);
    all_is_told();
}

static void without_a_file_the_agent_goes_on_and_catches_up_later(void **state)
{
    (void)state;
    char path[160];
    char file[128];
    snprintf(file, sizeof file, "%s/file", rig.dir);
    snprintf(path, sizeof path, "%s/agent.db", file);
    FILE *f = fopen(file, "w"); /* no directory */
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    start(path, true);
    for (int i = 1; i <= 1500; i++) { /* more than can wait */
        publish("f", i);
    }
    event_base_loop(rig.base, EVLOOP_ONCE);
    assert_null(state_file_storage(&rig.state));
    assert_int_equal(unlink(file), 0);
    stop(false); /* the end tries once more */
    start(path, true);
    all_is_told();
    assert_true(rig.row_count < 1500);
    is_row(0, 1, 1);
    is_entry(1, "ffagent", "agent.adopt", "1.512");
    for (size_t i = 1; i < rig.row_count; i++) {
        is_row(i, 2, 2);
    }
    is_entry(2, "files", "source.change", "f");
    assert_non_null(strstr(rig.entry.after, "\"before\":null,\"after\":1500"));
}

static void what_others_have_begun_to_write_is_left_to_them(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    await_rows(1);
    publish("f", 2);
    struct storage *s = state_file_storage(&rig.state);
    assert_int_equal(storage_begin(s, &rig.fault), 0);
    assert_int_equal(pipeline_change_begin(rig.p), 0); /* would write before it */
    pipeline_change_undo(rig.p);
    assert_int_equal(rows(), 1);
    storage_rollback(s);
    await_rows(2);
    all_is_told();
}

/* ---- bounds ---- */

static void an_entry_lists_a_hundred_and_counts_the_rest(void **state)
{
    (void)state;
    enum { FLAGS = 1207 };
    struct model_item *items[FLAGS];
    for (int i = 0; i < FLAGS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        items[i] = flag(key, 1);
    }
    start(rig.path, true);
    assert_int_equal(pipeline_replace(rig.p, CATALOG_FILE, items, FLAGS), 0);
    assert_int_equal(pipeline_publish(rig.p), 0);
    await_rows(1);
    is_entry(1, "files", "source.change", "1207 flags");
    json_t *after = json_loads(rig.entry.after, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(after, "changed")), 100);
    assert_int_equal(json_integer_value(json_object_get(after, "more")), 1107);
    json_decref(after);
    assert_true(strlen(rig.entry.after) < 16384);
}

static void old_generations_are_forgotten(void **state)
{
    (void)state;
    start(rig.path, true);
    publish("f", 1);
    await_rows(1);
    struct storage *s = state_file_storage(&rig.state);
    assert_int_equal(storage_begin(s, &rig.fault), 0);
    for (unsigned i = 0; i < TRAIL_KEEP + 500; i++) {
        const struct storage_generation g = {.store = 1, .generation = i, .digest = "0"};
        assert_int_equal(storage_generation_add(s, &g, &rig.fault), 0);
    }
    assert_int_equal(storage_commit(s, &rig.fault), 0);
    stop(false);
    start(rig.path, true);
    publish("f", 2);
    await_rows(ROWS);
    s = state_file_storage(&rig.state);
    rig.row_count = 0;
    assert_int_equal(storage_generation_list(s, 502, 0, on_row, NULL, &rig.fault), 0);
    assert_int_equal(rig.row_count, 0); /* 1 and 500 others */
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(what_a_source_brings_gets_an_entry_and_a_row),
        CASE(several_in_a_second_have_one_entry),
        CASE(an_operators_change_has_its_own_entry_behind_what_was_before),
        CASE(what_came_with_an_operators_change_is_told_too),
        CASE(a_merge_came_of_no_entry),
        CASE(a_recorded_generation_that_is_adopted_is_no_news),
        CASE(what_a_killed_agent_did_not_record_is_adopted),
        CASE(a_file_that_knows_nothing_of_what_is_published_is_told_of_it),
        CASE(where_nobody_asks_no_file_is_made),
        CASE(without_a_file_the_agent_goes_on_and_catches_up_later),
        CASE(what_others_have_begun_to_write_is_left_to_them),
        CASE(an_entry_lists_a_hundred_and_counts_the_rest),
        CASE(old_generations_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
