/* The collector, with files written by hand, a storage and a directory: what it makes, finds,
   reads, stores and removes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "collect_fixture.h"

#define RING TELEMETRY_RING_LEAST

/* What is added to CLOCK_REALTIME for everything in this program. */
static int64_t clock_shift_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += clock == CLOCK_REALTIME ? clock_shift_s : 0;
    return result;
}

static int set_up(void **state)
{
    struct collect_fixture *const f = malloc(sizeof *f);
    assert_non_null(f);
    fixture_init(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct collect_fixture *const f = *state;
    clock_shift_s = 0;
    fixture_free(f);
    free(f);
    return 0;
}

static void path_of(const struct collect_fixture *f, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", f->dir, name);
}

static void flush(struct collect_fixture *f)
{
    assert_int_equal(collector_flush(f->collector), 0);
}

static uint64_t counted(const struct collect_fixture *f, const char *key)
{
    return recorded_counts(f->sink.committed, key, -2);
}

static unsigned events(const struct collect_fixture *f, const char *key)
{
    return recorded_events(f->sink.committed, key);
}

/* ---- conditions --------------------------------------------------------------------------- */

static bool has_event(struct collect_fixture *f, void *key)
{
    return events(f, key) > 0;
}

static bool is_gone(struct collect_fixture *f, void *path)
{
    return !fixture_exists(f, path);
}

static bool has_counted(struct collect_fixture *f, void *arg)
{
    return counted(f, "flag") >= *(const uint64_t *)arg;
}

static bool has_files(struct collect_fixture *f, void *count)
{
    return fixture_stats(f).files == *(unsigned *)count;
}

static bool has_flushes(struct collect_fixture *f, void *count)
{
    return fixture_stats(f).flushes >= *(unsigned *)count;
}

/* ---- start -------------------------------------------------------------------------------- */

static void the_directory_and_acks_are_made(void **state)
{
    struct collect_fixture *const f = *state;
    char path[512];
    struct stat st;
    fixture_start(f);
    path_of(f, "telemetry", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | (geteuid() == 0 ? 01733 : 03733));
    path_of(f, "acks", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0444);
    assert_int_equal(st.st_size, sizeof(struct telemetry_acks));
    assert_true(st.st_blocks * 512 >= st.st_size);
    assert_false(fixture_exists(f, "acks.new"));
}

static void windows_begin_with_one_in_a_new_epoch(void **state)
{
    struct collect_fixture *const f = *state;
    fixture_start(f);
    const uint64_t first = f->window;
    assert_int_equal(first & UINT32_MAX, 1);
    assert_int_not_equal(first >> 32, 0);
    flush(f);
    assert_int_equal(f->window, first + 1);
    collector_forget_contexts(f->collector);
    assert_int_equal(f->window >> 32, (first >> 32) % UINT32_MAX + 1);
    assert_int_equal(f->window & UINT32_MAX, 2);
    const uint64_t last = f->window;
    fixture_stop(f);
    assert_int_equal(f->window, last); /* programs go on counting */
    fixture_start(f);
    assert_int_not_equal(f->window >> 32, last >> 32);
}

static void is_refused_with(struct collect_fixture *f, const char *what, const char *hint)
{
    struct fault fault = {.line = 0};
    assert_false(fixture_try_start(f, &fault));
    if (!strstr(fault.cause, what) || !strstr(fault.hint, hint) || !strstr(fault.file, f->dir)) {
        fail_msg("%s: %s; %s", fault.file, fault.cause, fault.hint);
    }
    assert_int_equal(f->windows, 0);
}

static void a_symlink_for_the_directory_is_refused(void **state)
{
    struct collect_fixture *const f = *state;
    char path[512];
    path_of(f, "telemetry", path);
    assert_int_equal(symlink("/tmp", path), 0);
    is_refused_with(f, "is not a directory of its own", "remove it");
}

static void a_file_for_the_directory_is_refused(void **state)
{
    struct collect_fixture *const f = *state;
    char path[512];
    path_of(f, "telemetry", path);
    close(open(path, O_WRONLY | O_CREAT, 0644));
    is_refused_with(f, "is not a directory of its own", "remove it");
}

static void another_users_directory_is_refused(void **state)
{
    struct collect_fixture *const f = *state;
    char path[512];
    if (geteuid() != 0) {
        skip();
    }
    path_of(f, "telemetry", path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    is_refused_with(f, "belongs to uid 12345", "remove it, or run the agent as that user");
}

static void a_store_that_is_not_there_is_refused(void **state)
{
    struct collect_fixture *const f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/none", f->dir);
    f->options.dir = path;
    is_refused_with(f, "cannot open the directory", "");
}

/* ---- reading ------------------------------------------------------------------------------ */

static void a_flush_has_all_that_was_stored_before(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    uint64_t position;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    struct telemetry_block *const b = writer_block(&w, TELEMETRY_FLAG, "flag", 3, 2, 2);
    writer_count(b, 1, 5);
    writer_put_event(&w, "e");
    flush(f); /* the loop has not run since the file was made */
    assert_int_equal(counted(f, "flag"), 5);
    assert_int_equal(events(f, "e"), 1);
    assert_true(fixture_ack(f, w.id[0], &position));
    assert_int_equal(position, w.header->ring_tail);
    writer_count(b, 1, 1);
    flush(f);
    flush(f);
    assert_int_equal(counted(f, "flag"), 6);
    assert_int_equal(events(f, NULL), 1);
    const struct collector_stats stats = fixture_stats(f);
    assert_int_equal(stats.evaluations, 6);
    assert_int_equal(stats.records, 1);
    assert_int_equal(stats.flushes, 3);
    assert_int_equal(stats.files, 1);
    writer_die(&w);
}

static void rings_are_read_between_flushes(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 3, 2, 2), 1, 5);
    writer_put_event(&w, "e");
    assert_true(fixture_run_until(f, has_event, (void *)"e", 5000));
    assert_true(f->sink.keeps > 0);
    assert_int_equal(f->sink.flushes, 0);
    assert_int_equal(counted(f, NULL), 0); /* with the next flush */
    writer_die(&w);
}

static void more_than_a_ring_passes_through(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    unsigned put = 0;
    uint64_t position = 0;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    for (int turns = 0; turns < 1000 && put < 2000; turns++) {
        while (put < 2000 && w.header->ring_tail + 256 - position <= RING) {
            writer_put_event(&w, "e");
            put++;
        }
        fixture_run(f, 10);
        fixture_ack(f, w.id[0], &position);
    }
    flush(f);
    assert_int_equal(put, 2000);
    assert_int_equal(events(f, "e"), 2000);
    assert_int_equal(fixture_stats(f).malformed, 0);
    writer_die(&w);
}

static void a_full_file_is_read_before_the_flush(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    unsigned put = 0;
    f->options.flush_ms = 300;
    fixture_start(f);
    writer_open(&w, f->dir, 0, 1u << 20);
    for (; w.header->ring_tail < (700u << 10); put++) {
        writer_put_event(&w, "e");
    }
    unsigned once = 1;
    assert_true(fixture_run_until(f, has_flushes, &once, 20000));
    assert_int_equal(events(f, "e"), put);
    assert_true(f->sink.keeps > 1);
    writer_die(&w);
}

static void without_events_only_counters_are_read(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    f->options.has_events = false;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 3, 2, 2), 1, 5);
    writer_put_event(&w, "e");
    fixture_run(f, 250);
    flush(f);
    assert_int_equal(counted(f, "flag"), 5);
    assert_int_equal(events(f, NULL), 0);
    writer_die(&w);
}

static void a_process_asks_for_a_flush(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    fixture_run(f, 30);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    for (unsigned i = 1; i <= 3; i++) {
        writer_ask_flush(&w);
        assert_true(fixture_run_until(f, has_flushes, &i, 5000));
        fixture_run(f, 30);
        assert_int_equal(fixture_stats(f).flushes, i);
    }
    assert_int_equal(counted(f, "flag"), 3);
    writer_die(&w);
}

static void a_flush_comes_by_itself(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    f->options.flush_ms = 50;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    unsigned twice = 2;
    assert_true(fixture_run_until(f, has_flushes, &twice, 5000));
    assert_int_equal(counted(f, "flag"), 3);
    writer_die(&w);
}

static void what_processes_dropped_is_handed_on(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    atomic_store(&w.header->dropped_events, 5);
    atomic_store(&w.header->dropped_counts, 2);
    flush(f);
    flush(f);
    assert_int_equal(recorded_dropped(f->sink.committed), 5);
    assert_int_equal(fixture_stats(f).dropped_events, 5);
    assert_int_equal(fixture_stats(f).dropped_counts, 2);
    writer_die(&w);
}

static void an_unfinished_record_holds_up_no_flush(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_claim(&w, 100);
    writer_put_event(&w, "behind");
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    assert_int_equal(events(f, NULL), 0);
    writer_die(&w);
    assert_true(fixture_run_until(f, has_event, (void *)"behind", 5000));
}

/* ---- death -------------------------------------------------------------------------------- */

static void the_file_of_a_dead_process_is_drained_and_removed(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    struct telemetry_block *const b = writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 3);
    flush(f);
    assert_int_equal(fixture_marks(f), 1);
    writer_count(b, 0, 4);
    writer_put_event(&w, "last");
    writer_claim(&w, 50); /* killed in the middle of it */
    writer_die(&w);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
    assert_int_equal(counted(f, "flag"), 7);
    assert_int_equal(events(f, "last"), 1);
    assert_int_equal(fixture_stats(f).files, 0);
    assert_int_equal(fixture_stats(f).malformed, 0);
    flush(f);
    assert_int_equal(fixture_marks(f), 0);
}

static void a_process_may_end_before_its_file_is_found(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    writer_die(&w);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
    assert_int_equal(counted(f, "flag"), 3);
}

static void a_process_may_end_while_no_agent_runs(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    fixture_stop(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    writer_die(&w);
    fixture_start(f);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
    assert_int_equal(counted(f, "flag"), 3);
}

static void a_file_that_was_removed_is_read_to_its_end(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    unsigned none = 0;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    flush(f);
    assert_int_equal(unlink(w.path), 0);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    writer_die(&w);
    assert_true(fixture_run_until(f, has_files, &none, 5000));
    assert_int_equal(counted(f, "flag"), 3);
}

/* ---- restarts ----------------------------------------------------------------------------- */

static void a_restart_goes_on_where_the_last_one_was(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w[3];
    fixture_start(f);
    for (int i = 0; i < 3; i++) {
        writer_open(&w[i], f->dir, 0, RING);
    }
    for (unsigned run = 0; run < 5; run++) {
        for (int i = 0; i < 3; i++) {
            char key[32];
            snprintf(key, sizeof key, "flag-%u", run);
            writer_count(writer_block(&w[i], TELEMETRY_FLAG, key, 1, 1, 2), 0, 10);
            writer_put_event(&w[i], key);
            atomic_fetch_add(&w[i].header->dropped_events, 1);
        }
        flush(f);
        if (run == 2) {
            writer_die(&w[1]);
            writer_open(&w[1], f->dir, 0, RING);
        }
        fixture_stop(f);
        fixture_start(f);
    }
    flush(f);
    json_t *const all = recorded_in(f->storage);
    assert_int_equal(recorded_counts(all, NULL, -2), 5 * 3 * 10);
    assert_int_equal(recorded_counts(all, "flag-3", 0), 3 * 10);
    assert_int_equal(recorded_events(all, NULL), 5 * 3);
    assert_int_equal(recorded_dropped(all), 5 * 3);
    json_decref(all);
    for (int i = 0; i < 3; i++) {
        writer_die(&w[i]);
    }
}

static void acks_keeps_its_positions(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    struct stat before;
    struct stat after;
    uint64_t position;
    char path[512];
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_put_event(&w, "e");
    flush(f);
    path_of(f, "acks", path);
    assert_int_equal(stat(path, &before), 0);
    fixture_stop(f);
    fixture_start(f);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(after.st_mode, S_IFREG | 0444);
    assert_true(fixture_ack(f, w.id[0], &position));
    assert_int_equal(position, w.header->ring_tail);
    writer_die(&w);
}

static void acks_of_another_store_is_replaced(void **state)
{
    struct collect_fixture *const f = *state;
    struct stat before;
    struct stat after;
    char path[512];
    fixture_start(f);
    path_of(f, "acks", path);
    assert_int_equal(stat(path, &before), 0);
    fixture_stop(f);
    f->options.store_epoch++;
    fixture_start(f);
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    fixture_stop(f);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(truncate(path, 100), 0);
    fixture_start(f);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_size, sizeof(struct telemetry_acks));
    fixture_stop(f);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    fixture_start(f);
    assert_int_equal(lstat(path, &after), 0);
    assert_int_equal(after.st_mode, S_IFREG | 0444);
}

static void when_storage_is_lost_nothing_is_counted_twice(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer old;
    struct telemetry_writer new;
    fixture_start(f);
    writer_open(&old, f->dir, 0, RING);
    struct telemetry_block *const b = writer_block(&old, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 100);
    writer_put_event(&old, "old");
    flush(f);
    fixture_stop(f);
    writer_open(&new, f->dir, 0, RING);
    writer_count(writer_block(&new, TELEMETRY_FLAG, "new", 1, 1, 2), 0, 7);
    assert_int_equal(unlink(f->database), 0);
    fixture_start(f);
    flush(f);
    assert_int_equal(counted(f, "flag"), 0);
    assert_int_equal(events(f, "old"), 0);
    assert_int_equal(counted(f, "new"), 7); /* no agent has seen it before */
    writer_count(b, 0, 1);
    fixture_stop(f);
    fixture_start(f);
    flush(f);
    assert_int_equal(counted(f, "flag"), 1); /* what was taken for counted was stored */
    writer_die(&old);
    writer_die(&new);
}

/* It has no marks, and so it must have no entry in acks: that would say that storage was lost. */
static void a_file_that_told_nothing_is_new_after_a_restart(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer silent;
    struct telemetry_writer other;
    uint64_t position;
    fixture_start(f);
    writer_open(&silent, f->dir, 0, RING);
    writer_open(&other, f->dir, 0, RING);
    writer_put_event(&other, "e");
    flush(f);
    assert_false(fixture_ack(f, silent.id[0], &position));
    fixture_stop(f);
    writer_count(writer_block(&silent, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    fixture_start(f);
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    writer_die(&silent);
    writer_die(&other);
}

static void it_works_without_storage(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    f->without_storage = true;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    struct telemetry_block *const b = writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 3);
    writer_put_event(&w, "e");
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    fixture_stop(f);
    fixture_start(f);
    writer_count(b, 0, 1);
    flush(f);
    assert_int_equal(events(f, NULL), 0);
    writer_die(&w);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
}

static void marks_without_a_file_go_away(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_put_event(&w, "e");
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    flush(f);
    assert_int_equal(fixture_marks(f), 2);
    fixture_stop(f);
    assert_int_equal(unlink(w.path), 0);
    fixture_start(f);
    flush(f);
    assert_int_equal(fixture_marks(f), 0);
    writer_die(&w);
}

static void marks_that_make_no_sense_are_not_believed(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    static const char junk[64] = "\x01\x00\x01\x00junk";
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    assert_int_equal(storage_mark_put(f->storage, w.id, junk, sizeof junk, NULL), 0);
    assert_int_equal(storage_mark_put(f->storage, (uint64_t[2]){5, 6}, junk, 1, NULL), 0);
    fixture_stop(f);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    fixture_start(f);
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    assert_int_equal(fixture_marks(f), 1 + 1); /* the right one of the counters; the junk's id */
    writer_die(&w);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
    flush(f);
    assert_int_equal(fixture_marks(f), 0);
}

/* ---- failures ----------------------------------------------------------------------------- */

static void a_failed_transaction_is_tried_again(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    uint64_t position;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    struct telemetry_block *const b = writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2);
    writer_count(b, 0, 3);
    writer_put_event(&w, "e");
    f->sink.fail = 2;
    assert_int_equal(collector_flush(f->collector), -1);
    assert_int_equal(collector_flush(f->collector), -1);
    assert_int_equal(f->sink.reverts, 2);
    assert_false(fixture_ack(f, w.id[0], &position));
    assert_int_equal(fixture_stats(f).evaluations, 0);
    assert_int_equal(fixture_marks(f), 0);
    writer_count(b, 0, 1);
    unsigned once = 1;
    assert_true(fixture_run_until(f, has_flushes, &once, 5000)); /* by itself */
    assert_int_equal(counted(f, "flag"), 4);
    assert_int_equal(events(f, "e"), 1);
    writer_die(&w);
}

static void a_dead_file_stays_until_it_is_stored(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    f->sink.fail = 1000;
    writer_die(&w);
    fixture_run(f, 300);
    assert_true(f->sink.reverts > 0);
    assert_true(fixture_exists(f, w.path));
    f->sink.fail = 0;
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
    assert_int_equal(counted(f, "flag"), 3);
}

/* The transaction fails in its middle: storage_begin does, because one is open. */
static void a_storage_that_fails_loses_nothing(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 3);
    writer_put_event(&w, "e");
    assert_int_equal(storage_begin(f->storage, NULL), 0);
    assert_int_equal(collector_flush(f->collector), -1);
    storage_rollback(f->storage);
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    assert_int_equal(events(f, "e"), 1);
    writer_die(&w);
}

/* ---- limits and strangers ----------------------------------------------------------------- */

static void of_one_user_only_so_many_are_read(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w[5];
    f->options.files_per_uid = 3;
    fixture_start(f);
    for (int i = 0; i < 5; i++) {
        writer_open(&w[i], f->dir, 0, RING);
        writer_count(writer_block(&w[i], TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 1);
    }
    flush(f);
    assert_int_equal(counted(f, "flag"), 3);
    assert_int_equal(fixture_stats(f).files, 3);
    assert_int_equal(fixture_stats(f).refused_files, 2);
    for (int i = 0; i < 2; i++) {
        writer_die(&w[i]);
        assert_true(fixture_run_until(f, is_gone, w[i].path, 5000));
    }
    unsigned three = 3;
    assert_true(fixture_run_until(f, has_files, &three, 5000)); /* the others had room */
    flush(f);
    assert_int_equal(counted(f, "flag"), 5);
    assert_int_equal(fixture_stats(f).refused_files, 0);
    for (int i = 2; i < 5; i++) {
        writer_die(&w[i]);
    }
}

/* An agent was away for long, and many programs ran meanwhile. */
static void more_dead_files_than_have_room_are_read_one_after_the_other(void **state)
{
    struct collect_fixture *const f = *state;
    f->options.files_per_uid = 3;
    fixture_start(f);
    fixture_stop(f); /* makes the directory */
    for (int i = 0; i < 10; i++) {
        struct telemetry_writer w;
        writer_open(&w, f->dir, 0, RING);
        writer_count(writer_block(&w, TELEMETRY_FLAG, "flag", 1, 1, 2), 0, 1);
        writer_die(&w);
    }
    clock_shift_s = 3600;
    fixture_start(f);
    unsigned none = 0;
    assert_true(fixture_run_until(f, has_counted, (uint64_t[]){10}, 10000));
    assert_true(fixture_run_until(f, has_files, &none, 5000));
    assert_int_equal(fixture_stats(f).refused_files, 0);
}

static void of_all_only_so_many_are_read(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w[4];
    f->options.files_most = 2;
    for (int i = 0; i < 4; i++) {
        if (i == 0) {
            fixture_start(f);
            fixture_stop(f); /* makes the directory */
        }
        writer_open(&w[i], f->dir, 0, RING);
    }
    fixture_start(f);
    assert_int_equal(fixture_stats(f).files, 2);
    assert_int_equal(fixture_stats(f).refused_files, 2);
    for (int i = 0; i < 4; i++) {
        assert_true(fixture_exists(f, w[i].path));
        writer_die(&w[i]);
    }
}

static void make(const struct collect_fixture *f, const char *name, int kind)
{
    char path[512];
    path_of(f, name, path);
    switch (kind) {
    case 0:
        assert_int_equal(mkfifo(path, 0666), 0);
        break;
    case 1:
        assert_int_equal(symlink("/dev/zero", path), 0);
        break;
    case 2:
        assert_int_equal(mkdir(path, 0777), 0);
        break;
    default:
        close(open(path, O_WRONLY | O_CREAT, 0666));
        break;
    }
}

static void names_and_kinds_of_files_that_are_none_are_ignored(void **state)
{
    struct collect_fixture *const f = *state;
    fixture_start(f);
    fixture_stop(f);
    make(f, "telemetry/0000000000000001000000000000000a", 0);
    make(f, "telemetry/0000000000000001000000000000000b", 1);
    make(f, "telemetry/0000000000000001000000000000000c", 2);
    make(f, "telemetry/0000000000000001000000000000000D", 3);
    make(f, "telemetry/0000000000000001000000000000000", 3);
    make(f, "telemetry/0000000000000001000000000000000ef", 3);
    make(f, "telemetry/README", 3);
    make(f, "telemetry/tmp.x", 3);
    make(f, "telemetry/tmp.fifo", 0);
    fixture_start(f);
    fixture_run(f, 100);
    flush(f);
    assert_int_equal(fixture_stats(f).files, 0);
    assert_int_equal(fixture_stats(f).malformed, 0);
    assert_true(fixture_exists(f, "telemetry/0000000000000001000000000000000a"));
    assert_true(fixture_exists(f, "telemetry/README"));
    assert_true(fixture_exists(f, "telemetry/tmp.x")); /* too young to be a leftover */
}

static void a_file_with_two_names_is_ignored(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    char path[512];
    fixture_start(f);
    fixture_stop(f);
    writer_open(&w, f->dir, 0, RING);
    path_of(f, "telemetry/0000000000000001000000000000000a", path);
    assert_int_equal(link(w.path, path), 0);
    fixture_start(f);
    assert_int_equal(fixture_stats(f).files, 0);
    writer_die(&w);
}

static void a_file_that_makes_no_sense_goes_with_its_process(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer w;
    fixture_start(f);
    writer_open(&w, f->dir, 0, RING);
    w.header->magic = 0;
    fixture_run(f, 50);
    flush(f);
    assert_int_equal(fixture_stats(f).files, 1);
    assert_int_equal(fixture_stats(f).malformed, 1);
    assert_true(fixture_exists(f, w.path));
    writer_die(&w);
    assert_true(fixture_run_until(f, is_gone, w.path, 5000));
}

static void two_files_cannot_share_an_ack(void **state)
{
    struct collect_fixture *const f = *state;
    struct telemetry_writer one;
    struct telemetry_writer two;
    uint64_t position;
    fixture_start(f);
    writer_open(&one, f->dir, 4711, RING);
    writer_put_event(&one, "one");
    flush(f);
    writer_open(&two, f->dir, 4711, RING);
    writer_put_event(&two, "two");
    writer_put_event(&two, "two");
    flush(f);
    assert_int_equal(events(f, "one"), 1);
    assert_int_equal(events(f, "two"), 0);
    assert_true(fixture_ack(f, 4711, &position));
    assert_int_equal(position, one.header->ring_tail);
    writer_die(&one);
    writer_die(&two);
}

static void two_thousand_files_are_read(void **state)
{
    struct collect_fixture *const f = *state;
    enum { FILES = 2000 };
    struct telemetry_writer *const w = calloc(FILES, sizeof *w);
    assert_non_null(w);
    f->options.files_per_uid = FILES;
    fixture_start(f);
    for (unsigned i = 0; i < FILES; i++) {
        writer_open(&w[i], f->dir, 0, RING);
        writer_count(writer_block(&w[i], TELEMETRY_FLAG, "flag", 1, 1, 2), 0, i);
        writer_put_event(&w[i], "e");
        if (i % 100 == 0) {
            fixture_run(f, 1);
        }
    }
    flush(f);
    assert_int_equal(fixture_stats(f).files, FILES);
    assert_int_equal(counted(f, "flag"), FILES * (FILES - 1) / 2);
    fixture_stop(f);
    fixture_start(f);
    assert_int_equal(fixture_stats(f).files, FILES);
    flush(f);
    assert_int_equal(counted(f, "flag"), 0);
    for (unsigned i = 0; i < FILES; i++) {
        writer_die(&w[i]);
    }
    unsigned none = 0;
    assert_true(fixture_run_until(f, has_files, &none, 20000));
    json_t *const all = recorded_in(f->storage);
    assert_int_equal(recorded_events(all, "e"), FILES);
    json_decref(all);
    free(w);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_directory_and_acks_are_made),
        TEST(windows_begin_with_one_in_a_new_epoch),
        TEST(a_symlink_for_the_directory_is_refused),
        TEST(a_file_for_the_directory_is_refused),
        TEST(another_users_directory_is_refused),
        TEST(a_store_that_is_not_there_is_refused),
        TEST(a_flush_has_all_that_was_stored_before),
        TEST(rings_are_read_between_flushes),
        TEST(more_than_a_ring_passes_through),
        TEST(a_full_file_is_read_before_the_flush),
        TEST(without_events_only_counters_are_read),
        TEST(a_process_asks_for_a_flush),
        TEST(a_flush_comes_by_itself),
        TEST(what_processes_dropped_is_handed_on),
        TEST(an_unfinished_record_holds_up_no_flush),
        TEST(the_file_of_a_dead_process_is_drained_and_removed),
        TEST(a_process_may_end_before_its_file_is_found),
        TEST(a_process_may_end_while_no_agent_runs),
        TEST(a_file_that_was_removed_is_read_to_its_end),
        TEST(a_restart_goes_on_where_the_last_one_was),
        TEST(acks_keeps_its_positions),
        TEST(acks_of_another_store_is_replaced),
        TEST(when_storage_is_lost_nothing_is_counted_twice),
        TEST(a_file_that_told_nothing_is_new_after_a_restart),
        TEST(it_works_without_storage),
        TEST(marks_without_a_file_go_away),
        TEST(marks_that_make_no_sense_are_not_believed),
        TEST(a_failed_transaction_is_tried_again),
        TEST(a_dead_file_stays_until_it_is_stored),
        TEST(a_storage_that_fails_loses_nothing),
        TEST(of_one_user_only_so_many_are_read),
        TEST(more_dead_files_than_have_room_are_read_one_after_the_other),
        TEST(of_all_only_so_many_are_read),
        TEST(names_and_kinds_of_files_that_are_none_are_ignored),
        TEST(a_file_with_two_names_is_ignored),
        TEST(a_file_that_makes_no_sense_goes_with_its_process),
        TEST(two_files_cannot_share_an_ack),
        TEST(two_thousand_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
