/*
 * test_telemetry_ring.c - the ring: full, emptied, past its end, with holes; and the functions
 * under "tell", which fill it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "telemetry.h"
#include "told_store.h"

static struct told_store store;
static struct ffshm *ff;
static struct ffshm_context user;

static int setup(void **state)
{
    (void)state;
    told_store_open(&store);
    ff = store.ff;
    atomic_store(&store.desk.control->telemetry_ring_bytes, TELEMETRY_RING_LEAST);
    ffshm_context_init(&user, NULL, "ann");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    told_store_close(&store);
    return 0;
}

static uint64_t dropped(void)
{
    struct ffshm_status status;
    ffshm_status(ff, &status);
    assert_int_equal(telemetry_totals(store.live.dir).dropped_events, status.dropped_events);
    return status.dropped_events;
}

/* The metrics of the custom events in the ring. */
static size_t metrics(double *out, size_t most)
{
    json_t *records = telemetry_records_of(store.live.dir, "custom");
    const size_t count = json_array_size(records);
    assert_in_range(count, 0, most);
    for (size_t i = 0; i < count; i++) {
        out[i] = json_number_value(json_array_get(json_array_get(records, i), 3));
    }
    json_decref(records);
    return count;
}

/* ---- the functions under "tell" ---- */

static char *custom(void)
{
    json_t *records = telemetry_records_of(store.live.dir, "custom");
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        json_array_remove(record, 0);
        json_array_remove(record, 3);
    }
    char *text = json_dumps(records, JSON_COMPACT);
    json_decref(records);
    return text;
}

static void custom_events_are_told_whole(void **state)
{
    (void)state;
    const double metric = 0.5;
    const double nan_metric = NAN;
    ffshm_track(ff, "bought", &user, 3);
    ffshm_track_data(ff, "seen", &user, NULL, NULL);
    ffshm_track_data(ff, "told", &user, &metric, " {\"a\":[1]} ");
    ffshm_track_data(ff, "void", &user, &nan_metric, "null");
    char *text = custom();
    assert_string_equal(text, "[[\"bought\",null,3],[\"seen\",null,null],"
                              "[\"told\",\"{\\\"a\\\":[1]}\",0.5],[\"void\",null,null]]");
    free(text);
    json_t *index = telemetry_records_of(store.live.dir, "index");
    assert_int_equal(json_array_size(index), 1);
    json_decref(index);
}

static void what_is_not_valid_is_not_told(void **state)
{
    (void)state;
    struct ffshm_context invalid;
    ffshm_context_init(&invalid, NULL, "");
    ffshm_track(ff, "event", &invalid, 1);
    struct ffshm_context never_made;
    memset(&never_made, 0, sizeof(never_made));
    ffshm_track(ff, "event", &never_made, 1);
    ffshm_track(ff, "event", NULL, 1);
    ffshm_track(ff, NULL, &user, 1);
    ffshm_track(NULL, "event", &user, 1);
    ffshm_track_data(ff, "event", &user, NULL, "{");
    ffshm_identify(ff, &invalid);
    ffshm_identify(ff, NULL);
    ffshm_identify(NULL, &user);
    assert_int_equal(telemetry_files(store.live.dir), 0);
    struct ffshm_status status;
    ffshm_status(ff, &status);
    assert_int_equal(status.dropped_events, 1); /* the one whose data is no JSON */
}

static void who_is_identified_is_known(void **state)
{
    (void)state;
    ffshm_identify(ff, &user);
    ffshm_identify(ff, &user);
    ffshm_bool(ff, "on", &user, false);
    ffshm_track(ff, "event", &user, 1);
    json_t *identify = telemetry_records_of(store.live.dir, "identify");
    json_t *index = telemetry_records_of(store.live.dir, "index");
    assert_int_equal(json_array_size(identify), 2);
    assert_int_equal(json_array_size(index), 0);
    json_decref(identify);
    json_decref(index);
}

static void migrations_are_told_whole(void **state)
{
    (void)state;
    struct telemetry_migration m = {
        .c = &user,
        .flag = "move",
        .version = 5,
        .variation = 2,
        .value = "\"live\"",
        .fallback = "\"off\"",
        .sampling_ratio = 1,
        .reason = FFSHM_REASON_RULE_MATCH,
        .rule_index = 0,
        .rule_id = "r",
        .write = true,
        .invoked = 3,
        .errors = 1,
        .latency_old_ms = 12,
        .latency_new_ms = -1,
        .consistent = 1,
        .check_ratio = 1,
    };
    assert_true(telemetry_migration(ff, &m));
    m.version = 0;
    m.variation = -1;
    m.rule_index = -1;
    m.rule_id = "";
    m.write = false;
    m.consistent = -1;
    m.reason = FFSHM_REASON_ERROR;
    m.error = FFSHM_FLAG_NOT_FOUND;
    assert_true(telemetry_migration(ff, &m));
    m.sampling_ratio = 0;
    assert_true(telemetry_migration(ff, &m)); /* drawn: not to be told */
    json_t *records = telemetry_records_of(store.live.dir, "migration");
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        json_array_remove(record, 0);
        json_array_remove(record, 9);
    }
    char *text = json_dumps(records, JSON_COMPACT);
    assert_string_equal(
        text, "[[\"move\",5,2,\"\\\"live\\\"\",\"\\\"off\\\"\",[4,0,0,\"r\",null,false,0],1,"
              "\"write\",[3,1,12,null,true,1]],"
              "[\"move\",null,null,\"\\\"live\\\"\",\"\\\"off\\\"\",[0,2,null,null,null,false,0],1,"
              "\"read\",[3,1,12,null,null,1]]]");
    free(text);
    json_decref(records);
}

static void a_flush_is_counted_and_changes_the_files_times(void **state)
{
    (void)state;
    assert_int_equal(ffshm_flush(ff), FFSHM_OK); /* nothing there */
    assert_int_equal(ffshm_flush(NULL), FFSHM_INVALID_ARGUMENT);
    ffshm_bool(ff, "on", &user, false);
    char path[512];
    struct stat before;
    struct stat after;
    snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY, store.live.dir);
    DIR *d = opendir(path);
    for (const struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/" TELEMETRY_DIRECTORY "/%s", store.live.dir,
                     e->d_name);
        }
    }
    closedir(d);
    assert_int_equal(stat(path, &before), 0);
    usleep(20000);
    assert_int_equal(ffshm_flush(ff), FFSHM_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(telemetry_totals(store.live.dir).flush_requests, 1);
    assert_true(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
}

/* ---- room ---- */

static void a_full_ring_drops_and_counts(void **state)
{
    (void)state;
    double got[1000];
    for (int i = 0; i < 1000; i++) {
        ffshm_track(ff, "event", &user, i);
    }
    const size_t kept = metrics(got, 1000);
    assert_in_range(kept, 200, 500); /* of 48 or 64 bytes */
    assert_int_equal(dropped(), 1000 - kept);
    for (size_t i = 0; i < kept; i++) {
        assert_true(got[i] == (double)i);
    }
    /* Nothing of it keeps evaluations from being counted. */
    ffshm_bool(ff, "on", &user, false);
    ffshm_bool(ff, "tracked", &user, false);
    assert_int_equal(telemetry_counted(store.live.dir, "on", 3, 1), 1);
    assert_int_equal(telemetry_counted(store.live.dir, "tracked", 3, 1), 1);
    assert_int_equal(dropped(), 1001 - kept);
    telemetry_desk_ack(&store.desk);
    ffshm_track(ff, "event", &user, 7);
    assert_int_equal(metrics(got, 1000), 1);
    assert_true(got[0] == 7);
    assert_int_equal(dropped(), 1001 - kept);
    /* What SEEN found no room for is told at the next occasion. */
    ffshm_bool(ff, "on", &user, false);
    json_t *seen = telemetry_records_of(store.live.dir, "seen");
    assert_int_equal(json_array_size(seen), 1);
    json_decref(seen);
}

static void records_go_on_past_the_rings_end(void **state)
{
    (void)state;
    double got[1000];
    int next = 0;
    for (int i = 0; i < 5000; i++) {
        char event[64] = "event";
        memset(event, 'e', (size_t)(1 + i % 60)); /* every length of a record */
        event[1 + i % 60] = 0;
        ffshm_track(ff, event, &user, i);
        if (i % 97 == 0 || i == 4999) {
            const size_t count = metrics(got, 1000);
            for (size_t k = 0; k < count; k++) {
                assert_true(got[k] == next);
                next++;
            }
            telemetry_desk_ack(&store.desk);
        }
    }
    assert_int_equal(next, 5000);
    assert_int_equal(dropped(), 0);
}

static void an_event_that_is_too_large_is_dropped(void **state)
{
    (void)state;
    static char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    struct ffshm_context c;
    ffshm_context_init(&c, NULL, "large");
    ffshm_context_string(&c, "text", text);
    ffshm_identify(ff, &c); /* 5000 bytes, a quarter of the ring is 4096 */
    assert_int_equal(dropped(), 1);
    text[3000] = 0;
    ffshm_context_string(&c, "text", text);
    ffshm_identify(ff, &c); /* packed twice: it is larger than what is packed at first */
    assert_int_equal(dropped(), 1);
    json_t *records = telemetry_records_of(store.live.dir, "identify");
    assert_int_equal(json_array_size(records), 1);
    const json_t *kinds = json_array_get(json_array_get(records, 0), 1);
    const json_t *attributes = json_array_get(json_array_get(kinds, 0), 4);
    assert_string_equal(json_string_value(json_array_get(json_array_get(attributes, 0), 1)), text);
    json_decref(records);
}

static void acks_may_come_later(void **state)
{
    (void)state;
    char path[512];
    char aside[512];
    snprintf(path, sizeof(path), "%s/" TELEMETRY_ACKS, store.live.dir);
    snprintf(aside, sizeof(aside), "%s/aside", store.live.dir);
    assert_int_equal(rename(path, aside), 0);
    for (int i = 0; i < 600; i++) {
        ffshm_track(ff, "event", &user, i);
    }
    assert_int_not_equal(dropped(), 0);
    assert_int_equal(rename(aside, path), 0);
    telemetry_desk_ack(&store.desk);
    const uint64_t before = dropped();
    usleep(1100000);
    ffshm_track(ff, "event", &user, 1);
    assert_int_equal(dropped(), before);
}

/* ---- threads and kills ---- */

#define THREADS 4
#define EVENTS 3000

static void *track_all(void *arg)
{
    for (int i = 0; i < EVENTS; i++) {
        ffshm_track(ff, "event", &user, (double)(intptr_t)arg * EVENTS + i);
    }
    return NULL;
}

static void threads_fill_one_ring(void **state)
{
    (void)state;
    atomic_store(&store.desk.control->telemetry_ring_bytes, 1u << 20);
    pthread_t threads[THREADS];
    static double got[THREADS * EVENTS];
    int next[THREADS] = {0};
    for (intptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, track_all, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    const size_t count = metrics(got, (size_t)THREADS * EVENTS);
    for (size_t i = 0; i < count; i++) {
        const int thread = (int)got[i] / EVENTS;
        assert_int_equal((int)got[i] % EVENTS, next[thread]); /* each thread's in its order */
        next[thread]++;
    }
    assert_int_equal(count, THREADS * EVENTS);
}

#ifdef FFSHM_TEST_POINTS
static volatile int hang_at;
static _Atomic int hanging;
static __thread bool victim;
static bool to_be_overtaken;

/* Between a look at the tail and one at the acknowledged position the ring goes round. */
static void overtake(void)
{
    to_be_overtaken = false;
    const uint64_t before = dropped();
    while (dropped() == before) {
        ffshm_track(ff, "others", &user, 1);
    }
    telemetry_desk_ack(&store.desk);
    ffshm_track(ff, "others", &user, 2);
}

void ffshm_test_point(int id);
void ffshm_test_point(int id)
{
    if (to_be_overtaken && id == 212) {
        overtake();
    }
    if (victim && id == hang_at) {
        atomic_store(&hanging, 1);
        for (;;) {
            pause();
        }
    }
}

static void *hang(void *arg)
{
    (void)arg;
    victim = true;
    ffshm_track(ff, "hanging", &user, 1);
    return NULL;
}

static void an_event_that_is_overtaken_by_the_whole_ring_finds_room(void **state)
{
    (void)state;
    ffshm_track(ff, "first", &user, 0);
    to_be_overtaken = true;
    ffshm_track(ff, "overtaken", &user, 3);
    assert_false(to_be_overtaken);
    char *text = custom();
    assert_string_equal(text, "[[\"others\",null,2],[\"overtaken\",null,3]]");
    free(text);
    assert_int_equal(dropped(), 1);
}

/* A process whose thread is killed after its claim, when others have gone on. */
static void child_with_a_hole(int point)
{
    pthread_t thread;
    hang_at = point;
    ffshm_track(ff, "before", &user, 1);
    pthread_create(&thread, NULL, hang, NULL);
    while (!atomic_load(&hanging)) {
        usleep(1000);
    }
    ffshm_track(ff, "after", &user, 2);
    ffshm_track(ff, "after", &user, 3);
    kill(getpid(), SIGKILL);
}

static void a_record_that_was_never_finished_is_passed_over(void **state)
{
    (void)state;
    for (int point = 213; point <= 214; point++) {
        const pid_t pid = fork();
        if (pid == 0) {
            child_with_a_hole(point);
        }
        waitpid(pid, NULL, 0);
        char *text = custom();
        assert_string_equal(text, "[[\"before\",null,1],[\"after\",null,2],[\"after\",null,3]]");
        free(text);
        telemetry_desk_ack(&store.desk);
    }
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(custom_events_are_told_whole),
        TEST(what_is_not_valid_is_not_told),
        TEST(who_is_identified_is_known),
        TEST(migrations_are_told_whole),
        TEST(a_flush_is_counted_and_changes_the_files_times),
        TEST(a_full_ring_drops_and_counts),
        TEST(records_go_on_past_the_rings_end),
        TEST(an_event_that_is_too_large_is_dropped),
        TEST(acks_may_come_later),
        TEST(threads_fill_one_ring),
#ifdef FFSHM_TEST_POINTS
        TEST(an_event_that_is_overtaken_by_the_whole_ring_finds_room),
        TEST(a_record_that_was_never_finished_is_passed_over),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
