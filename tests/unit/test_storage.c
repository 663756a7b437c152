/*
 * What the agent keeps in its file: every call, transactions, and everything that a file, a disk
 * and a killed process can do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/schema.h"
#include "storage/storage.h"
#include "storage/storage_admin.h"
#include "storage_fixture.h"

#define NOBODY 65534

/* It cannot be opened, and what is said has these texts in it. */
static void refused(struct fixture *f, const char *cause, const char *hint)
{
    memset(&f->fault, 0, sizeof f->fault);
    f->s = storage_open(f->path, &f->fault);
    assert_null(f->s);
    if (!strstr(f->fault.cause, cause) || !strstr(f->fault.hint, hint)) {
        fail_msg("cause: %s; hint: %s", f->fault.cause, f->fault.hint);
    }
    assert_non_null(strstr(f->path, f->fault.file)); /* the file, or its directory */
}

/* What a load told, as one text. */
struct heard {
    char text[4096];
    size_t bytes;
    int answer; /* what fn returns */
};

static void hear(struct heard *heard, const char *label, const void *bytes, size_t length)
{
    char *end = heard->text + strlen(heard->text);
    snprintf(end, sizeof heard->text - (size_t)(end - heard->text), "%s%s:%.*s",
             end == heard->text ? "" : " ", label, (int)(length < 64 ? length : 64),
             (const char *)bytes);
    heard->bytes += length;
}

static int hear_state(void *arg, const char *path, const void *bytes, size_t length,
                      int64_t received_ms)
{
    char label[256];
    snprintf(label, sizeof label, "%s@%" PRId64, path ? path : "*", received_ms);
    hear(arg, label, bytes, length);
    return ((struct heard *)arg)->answer;
}

static int hear_mark(void *arg, const uint64_t id[2], const void *bytes, size_t length)
{
    char label[64];
    snprintf(label, sizeof label, "%" PRIx64 ".%" PRIx64, id[0], id[1]);
    hear(arg, label, bytes, length);
    return ((struct heard *)arg)->answer;
}

static int hear_queue(void *arg, int64_t number, const char *label, const void *bytes,
                      size_t length)
{
    char text[256];
    snprintf(text, sizeof text, "%" PRId64 "/%s", number, label);
    hear(arg, text, bytes, length);
    return ((struct heard *)arg)->answer;
}

static void state_is(struct fixture *f, const char *source, const char *wanted)
{
    struct heard heard = {.text = ""};
    ok(f, storage_state_load(f->s, source, hear_state, &heard, &f->fault));
    assert_string_equal(heard.text, wanted);
}

static void marks_are(struct fixture *f, const char *wanted)
{
    struct heard heard = {.text = ""};
    ok(f, storage_mark_load(f->s, hear_mark, &heard, &f->fault));
    assert_string_equal(heard.text, wanted);
}

static void queue_is(struct fixture *f, enum storage_queue queue, const char *sink,
                     const char *wanted)
{
    struct heard heard = {.text = ""};
    ok(f, storage_queue_load(f->s, queue, sink, hear_queue, &heard, &f->fault));
    assert_string_equal(heard.text, wanted);
}

static int put(struct fixture *f, const char *source, const char *state, int64_t ms)
{
    return storage_state_put(f->s, source, state, strlen(state), ms, &f->fault);
}

static int patch(struct fixture *f, const char *path, const char *item, int64_t ms)
{
    return storage_state_patch(f->s, "ld", path, item, strlen(item), ms, &f->fault);
}

static int mark(struct fixture *f, uint64_t id, const char *bytes)
{
    return storage_mark_put(f->s, (uint64_t[2]){id, 7}, bytes, strlen(bytes), &f->fault);
}

static int64_t add(struct fixture *f, enum storage_queue queue, const char *sink, const char *bytes)
{
    int64_t number = 0;
    ok(f, storage_queue_add(f->s, queue, sink, "l", bytes, strlen(bytes), &number, &f->fault));
    return number;
}

static void text_is(struct fixture *f, const char *name, const char *wanted)
{
    char *text = NULL;
    ok(f, storage_get(f->s, name, &text, &f->fault));
    if (wanted) {
        assert_string_equal(text, wanted);
    } else {
        assert_null(text);
    }
    free(text);
}

/* ---- every call ---------------------------------------------------------------------------- */

static void a_text_is_what_was_set_last_also_after_a_restart(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    text_is(f, "instance", NULL);
    ok(f, storage_set(f->s, "instance", "one", &f->fault));
    ok(f, storage_set(f->s, "instance", "two", &f->fault));
    ok(f, storage_set(f->s, "other", "", &f->fault));
    reopen(f);
    text_is(f, "instance", "two");
    text_is(f, "other", "");
}

static void a_state_replaces_what_was_kept_of_its_source(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    state_is(f, "ld", "");
    ok(f, put(f, "ld", "first", 10));
    ok(f, put(f, "other", "theirs", 11));
    ok(f, patch(f, "/flags/a", "a1", 12));
    ok(f, patch(f, "/flags/a", "a2", 13));
    reopen(f);
    state_is(f, "ld", "*@10:first /flags/a@13:a2");
    ok(f, put(f, "ld", "second", 20));
    state_is(f, "ld", "*@20:second");
    state_is(f, "other", "*@11:theirs");
}

static void patches_without_a_state_are_told_too(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, patch(f, "/segments/s", "{}", 5));
    state_is(f, "ld", "/segments/s@5:{}");
}

/* The same bytes again: the time and the patches change, and not the megabytes. */
static void an_equal_state_only_changes_the_time(void **state)
{
    struct fixture *f = *state;
    const size_t length = 2 << 20;
    char *large = malloc(length);
    assert_non_null(large);
    memset(large, 'x', length);
    open_it(f);
    ok(f, storage_state_put(f->s, "ld", large, length, 1, &f->fault));
    ok(f, patch(f, "/flags/a", "a", 2));
    reopen(f); /* empties the log */
    ok(f, storage_state_put(f->s, "ld", large, length, 3, &f->fault));
    char wal[160];
    struct stat st;
    snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(stat(wal, &st), 0);
    assert_in_range(st.st_size, 1, 64 << 10);
    struct heard heard = {.text = ""};
    ok(f, storage_state_load(f->s, "ld", hear_state, &heard, &f->fault));
    assert_int_equal(heard.bytes, length);
    assert_memory_equal(heard.text, "*@3:", 4);
    large[length / 2] = 'y';
    ok(f, storage_state_put(f->s, "ld", large, length, 4, &f->fault));
    heard = (struct heard){.text = ""};
    ok(f, storage_state_load(f->s, "ld", hear_state, &heard, &f->fault));
    assert_memory_equal(heard.text, "*@4:", 4);
    free(large);
}

static void empty_bytes_are_kept(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, storage_state_put(f->s, "ld", NULL, 0, 1, &f->fault));
    ok(f, storage_mark_put(f->s, (uint64_t[2]){1, 2}, NULL, 0, &f->fault));
    ok(f, storage_queue_add(f->s, STORAGE_SPOOL, "s", NULL, NULL, 0, NULL, &f->fault));
    reopen(f);
    state_is(f, "ld", "*@1:");
    marks_are(f, "1.2:");
    queue_is(f, STORAGE_SPOOL, "s", "1/:");
}

static void marks_are_by_all_128_bits(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    const uint64_t ids[][2] = {{UINT64_MAX, 1}, {UINT64_MAX, UINT64_MAX - 1}, {0, 0}};
    for (size_t i = 0; i < 3; i++) {
        ok(f, storage_mark_put(f->s, ids[i], "a", 1, &f->fault));
    }
    ok(f, storage_mark_put(f->s, ids[1], "bc", 2, &f->fault));
    ok(f, storage_mark_delete(f->s, ids[0], &f->fault));
    ok(f, storage_mark_delete(f->s, ids[0], &f->fault));
    reopen(f);
    struct heard heard = {.text = ""};
    ok(f, storage_mark_load(f->s, hear_mark, &heard, &f->fault));
    assert_non_null(strstr(heard.text, "0.0:a"));
    assert_non_null(strstr(heard.text, "ffffffffffffffff.fffffffffffffffe:bc"));
    assert_int_equal(heard.bytes, 3);
}

static void queues_and_sinks_are_apart(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    const int64_t a = add(f, STORAGE_SPOOL, "one", "a");
    const int64_t b = add(f, STORAGE_OUTBOX, "one", "b");
    const int64_t c = add(f, STORAGE_SPOOL, "two", "c");
    const int64_t d = add(f, STORAGE_SPOOL, "one", "d");
    assert_true(a > 0 && a < b && b < c && c < d);
    ok(f, storage_queue_delete_to(f->s, STORAGE_SPOOL, "one", c, &f->fault));
    reopen(f);
    queue_is(f, STORAGE_SPOOL, "one", "4/l:d");
    queue_is(f, STORAGE_SPOOL, "two", "3/l:c");
    queue_is(f, STORAGE_OUTBOX, "one", "2/l:b");
    queue_is(f, STORAGE_OUTBOX, "two", "");
}

static void one_payload_is_deleted_out_of_order(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    add(f, STORAGE_OUTBOX, "ld", "a");
    const int64_t second = add(f, STORAGE_OUTBOX, "ld", "b");
    add(f, STORAGE_OUTBOX, "ld", "c");
    ok(f, storage_queue_delete(f->s, STORAGE_OUTBOX, "ld", second, &f->fault));
    queue_is(f, STORAGE_OUTBOX, "ld", "1/l:a 3/l:c");
}

static void numbers_are_never_used_again(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    add(f, STORAGE_OUTBOX, "ld", "a");
    const int64_t last = add(f, STORAGE_OUTBOX, "ld", "b");
    ok(f, storage_queue_delete_to(f->s, STORAGE_OUTBOX, "ld", last, &f->fault));
    reopen(f);
    assert_true(add(f, STORAGE_SPOOL, "ld", "c") > last);
}

static void a_load_stops_when_it_is_told_so(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, put(f, "ld", "state", 1));
    ok(f, patch(f, "/flags/a", "a", 2));
    ok(f, mark(f, 1, "m"));
    ok(f, mark(f, 2, "m"));
    add(f, STORAGE_SPOOL, "ld", "e");
    add(f, STORAGE_SPOOL, "ld", "e");
    struct heard heard = {.answer = 42};
    assert_int_equal(storage_state_load(f->s, "ld", hear_state, &heard, &f->fault), 42);
    assert_int_equal(heard.bytes, 5);
    assert_int_equal(storage_mark_load(f->s, hear_mark, &heard, &f->fault), 42);
    assert_int_equal(heard.bytes, 6);
    assert_int_equal(storage_queue_load(f->s, STORAGE_SPOOL, "ld", hear_queue, &heard, &f->fault),
                     42);
    assert_int_equal(heard.bytes, 7);
    state_is(f, "ld", "*@1:state /flags/a@2:a"); /* nothing is left open */
}

/* What is told of may be deleted on the way; only the same load must wait. */
static int delete_it(void *arg, int64_t number, const char *label, const void *bytes, size_t length)
{
    (void)label, (void)bytes, (void)length;
    struct fixture *f = arg;
    ok(f, storage_queue_delete(f->s, STORAGE_SPOOL, "ld", number, &f->fault));
    struct heard heard = {.text = ""};
    assert_int_equal(storage_queue_load(f->s, STORAGE_SPOOL, "ld", hear_queue, &heard, &f->fault),
                     -1);
    return 0;
}

static void what_is_told_may_be_deleted_meanwhile(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    for (int i = 0; i < 100; i++) {
        add(f, STORAGE_SPOOL, "ld", "event");
    }
    ok(f, storage_queue_load(f->s, STORAGE_SPOOL, "ld", delete_it, f, &f->fault));
    queue_is(f, STORAGE_SPOOL, "ld", "");
}

/* That the disk has it cannot be seen from here; that it goes on can. */
static void what_is_committed_can_be_synchronised_at_any_time(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, storage_sync(f->s, &f->fault)); /* of nothing */
    for (int i = 0; i < 3; i++) {
        ok(f, storage_set(f->s, "name", i % 2 ? "odd" : "even", &f->fault));
        ok(f, storage_sync(f->s, &f->fault));
    }
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, storage_sync(f->s, &f->fault));
    storage_rollback(f->s);
    close_it(f);
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    ok(f, storage_set(f->s, "name", "text", &f->fault));
    ok(f, storage_sync(f->s, &f->fault));
}

static void in_memory_nothing_is_kept(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, ":memory:");
    open_it(f);
    ok(f, storage_set(f->s, "a", "1", &f->fault));
    ok(f, put(f, "ld", "state", 1));
    state_is(f, "ld", "*@1:state");
    reopen(f);
    text_is(f, "a", NULL);
}

/* ---- transactions -------------------------------------------------------------------------- */

static void a_transaction_is_kept_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, put(f, "ld", "before", 1));
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, put(f, "ld", "within", 2));
    ok(f, mark(f, 1, "m"));
    add(f, STORAGE_SPOOL, "ld", "e");
    ok(f, storage_set(f->s, "a", "1", &f->fault));
    state_is(f, "ld", "*@2:within");
    storage_rollback(f->s);
    storage_rollback(f->s); /* harmless */
    state_is(f, "ld", "*@1:before");
    marks_are(f, "");
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, put(f, "ld", "within", 3));
    ok(f, mark(f, 1, "m"));
    ok(f, storage_commit(f->s, &f->fault));
    reopen(f);
    state_is(f, "ld", "*@3:within");
    marks_are(f, "1.7:m");
    text_is(f, "a", NULL);
    queue_is(f, STORAGE_SPOOL, "ld", "");
}

static void transactions_do_not_nest(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    assert_int_equal(storage_begin(f->s, &f->fault), -1);
    ok(f, mark(f, 1, "m"));
    ok(f, storage_commit(f->s, &f->fault));
    assert_int_equal(storage_commit(f->s, &f->fault), -1);
    marks_are(f, "1.7:m");
}

static void what_is_not_committed_is_gone_at_the_end(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, mark(f, 1, "kept"));
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, mark(f, 1, "lost"));
    reopen(f);
    marks_are(f, "1.7:kept");
}

/* A child commits transactions of everything there is, always the same number in all places, and
   is killed anywhere: the places agree, and no committed number is lost. */
static void write_until_killed(struct fixture *f, volatile int64_t *committed)
{
    struct storage *s = storage_open(f->path, NULL);
    if (s == NULL) {
        _exit(1);
    }
    const size_t pad = 20000;
    char *bytes = calloc(1, pad);
    for (int64_t n = *committed + 1; bytes; n++) {
        int length = snprintf(bytes, pad, "%" PRId64, n);
        int64_t number = 0;
        if (storage_begin(s, NULL) != 0 ||
            storage_state_put(s, "ld", bytes, n % 7 == 0 ? pad : (size_t)length, 1, NULL) != 0 ||
            storage_mark_put(s, (uint64_t[2]){1, 7}, bytes, (size_t)length, NULL) != 0 ||
            storage_set(s, "n", bytes, NULL) != 0 ||
            storage_queue_add(s, STORAGE_OUTBOX, "ld", bytes, bytes, pad, &number, NULL) != 0 ||
            storage_queue_delete_to(s, STORAGE_OUTBOX, "ld", number - 1, NULL) != 0 ||
            storage_commit(s, NULL) != 0) {
            _exit(2);
        }
        *committed = n;
    }
    _exit(3);
}

static void places_agree(struct fixture *f, int64_t least)
{
    struct heard state = {.text = ""};
    struct heard marks = {.text = ""};
    struct heard queue = {.text = ""};
    char *text = NULL;
    char wanted[64];
    ok(f, storage_get(f->s, "n", &text, &f->fault));
    const int64_t n = text ? strtoll(text, NULL, 10) : 0;
    free(text);
    assert_true(n == least || n == least + 1); /* killed before it could say so */
    ok(f, storage_state_load(f->s, "ld", hear_state, &state, &f->fault));
    ok(f, storage_mark_load(f->s, hear_mark, &marks, &f->fault));
    ok(f, storage_queue_load(f->s, STORAGE_OUTBOX, "ld", hear_queue, &queue, &f->fault));
    snprintf(wanted, sizeof wanted, "*@1:%" PRId64, n);
    assert_string_equal(state.text, n > 0 ? wanted : "");
    snprintf(wanted, sizeof wanted, "1.7:%" PRId64, n);
    assert_string_equal(marks.text, n > 0 ? wanted : "");
    snprintf(wanted, sizeof wanted, "/%" PRId64 ":%" PRId64, n, n);
    assert_true(n == 0 || strstr(queue.text, wanted));
    assert_int_equal(queue.bytes, n > 0 ? 20000 : 0);
}

static void kill_9_keeps_all_of_a_transaction_or_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t *committed = shared_number();
    open_it(f);
    close_it(f);
    for (int i = 0; i < 60; i++) {
        run_and_kill(f, write_until_killed, committed, 1000, 31000);
        open_it(f);
        places_agree(f, *committed);
        char *text = NULL;
        ok(f, storage_get(f->s, "n", &text, &f->fault));
        *committed = text ? strtoll(text, NULL, 10) : 0;
        free(text);
        close_it(f);
    }
    printf("%" PRId64 " transactions\n", *committed);
    assert_true(*committed > 10);
    munmap(committed, sizeof *committed);
}

/* ---- who may ------------------------------------------------------------------------------- */

static void a_second_opener_is_refused(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, mark(f, 1, "first"));
    for (int i = 0; i < 2; i++) { /* another process, then this one */
        const pid_t child = i == 0 ? fork() : 0;
        if (child == 0) {
            struct fault fault = {0};
            const bool refused = storage_open(f->path, &fault) == NULL &&
                                 strstr(fault.cause, "another process has the file open") &&
                                 strstr(fault.hint, "fuser") && strcmp(fault.file, f->path) == 0;
            if (i == 0) {
                _exit(refused ? 0 : 1);
            }
            assert_true(refused);
        } else {
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_int_equal(status, 0);
        }
    }
    ok(f, mark(f, 1, "still"));
    marks_are(f, "1.7:still");
}

static void a_refusal_does_not_take_the_lock_away(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    assert_null(storage_open(f->path, NULL));
    const pid_t child = fork();
    if (child == 0) {
        _exit(storage_open(f->path, NULL) == NULL ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void file_and_directory_are_for_this_user_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char name[160];
    snprintf(f->path, sizeof f->path, "%s/a/b/agent.db", f->dir);
    const mode_t before = umask(0);
    open_it(f);
    ok(f, mark(f, 1, "m"));
    umask(before);
    const char *names[] = {"a", "a/b", "a/b/agent.db", "a/b/agent.db-wal"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s/%s", f->dir, names[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 07777u, i < 2 ? 0700 : 0600);
    }
}

static void what_others_may_write_is_refused(void **state)
{
    struct fixture *f = *state;
    char kept[96];
    snprintf(kept, sizeof kept, "%s/kept", f->dir);
    assert_int_equal(mkdir(kept, 0700), 0);
    assert_int_equal(chmod(kept, 0770), 0);
    refused(f, "is writable by others (mode 0770)", "0700");
    assert_int_equal(chmod(kept, 01777), 0);
    refused(f, "is writable by others (mode 1777)", "0700");
    assert_int_equal(chmod(kept, 0755), 0);
    open_it(f);
    close_it(f);
    assert_int_equal(chmod(f->path, 0620), 0);
    refused(f, "is writable by others (mode 0620)", "0600");
}

static void what_belongs_to_another_user_is_refused(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) {
        skip();
    }
    open_it(f);
    close_it(f);
    assert_int_equal(chown(f->path, NOBODY, (gid_t)-1), 0);
    refused(f, "belongs to user 65534, not to user 0", "chown");
    assert_int_equal(chown(f->path, 0, (gid_t)-1), 0);
    *strrchr(f->path, '/') = '\0';
    assert_int_equal(chown(f->path, NOBODY, (gid_t)-1), 0);
    strcat(f->path, "/agent.db");
    refused(f, "belongs to user 65534, not to user 0", "alone");
}

static void what_is_no_file_is_refused(void **state)
{
    struct fixture *f = *state;
    char target[160];
    open_it(f);
    close_it(f);
    snprintf(target, sizeof target, "%s.real", f->path);
    assert_int_equal(rename(f->path, target), 0);
    assert_int_equal(symlink(target, f->path), 0);
    refused(f, "is not a file", "");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    refused(f, "is not a file", "");
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(mkdir(f->path, 0700), 0);
    refused(f, "is not a file", "");
    assert_null(storage_open("", &f->fault));
    assert_null(storage_open("/dev/null/agent.db", &f->fault));
    assert_non_null(strstr(f->fault.cause, "is not a directory"));
}

static void a_relative_path_is_no_url(void **state)
{
    struct fixture *f = *state;
    char here[512];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(f->dir), 0);
    snprintf(f->path, sizeof f->path, "file:agent.db?mode=memory");
    open_it(f);
    ok(f, mark(f, 1, "m"));
    assert_int_equal(access(f->path, F_OK), 0);
    close_it(f);
    assert_int_equal(chdir(here), 0);
}

/* ---- versions ------------------------------------------------------------------------------ */

static void execute(const struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_newer_schema_is_refused_and_unharmed(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    ok(f, mark(f, 1, "m"));
    close_it(f);
    execute(f, "PRAGMA user_version=1000");
    refused(f, "was written by a newer ffagent (schema 1000; this one knows", "that version");
    char back[64];
    snprintf(back, sizeof back, "PRAGMA user_version=%d", schema_version);
    execute(f, back);
    open_it(f);
    marks_are(f, "1.7:m");
}

static void the_database_of_another_program_is_refused(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    close_it(f);
    assert_int_equal(unlink(f->path), 0);
    const mode_t before = umask(077);
    execute(f, "CREATE TABLE theirs (a)");
    umask(before);
    refused(f, "is the database of another program", "another file");
    execute(f, "PRAGMA journal_mode=DELETE; INSERT INTO theirs VALUES (1)");
}

/* Killed after the file was made, before it had a schema. */
static void a_file_that_was_only_begun_is_finished(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    close_it(f);
    assert_int_equal(truncate(f->path, 0), 0);
    open_it(f);
    close_it(f);
    assert_int_equal(unlink(f->path), 0);
    const mode_t before = umask(077);
    execute(f, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL");
    umask(before);
    open_it(f);
    ok(f, mark(f, 1, "m"));
}

static int numbers(void *arg, int count, char **values, char **names)
{
    (void)names;
    int *number = arg;
    *number = count == 1 && values[0] ? atoi(values[0]) : -1;
    return 0;
}

static int number_of(sqlite3 *db, const char *sql)
{
    int number = -1;
    sqlite3_exec(db, sql, numbers, &number, NULL);
    return number;
}

static void an_older_schema_is_brought_up_to_date_or_left_alone(void **state)
{
    (void)state;
    const char *const migrations[] = {
        "CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1);",
        "ALTER TABLE a ADD COLUMN m INTEGER NOT NULL DEFAULT 5;",
        "CREATE TABLE b (n INTEGER); INSERT INTO b SELECT n + m FROM a;",
        "CREATE TABLE c (n INTEGER); INSERT INTO nowhere VALUES (1);",
    };
    sqlite3 *db = NULL;
    int version = -1;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(schema_upgrade(db, 0, migrations, 1), SQLITE_OK);
    assert_int_equal(schema_identify(db, 3, &version), SCHEMA_CURRENT);
    assert_int_equal(version, 1);
    assert_int_equal(schema_upgrade(db, 1, migrations, 3), SQLITE_OK);
    assert_int_equal(number_of(db, "SELECT n FROM b"), 6);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 3);
    assert_int_not_equal(schema_upgrade(db, 3, migrations, 4), SQLITE_OK);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    assert_int_equal(number_of(db, "PRAGMA user_version"), 3);
    assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
    assert_int_equal(schema_identify(db, 2, &version), SCHEMA_NEWER);
    sqlite3_close(db);
}

/* ---- damage -------------------------------------------------------------------------------- */

static void write_at(const char *path, off_t offset, const void *bytes, size_t length)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, length, offset), length);
    close(fd);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    close_it(f);
    char garbage[8192];
    memset(garbage, 'g', sizeof garbage);
    write_at(f->path, 0, garbage, sizeof garbage);
    refused(f, "not a database", "move it away");
    assert_int_equal(truncate(f->path, 10), 0);
    refused(f, "not a database", "definitions come again from their sources");
}

static void a_file_that_is_cut_off_is_refused(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    for (uint64_t i = 0; i < 1000; i++) {
        ok(f, mark(f, i, "some bytes that fill pages with what was counted"));
    }
    close_it(f);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(truncate(f->path, st.st_size / 2), 0);
    refused(f, "malformed", "move it away");
}

/* Whatever page is overwritten, with whatever: a fault or the whole truth. */
static int load_everything(struct fixture *f, struct heard *heard)
{
    char *text = NULL;
    const int result =
        storage_get(f->s, "n", &text, &f->fault) != 0 ||
        storage_state_load(f->s, "ld", hear_state, heard, &f->fault) != 0 ||
        storage_mark_load(f->s, hear_mark, heard, &f->fault) != 0 ||
        storage_queue_load(f->s, STORAGE_SPOOL, "ld", hear_queue, heard, &f->fault) != 0;
    free(text);
    return result ? -1 : 0;
}

static void fill(struct fixture *f)
{
    char large[30000];
    memset(large, 's', sizeof large);
    open_it(f);
    ok(f, storage_set(f->s, "n", "text", &f->fault));
    ok(f, storage_state_put(f->s, "ld", large, sizeof large, 1, &f->fault));
    for (uint64_t i = 0; i < 300; i++) {
        ok(f, mark(f, i, "some bytes that fill pages with what was counted"));
        add(f, STORAGE_SPOOL, "ld", "an event that was not sent");
    }
    close_it(f);
}

static void a_page_of_garbage_is_a_fault_with_the_next_step(void **state)
{
    struct fixture *f = *state;
    char whole[160];
    char garbage[4096];
    struct stat st;
    fill(f);
    snprintf(whole, sizeof whole, "%s.whole", f->path);
    copy_file(f->path, whole);
    assert_int_equal(stat(whole, &st), 0);
    memset(garbage, 0xa5, sizeof garbage);
    int faults = 0;
    for (off_t page = 1; page < st.st_size / 4096; page++) {
        copy_file(whole, f->path);
        write_at(f->path, page * 4096, garbage, sizeof garbage);
        struct heard heard = {.text = ""};
        memset(&f->fault, 0, sizeof f->fault);
        f->s = storage_open(f->path, &f->fault);
        const bool noticed = f->s == NULL || load_everything(f, &heard) != 0;
        close_it(f);
        if (noticed) {
            assert_non_null(strstr(f->fault.hint, "move it away"));
            assert_string_equal(f->fault.file, f->path);
            faults++;
        }
        struct storage_checked checked;
        memset(&f->fault, 0, sizeof f->fault);
        assert_int_equal(storage_check(f->path, NULL, NULL, &checked, &f->fault), -1);
        assert_non_null(strstr(f->fault.hint, "move it away"));
    }
    /* Only the map of pages that auto_vacuum needs, pages that enforce uniqueness, and those of
       tables that are not read here, can be garbage unnoticed by a reader. */
    printf("%d of %d pages\n", faults, (int)(st.st_size / 4096));
    assert_true(faults >= 24);
}

static void one_wrong_byte_of_a_state_is_found(void **state)
{
    struct fixture *f = *state;
    fill(f);
    char page[4096];
    const int fd = open(f->path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t at = 0;
    bool found = false; /* a page of nothing but the state's bytes */
    for (; !found && pread(fd, page, sizeof page, at) == (ssize_t)sizeof page; at += 4096) {
        found = page[100] == 's' && memcmp(page + 100, page + 101, 3900) == 0;
    }
    assert_true(found);
    assert_int_equal(pwrite(fd, "t", 1, at - 2048), 1);
    close(fd);
    open_it(f);
    struct heard heard = {.text = ""};
    assert_int_equal(storage_state_load(f->s, "ld", hear_state, &heard, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "damaged"));
    assert_non_null(strstr(f->fault.hint, "move it away"));
    ok(f, put(f, "ld", "new", 2));
    state_is(f, "ld", "*@2:new");
}

/* ---- no room, no right --------------------------------------------------------------------- */

/* As another user, for root may write everywhere: fn in a child, 0 is good. */
static void as_nobody(struct fixture *f, int (*fn)(struct fixture *))
{
    char command[160];
    snprintf(command, sizeof command, "chown -R %d '%s'", NOBODY, f->dir);
    if (geteuid() == 0) {
        assert_int_equal(system(command), 0);
    }
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, 0) != 0) {
            _exit(100);
        }
        _exit(fn(f));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int in_a_read_only_directory(struct fixture *f)
{
    char kept[96];
    snprintf(kept, sizeof kept, "%s/kept", f->dir);
    chmod(kept, 0500);
    if (storage_open(f->path, &f->fault) != NULL || !strstr(f->fault.hint, "owner")) {
        printf("%s; %s\n", f->fault.cause, f->fault.hint);
        return 1;
    }
    chmod(kept, 0700);
    chmod(f->path, 0400);
    if (storage_open(f->path, &f->fault) != NULL || !strstr(f->fault.hint, "owner")) {
        printf("%s; %s\n", f->fault.cause, f->fault.hint);
        return 2;
    }
    unlink(f->path);
    chmod(kept, 0500);
    if (storage_open(f->path, &f->fault) != NULL || !strstr(f->fault.hint, "owner")) {
        printf("%s; %s\n", f->fault.cause, f->fault.hint);
        return 3;
    }
    chmod(kept, 0700);
    struct storage *s = storage_open(f->path, &f->fault);
    storage_close(s);
    return s ? 0 : 4;
}

static void a_directory_or_file_that_cannot_be_written_is_a_fault(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    close_it(f);
    as_nobody(f, in_a_read_only_directory);
}

/* A file that must not grow stands for a full disk: writes fail in the middle. */
static void without_room_nothing_changes_and_with_room_it_goes_on(void **state)
{
    struct fixture *f = *state;
    char *large = malloc(1 << 20);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    signal(SIGXFSZ, SIG_IGN);
    open_it(f);
    ok(f, put(f, "ld", "good", 1));
    ok(f, mark(f, 1, "before"));
    for (rlim_t most = 16 << 10; most < 900 << 10; most += 97 << 10) {
        limit_files(most);
        ok(f, storage_begin(f->s, &f->fault));
        memset(&f->fault, 0, sizeof f->fault);
        const bool failed =
            mark(f, 1, "after") != 0 ||
            storage_queue_add(f->s, STORAGE_OUTBOX, "ld", "l", large, 1 << 20, NULL, &f->fault) ||
            storage_commit(f->s, &f->fault) != 0;
        assert_true(failed);
        assert_string_equal(f->fault.file, f->path);
        assert_string_not_equal(f->fault.cause, "");
        storage_rollback(f->s);
        assert_int_equal(storage_state_put(f->s, "ld", large, 1 << 20, 2, &f->fault), -1);
        state_is(f, "ld", "*@1:good");
        marks_are(f, "1.7:before");
        queue_is(f, STORAGE_OUTBOX, "ld", "");
        limit_files(RLIM_INFINITY);
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, mark(f, 2, "room"));
        ok(f, storage_commit(f->s, &f->fault));
        ok(f, storage_mark_delete(f->s, (uint64_t[2]){2, 7}, &f->fault));
    }
    reopen(f);
    state_is(f, "ld", "*@1:good");
    marks_are(f, "1.7:before");
    signal(SIGXFSZ, SIG_DFL);
    free(large);
}

/* ---- how large it gets --------------------------------------------------------------------- */

/* Enough commits for pages to be given back, and for the log to start anew. */
static void commit_small_ones(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, mark(f, 1, i % 2 ? "a" : "b"));
        ok(f, storage_commit(f->s, &f->fault));
    }
}

static void neither_the_file_nor_its_log_grows_for_ever(void **state)
{
    struct fixture *f = *state;
    const size_t length = 1 << 20;
    char *large = calloc(1, length);
    assert_non_null(large);
    open_it(f);
    int64_t last = 0;
    for (int i = 0; i < 40; i++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, storage_queue_add(f->s, STORAGE_OUTBOX, "ld", "l", large, length, &last, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    assert_true(size_of(f, "") > 35 << 20);
    assert_in_range(size_of(f, "-wal"), 0, 10 << 20);
    ok(f, storage_queue_delete_to(f->s, STORAGE_OUTBOX, "ld", last, &f->fault));
    commit_small_ones(f, 100);
    assert_in_range(size_of(f, "-wal"), 0, 10 << 20);
    close_it(f);
    assert_in_range(size_of(f, ""), 0, 6 << 20);
    assert_int_equal(size_of(f, "-wal"), 0);
    open_it(f); /* and a queue that is always used is no larger after a while */
    for (int i = 0; i < 300; i++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f,
           storage_queue_add(f->s, STORAGE_OUTBOX, "ld", "l", large, length / 8, &last, &f->fault));
        ok(f, storage_queue_delete_to(f->s, STORAGE_OUTBOX, "ld", last - 4, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    assert_in_range(size_of(f, ""), 0, 8 << 20);
    assert_in_range(size_of(f, "-wal"), 0, 8 << 20);
    free(large);
}

static void one_huge_transaction_does_not_leave_a_huge_log(void **state)
{
    struct fixture *f = *state;
    const size_t length = 24 << 20;
    char *large = calloc(1, length);
    assert_non_null(large);
    open_it(f);
    ok(f, storage_state_put(f->s, "ld", large, length, 1, &f->fault));
    assert_true(size_of(f, "-wal") > 20 << 20);
    commit_small_ones(f, 3);
    assert_in_range(size_of(f, "-wal"), 0, 4 << 20);
    free(large);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_text_is_what_was_set_last_also_after_a_restart),
        T(a_state_replaces_what_was_kept_of_its_source),
        T(patches_without_a_state_are_told_too),
        T(an_equal_state_only_changes_the_time),
        T(empty_bytes_are_kept),
        T(marks_are_by_all_128_bits),
        T(queues_and_sinks_are_apart),
        T(one_payload_is_deleted_out_of_order),
        T(numbers_are_never_used_again),
        T(a_load_stops_when_it_is_told_so),
        T(what_is_told_may_be_deleted_meanwhile),
        T(what_is_committed_can_be_synchronised_at_any_time),
        T(in_memory_nothing_is_kept),
        T(a_transaction_is_kept_whole_or_not_at_all),
        T(transactions_do_not_nest),
        T(what_is_not_committed_is_gone_at_the_end),
        T(kill_9_keeps_all_of_a_transaction_or_nothing),
        T(a_second_opener_is_refused),
        T(a_refusal_does_not_take_the_lock_away),
        T(file_and_directory_are_for_this_user_alone),
        T(what_others_may_write_is_refused),
        T(what_belongs_to_another_user_is_refused),
        T(what_is_no_file_is_refused),
        T(a_relative_path_is_no_url),
        T(a_newer_schema_is_refused_and_unharmed),
        T(the_database_of_another_program_is_refused),
        T(a_file_that_was_only_begun_is_finished),
        T(an_older_schema_is_brought_up_to_date_or_left_alone),
        T(a_file_that_is_no_database_is_refused),
        T(a_file_that_is_cut_off_is_refused),
        T(a_page_of_garbage_is_a_fault_with_the_next_step),
        T(one_wrong_byte_of_a_state_is_found),
        T(a_directory_or_file_that_cannot_be_written_is_a_fault),
        T(without_room_nothing_changes_and_with_room_it_goes_on),
        T(neither_the_file_nor_its_log_grows_for_ever),
        T(one_huge_transaction_does_not_leave_a_huge_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
