/*
 * test_history.c - what operators keep: changed, found again at earlier generations, rolled back;
 * with the state file, the pipeline and a reader as they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/audit.h"
#include "ffshm.h"
#include "live_store.h"
#include "log.h"
#include "operate/history.h"

static struct rig {
    struct live_store store;
    struct event_base *base;
    struct operations o;
    struct state_file state;
    struct definition_keeper *k;
    struct ffshm *reader;
    struct admin_error error;
    char folder[64];
    char path[96];
} rig;

static void open_keeper(void)
{
    rig.state = (struct state_file){.path = rig.path};
    assert_int_equal(state_file_open(&rig.state, &(struct fault){0}), 0);
    struct pipeline *p = pipeline_new(rig.base, rig.store.publisher, NULL, NULL);
    rig.o = (struct operations){p, rig.store.publisher, &rig.state};
    rig.k = definition_keeper_new(&rig.o);
    assert_non_null(rig.k);
    definition_keeper_load(rig.k);
    assert_int_equal(pipeline_publish(p), 0);
}

static void close_keeper(void)
{
    definition_keeper_free(rig.k);
    pipeline_free(rig.o.pipeline);
    state_file_close(&rig.state);
}

static int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    log_setup(LOG_LEVEL_ERROR);
    snprintf(rig.folder, sizeof rig.folder, "/tmp/ffshm-history-XXXXXX");
    if (!mkdtemp(rig.folder)) {
        return -1;
    }
    snprintf(rig.path, sizeof rig.path, "%s/agent.db", rig.folder);
    live_store_open(&rig.store);
    rig.base = event_base_new();
    open_keeper();
    rig.reader = ffshm_open(rig.store.dir, NULL);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    ffshm_close(rig.reader);
    close_keeper();
    event_base_free(rig.base);
    live_store_close(&rig.store);
    snprintf(command, sizeof command, "rm -rf %s", rig.folder);
    return system(command); // NOLINT(cert-env33-c): a directory of our own
}

/* ---- helpers ---- */

static const struct admin_change by = {
    .actor = "ann", .authenticated = "a test", .reason = "why", .time_ms = 7};

static json_t *flag(int value)
{
    return json_pack("{s:[{s:s, s:i}, {s:s, s:i}], s:s}", "variants", "key", "a", "value", value,
                     "key", "b", "value", -value, "default_variant", "a");
}

/* body is taken over; NULL: deleted. */
static int edit(const char *key, enum storage_came came, json_t *body, bool dry_run)
{
    const struct definition_edit one = {
        .key = key, .came = came, .body = body, .action = "flag.test"};
    const struct definition_change change = {.edits = &one, .count = 1, .by = &by};
    struct definition_outcome outcome;
    rig.error = (struct admin_error){0};
    const int result = definition_keeper_change(rig.k, &change, dry_run, &outcome, &rig.error);
    json_decref(outcome.affected);
    json_decref(body);
    return result;
}

static void put(const char *key, int value)
{
    assert_int_equal(edit(key, STORAGE_PUT, flag(value), false), 0);
}

static int served(const char *key)
{
    struct ffshm_context who;
    ffshm_context_init(&who, NULL, "u");
    return (int)ffshm_int(rig.reader, key, &who, 0);
}

/* Notes what is published as the agent's trail does; returns it as a point. */
static struct history_point record(void)
{
    struct history_point point;
    struct fault fault = {0};
    assert_int_equal(history_now(&rig.o, &point, &fault), 0);
    const struct storage_generation row = {
        .generation = point.generation, .digest = point.digest, .last_audit = point.audit};
    struct storage *s = state_file_make(&rig.state, &fault);
    assert_int_equal(storage_begin(s, &fault), 0);
    assert_int_equal(storage_generation_add(s, &row, &fault), 0);
    assert_int_equal(storage_commit(s, &fault), 0);
    return point;
}

static size_t roll_back(const struct history_point *to, bool dry_run)
{
    struct definition_outcome outcome;
    size_t changed;
    rig.error = (struct admin_error){0};
    assert_int_equal(
        history_roll_back(&rig.o, rig.k, to, &by, dry_run, &changed, &outcome, &rig.error), 0);
    json_decref(outcome.affected);
    return changed;
}

static uint64_t generation(void)
{
    struct publisher_stats s;
    publisher_stats(rig.store.publisher, &s);
    return s.generation;
}

/* ---- tests ---- */

static void the_way_back_has_the_old_content_and_the_old_digest(void **state)
{
    struct history_point then;
    struct history_point now;
    bool found;
    struct fault fault = {0};
    (void)state;
    put("kept", 1);
    put("changed", 2);
    put("gone", 3);
    put("archived", 4);
    const struct history_point noted = record();
    put("changed", 20);
    put("changed", 200);
    put("new", 5);
    assert_int_equal(edit("gone", STORAGE_DELETED, NULL, false), 0);
    assert_int_equal(edit("archived", STORAGE_ARCHIVED, flag(4), false), 0);
    assert_int_equal(served("changed"), 200);
    assert_int_equal(served("gone"), 0);
    assert_int_equal(history_of_generation(&rig.o, noted.generation, &then, &found, &fault), 0);
    assert_true(found);
    assert_int_equal(then.audit, 4);
    const uint64_t before = generation();
    assert_int_equal(roll_back(&then, true), 4);
    assert_int_equal(generation(), before);
    assert_int_equal(served("changed"), 200);
    assert_int_equal(roll_back(&then, false), 4);
    assert_int_equal(served("kept"), 1);
    assert_int_equal(served("changed"), 2);
    assert_int_equal(served("gone"), 3);
    assert_int_equal(served("archived"), 4);
    assert_int_equal(served("new"), 0);
    assert_true(generation() > before);
    assert_int_equal(history_now(&rig.o, &now, &fault), 0);
    assert_string_equal(now.digest, noted.digest);
    assert_int_equal(roll_back(&then, false), 0); /* it is there already */
    close_keeper();
    open_keeper();
    assert_int_equal(served("changed"), 2);
    assert_int_equal(served("new"), 0);
    assert_int_equal(history_now(&rig.o, &now, &fault), 0);
    assert_string_equal(now.digest, noted.digest);
}

static void a_way_back_that_would_break_others_is_not_gone(void **state)
{
    (void)state;
    const struct history_point empty = record();
    put("base", 1);
    json_t *needs = flag(2);
    json_object_set_new(needs, "prerequisites",
                        json_pack("[{s:s, s:s}]", "flag", "base", "variant", "a"));
    const struct history_point with_base = record();
    assert_int_equal(edit("user", STORAGE_PUT, needs, false), 0);
    assert_int_equal(edit("base", STORAGE_DELETED, NULL, false), -1);
    assert_string_equal(rig.error.code, "in_use");
    assert_int_equal(served("base"), 1);
    assert_int_equal(roll_back(&with_base, false), 1); /* user goes, base stays */
    assert_int_equal(served("user"), 0);
    assert_int_equal(roll_back(&empty, false), 1);
    assert_int_equal(served("base"), 0);
}

struct heard {
    char text[256];
};

static int hear(void *arg, enum storage_kind kind, const char *key,
                const struct definition_state *from, const struct definition_state *to)
{
    struct heard *h = arg;
    const size_t length = strlen(h->text);
    assert_int_equal(kind, STORAGE_FLAG);
    snprintf(h->text + length, sizeof h->text - length, "%s:%d>%d ", key, (int)from->version,
             (int)to->version);
    return 0;
}

static void what_is_between_two_generations_is_told_both_ways(void **state)
{
    struct heard h = {""};
    struct fault fault = {0};
    (void)state;
    put("a", 1);
    put("b", 1);
    const struct history_point first = record();
    put("a", 2);
    put("b", 2);
    put("b", 1); /* as it was: no difference */
    put("c", 1);
    const struct history_point last = record();
    assert_int_equal(history_changed(&rig.o, &first, &last, hear, &h, &fault), 0);
    assert_string_equal(h.text, "a:1>2 c:0>1 ");
    h.text[0] = '\0';
    assert_int_equal(history_changed(&rig.o, &last, &first, hear, &h, &fault), 0);
    assert_string_equal(h.text, "a:2>1 c:1>0 ");
    h.text[0] = '\0';
    assert_int_equal(history_changed(&rig.o, &last, &last, hear, &h, &fault), 0);
    assert_string_equal(h.text, "");
}

static void what_is_the_same_already_makes_no_version(void **state)
{
    (void)state;
    put("a", 1);
    const uint64_t before = generation();
    put("a", 1);
    assert_int_equal(generation(), before);
    const struct history_point now = record();
    assert_int_equal(now.audit, 1);
    assert_int_equal(edit("a", STORAGE_PUT, flag(3), true), 0); /* a dry run */
    assert_int_equal(served("a"), 1);
    assert_int_equal(edit("a", STORAGE_PUT, json_pack("{s:[]}", "variants"), false), -1);
    assert_int_equal(rig.error.status, 422);
    assert_int_equal(served("a"), 1);
    assert_int_equal(record().audit, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_way_back_has_the_old_content_and_the_old_digest),
        CASE(a_way_back_that_would_break_others_is_not_gone),
        CASE(what_is_between_two_generations_is_told_both_ways),
        CASE(what_is_the_same_already_makes_no_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
