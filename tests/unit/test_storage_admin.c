/*
 * What operators change, in the agent's file: every call, over restarts and kills, from a file of
 * the schema before, into backups, and without room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/schema.h"
#include "storage/storage.h"
#include "storage/storage_admin.h"
#include "storage_fixture.h"

#define NOBODY 65534

/* What SQLite calls (one or the other), counted: the program's own comes before the C library's. */
static int syncs;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

/* ---- what is told, as one text ------------------------------------------------------------- */

struct heard {
    char text[8192];
    int answer; /* what fn returns */
};

__attribute__((format(printf, 2, 3))) static int hear(struct heard *heard, const char *format, ...)
{
    const size_t length = strlen(heard->text);
    va_list arguments;
    va_start(arguments, format);
    if (length > 0) {
        snprintf(heard->text + length, sizeof heard->text - length, " ");
    }
    const size_t at = strlen(heard->text);
    vsnprintf(heard->text + at, sizeof heard->text - at, format, arguments);
    va_end(arguments);
    return heard->answer;
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static int hear_definition(void *arg, const struct storage_definition *d)
{
    static const char came[] = "+~x";
    return hear(arg, "%s%s%c%" PRId64 "=%s@%" PRId64 "/%s/%s",
                d->kind == STORAGE_SEGMENT ? "s:" : "", d->key, came[d->came], d->version, d->text,
                d->changed_ms, d->changed_by, or_dash(d->reason));
}

static int hear_key(void *arg, const struct storage_definition *d)
{
    return hear(arg, "%s", d->key);
}

static int hear_override(void *arg, const struct storage_override *o)
{
    return hear(arg, "%s:%s:%s/%s/%s@%" PRId64 "-%" PRId64, o->flag,
                o->kind == STORAGE_KILL ? "kill" : "pin", or_dash(o->variant), o->reason, o->set_by,
                o->set_ms, o->expires_ms);
}

static int hear_schedule(void *arg, const struct storage_schedule *d)
{
    return hear(arg, "%" PRId64 ":%s%s@%" PRId64 "=%s/%s/%s/%s@%" PRId64 ":%d@%" PRId64 "/%s",
                d->number, d->kind == STORAGE_SEGMENT ? "s:" : "", d->key, d->at_ms, d->change,
                d->author, d->authenticated, or_dash(d->reason), d->created_ms, (int)d->state,
                d->done_ms, or_dash(d->result));
}

static int hear_token(void *arg, const struct storage_token *t)
{
    for (size_t i = 1; i < sizeof t->secret; i++) {
        assert_int_equal(t->secret[i], t->secret[0]);
    }
    return hear(
        arg,
        "%s/%s/%d/%02x/%s@%" PRId64 "/%s-%" PRId64 " used %" PRId64 " revoked %" PRId64 " then %s",
        t->id, t->name, t->role, t->secret[0], or_dash(t->limits), t->created_ms, t->created_by,
        t->expires_ms, t->last_used_ms, t->revoked_ms, or_dash(t->successor));
}

static int hear_audit(void *arg, const struct storage_audit *e)
{
    assert_false(e->malformed);
    return hear(arg, "%" PRId64 "@%" PRId64 "/%s/%s/%s/%s/%s/%s/%s/%s/%02x/%02x", e->number,
                e->time_ms, e->actor, e->authenticated, e->action, e->target, or_dash(e->before),
                or_dash(e->after), or_dash(e->reason), or_dash(e->digest), e->previous[31],
                e->hash[0]);
}

static int hear_number(void *arg, const struct storage_audit *e)
{
    return hear(arg, "%" PRId64, e->number);
}

static int hear_generation(void *arg, const struct storage_generation *g)
{
    return hear(arg, "%" PRId64 ":%" PRIx64 ".%" PRIx64 "/%s@%" PRId64 "/%" PRId64 "-%" PRId64,
                g->number, g->store, g->generation, g->digest, g->published_ms, g->first_audit,
                g->last_audit);
}

/* A list whose call ends in (..., fn, arg, fault) gives that text. */
#define TELLS(f, wanted, call, ...)                                                                \
    do {                                                                                           \
        struct heard heard_ = {.text = ""};                                                        \
        ok(f, call((f)->s, __VA_ARGS__, &heard_, &(f)->fault));                                    \
        assert_string_equal(heard_.text, wanted);                                                  \
    } while (0)

/* ---- definitions --------------------------------------------------------------------------- */

static int put(struct fixture *f, const char *key, enum storage_came came, const char *text,
               int64_t expected, int64_t *version)
{
    const struct storage_definition d = {.kind = STORAGE_FLAG,
                                         .key = key,
                                         .came = came,
                                         .text = text,
                                         .changed_ms = 7,
                                         .changed_by = "ann"};
    return storage_definition_put(f->s, &d, expected, version, &f->fault);
}

/* In a transaction of its own. */
static int64_t put_it(struct fixture *f, const char *key, enum storage_came came, const char *text)
{
    int64_t version = 0;
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, put(f, key, came, text, STORAGE_ANY_VERSION, &version));
    ok(f, storage_commit(f->s, &f->fault));
    return version;
}

static void a_definition_is_what_was_put_last_also_after_a_restart(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    TELLS(f, "", storage_definition_get, STORAGE_FLAG, "a", 0, hear_definition);
    assert_int_equal(put_it(f, "a", STORAGE_PUT, "{1}"), 1);
    assert_int_equal(put_it(f, "a", STORAGE_PUT, "{2}"), 2);
    const struct storage_definition segment = {.kind = STORAGE_SEGMENT,
                                               .key = "a",
                                               .text = "{s}",
                                               .changed_ms = -1,
                                               .changed_by = "bob",
                                               .reason = "why not"};
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, storage_definition_put(f->s, &segment, 0, NULL, &f->fault));
    ok(f, storage_commit(f->s, &f->fault));
    reopen(f);
    TELLS(f, "a+2={2}@7/ann/-", storage_definition_get, STORAGE_FLAG, "a", 0, hear_definition);
    TELLS(f, "a+1={1}@7/ann/-", storage_definition_get, STORAGE_FLAG, "a", 1, hear_definition);
    TELLS(f, "", storage_definition_get, STORAGE_FLAG, "a", 3, hear_definition);
    TELLS(f, "s:a+1={s}@-1/bob/why not", storage_definition_get, STORAGE_SEGMENT, "a", 0,
          hear_definition);
}

static void versions_of_a_key_only_grow_also_over_deletion_and_restart(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    int64_t last = 0;
    for (int i = 0; i < 20; i++) {
        const enum storage_came came = i % 4 == 3   ? STORAGE_DELETED
                                       : i % 4 == 2 ? STORAGE_ARCHIVED
                                                    : STORAGE_PUT;
        assert_int_equal(put_it(f, "a", came, "{}"), ++last);
        if (i % 3 == 0) {
            reopen(f);
        }
    }
    TELLS(f, "", storage_definition_get, STORAGE_FLAG, "a", 0, hear_definition);
    assert_int_equal(put_it(f, "a", STORAGE_PUT, "{new}"), 21);
    assert_int_equal(put_it(f, "b", STORAGE_PUT, "{}"), 1);
    TELLS(f, "a+21={new}@7/ann/- ax20=@7/ann/- a~19={}@7/ann/-", storage_definition_history,
          STORAGE_FLAG, "a", 0, 3, hear_definition);
    TELLS(f, "a+2={}@7/ann/- a+1={}@7/ann/-", storage_definition_history, STORAGE_FLAG, "a", 3, 0,
          hear_definition);
    TELLS(f, "", storage_definition_history, STORAGE_FLAG, "a", 1, 0, hear_definition);
    TELLS(f, "ax20=@7/ann/-", storage_definition_get, STORAGE_FLAG, "a", 20, hear_definition);
}

static void a_rolled_back_version_is_given_again(void **state)
{
    struct fixture *f = *state;
    int64_t version = 0;
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, put(f, "a", STORAGE_PUT, "{1}", 0, &version));
    storage_rollback(f->s);
    TELLS(f, "", storage_definition_history, STORAGE_FLAG, "a", 0, 0, hear_definition);
    assert_int_equal(put_it(f, "a", STORAGE_PUT, "{2}"), 1);
}

static void a_lost_race_changes_nothing_and_names_the_version(void **state)
{
    struct fixture *f = *state;
    int64_t version = -1;
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    assert_int_equal(put(f, "a", STORAGE_PUT, "{}", 1, &version), STORAGE_CONFLICT);
    assert_int_equal(version, 0);
    assert_int_equal(put(f, "a", STORAGE_DELETED, "", STORAGE_ANY_VERSION, NULL), STORAGE_CONFLICT);
    assert_int_equal(put(f, "a", STORAGE_DELETED, "", 0, &version), STORAGE_CONFLICT);
    ok(f, put(f, "a", STORAGE_PUT, "{1}", 0, &version));
    assert_int_equal(put(f, "a", STORAGE_PUT, "{}", 0, &version), STORAGE_CONFLICT);
    assert_int_equal(version, 1);
    ok(f, put(f, "a", STORAGE_PUT, "{2}", 1, &version));
    assert_int_equal(put(f, "a", STORAGE_DELETED, "", 1, &version), STORAGE_CONFLICT);
    assert_int_equal(version, 2);
    ok(f, put(f, "a", STORAGE_DELETED, NULL, 2, &version));
    assert_int_equal(version, 3);
    assert_int_equal(put(f, "a", STORAGE_PUT, "{}", 3, &version), STORAGE_CONFLICT);
    assert_int_equal(version, 0);
    ok(f, put(f, "a", STORAGE_PUT, "{4}", 0, &version));
    assert_int_equal(version, 4);
    ok(f, storage_commit(f->s, &f->fault));
    TELLS(f, "a+4={4}@7/ann/-", storage_definition_get, STORAGE_FLAG, "a", 0, hear_definition);
}

static void what_takes_several_statements_needs_a_transaction(void **state)
{
    struct fixture *f = *state;
    const struct storage_token token = {.id = "t", .name = "n", .created_by = "ann"};
    open_it(f);
    assert_int_equal(put(f, "a", STORAGE_PUT, "{}", 0, NULL), -1);
    assert_non_null(strstr(f->fault.cause, "no transaction is open"));
    assert_int_equal(storage_token_rotate(f->s, "o", &token, 1, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "no transaction is open"));
}

static void definitions_are_listed_by_key_prefix_and_cursor(void **state)
{
    struct fixture *f = *state;
    const char *keys[] = {"b", "a.z", "a", "a.b", "c", "a.", "a/", "\xc3\xa9", "aa"};
    open_it(f);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        put_it(f, keys[i], STORAGE_PUT, "{}");
    }
    put_it(f, "a.c", STORAGE_ARCHIVED, "{}");
    put_it(f, "a.d", STORAGE_PUT, "{}");
    put_it(f, "a.d", STORAGE_DELETED, "");
    reopen(f);
    struct storage_definition_query q = {.kind = STORAGE_FLAG};
    TELLS(f, "a a. a.b a.z a/ aa b c \xc3\xa9", storage_definition_list, &q, hear_key);
    q.archived_too = true;
    q.prefix = "a.";
    TELLS(f, "a. a.b a.c a.z", storage_definition_list, &q, hear_key);
    q.limit = 2;
    TELLS(f, "a. a.b", storage_definition_list, &q, hear_key);
    q.after = "a.b";
    TELLS(f, "a.c a.z", storage_definition_list, &q, hear_key);
    q.after = "a.z";
    TELLS(f, "", storage_definition_list, &q, hear_key);
    q = (struct storage_definition_query){.after = "a", .prefix = "b"};
    TELLS(f, "b", storage_definition_list, &q, hear_key);
    q = (struct storage_definition_query){.after = "x", .prefix = "b"};
    TELLS(f, "", storage_definition_list, &q, hear_key);
    q = (struct storage_definition_query){.kind = STORAGE_SEGMENT};
    TELLS(f, "", storage_definition_list, &q, hear_key);
}

static void put_at(struct fixture *f, const char *key, enum storage_came came, const char *text,
                   int64_t audit)
{
    const struct storage_definition d = {.key = key,
                                         .came = came,
                                         .text = text,
                                         .changed_ms = 7,
                                         .changed_by = "ann",
                                         .audit = audit};
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, storage_definition_put(f->s, &d, STORAGE_ANY_VERSION, NULL, &f->fault));
    ok(f, storage_commit(f->s, &f->fault));
}

static int hear_changed(void *arg, enum storage_kind kind, const char *key)
{
    return hear_key(arg, &(struct storage_definition){.kind = kind, .key = key});
}

static void what_was_in_force_at_an_audit_entry_is_known(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    put_at(f, "a", STORAGE_PUT, "{1}", 3);
    put_at(f, "b", STORAGE_PUT, "{1}", 3);
    put_at(f, "a", STORAGE_ARCHIVED, "{2}", 5);
    put_at(f, "a", STORAGE_DELETED, "", 6);
    TELLS(f, "", storage_definition_as_of, STORAGE_FLAG, "a", 2, hear_definition);
    TELLS(f, "a+1={1}@7/ann/-", storage_definition_as_of, STORAGE_FLAG, "a", 4, hear_definition);
    TELLS(f, "a~2={2}@7/ann/-", storage_definition_as_of, STORAGE_FLAG, "a", 5, hear_definition);
    TELLS(f, "ax3=@7/ann/-", storage_definition_as_of, STORAGE_FLAG, "a", 99, hear_definition);
    TELLS(f, "", storage_definition_as_of, STORAGE_SEGMENT, "a", 99, hear_definition);
    TELLS(f, "a b", storage_definition_changed, 0, 3, hear_changed);
    TELLS(f, "a", storage_definition_changed, 3, 99, hear_changed);
    TELLS(f, "", storage_definition_changed, 6, 99, hear_changed);
}

static void the_newest_versions_of_a_key_are_kept(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {.text = ""};
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    for (int64_t i = 1; i <= STORAGE_VERSIONS_KEPT + 2; i++) {
        const struct storage_definition d = {
            .key = "a", .text = "{}", .changed_by = "ann", .audit = i};
        int64_t version;
        ok(f, storage_definition_put(f->s, &d, i - 1, &version, &f->fault));
        assert_int_equal(version, i);
    }
    ok(f, storage_commit(f->s, &f->fault));
    TELLS(f, "", storage_definition_get, STORAGE_FLAG, "a", 2, hear_definition);
    TELLS(f, "a+3={}@0/ann/-", storage_definition_get, STORAGE_FLAG, "a", 3, hear_definition);
    TELLS(f, "a+3={}@0/ann/-", storage_definition_as_of, STORAGE_FLAG, "a", 3, hear_definition);
    assert_int_equal(
        storage_definition_as_of(f->s, STORAGE_FLAG, "a", 2, hear_definition, &heard, &f->fault),
        STORAGE_CONFLICT);
    TELLS(f, "", storage_definition_as_of, STORAGE_FLAG, "b", 2, hear_definition);
}

static void a_wrong_byte_of_a_definition_is_found(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    put_it(f, "a", STORAGE_PUT, "{\"on\":true}");
    close_it(f);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE definition_version SET text = '{\"on\":trud}'", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    struct storage_checked checked;
    assert_int_equal(storage_check(f->path, NULL, NULL, &checked, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "damaged"));
    open_it(f);
    struct heard heard = {.text = ""};
    assert_int_equal(
        storage_definition_get(f->s, STORAGE_FLAG, "a", 0, hear_definition, &heard, &f->fault), -1);
    assert_non_null(strstr(f->fault.hint, "backup"));
    assert_string_equal(heard.text, "");
}

/* ---- overrides ----------------------------------------------------------------------------- */

static void override(struct fixture *f, const char *flag, enum storage_override_kind kind,
                     const char *variant, int64_t expires_ms)
{
    const struct storage_override o = {flag, kind, variant, "fire", "ann", 5, expires_ms};
    ok(f, storage_override_put(f->s, &o, &f->fault));
}

static void an_override_is_in_force_until_it_is_lifted(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    override(f, "b", STORAGE_PIN, "blue", 100);
    override(f, "a", STORAGE_KILL, NULL, 0);
    reopen(f);
    TELLS(f, "a:kill:-/fire/ann@5-0 b:pin:blue/fire/ann@5-100", storage_override_list, NULL, 0,
          hear_override);
    override(f, "b", STORAGE_KILL, "red", 0); /* in the place of the pin */
    TELLS(f, "b:kill:red/fire/ann@5-0", storage_override_get, "b", hear_override);
    ok(f, storage_override_delete(f->s, "b", &f->fault));
    assert_int_equal(storage_override_delete(f->s, "b", &f->fault), STORAGE_CONFLICT);
    reopen(f);
    TELLS(f, "", storage_override_get, "b", hear_override);
    TELLS(f, "a:kill:-/fire/ann@5-0", storage_override_list, NULL, 0, hear_override);
    TELLS(f, "", storage_override_list, "a", 0, hear_override);
    const struct storage_override without_reason = {"c", STORAGE_KILL, NULL, NULL, "ann", 1, 0};
    assert_int_equal(storage_override_put(f->s, &without_reason, &f->fault), -1);
}

static void overrides_expire_in_the_order_of_their_times(void **state)
{
    struct fixture *f = *state;
    int64_t next = 0;
    open_it(f);
    ok(f, storage_override_next(f->s, &next, &f->fault));
    assert_true(next == INT64_MAX);
    override(f, "never", STORAGE_KILL, NULL, 0);
    ok(f, storage_override_next(f->s, &next, &f->fault));
    assert_true(next == INT64_MAX);
    override(f, "late", STORAGE_KILL, NULL, 300);
    override(f, "z", STORAGE_KILL, NULL, 100);
    override(f, "early", STORAGE_KILL, NULL, 100);
    ok(f, storage_override_next(f->s, &next, &f->fault));
    assert_int_equal(next, 100);
    TELLS(f, "", storage_override_due, 99, 0, hear_override);
    TELLS(f, "early:kill:-/fire/ann@5-100 z:kill:-/fire/ann@5-100", storage_override_due, 100, 0,
          hear_override);
    TELLS(f, "early:kill:-/fire/ann@5-100", storage_override_due, 1000, 1, hear_override);
    TELLS(f, "late:kill:-/fire/ann@5-300 never:kill:-/fire/ann@5-0", storage_override_list, "early",
          2, hear_override);
}

/* ---- schedules ----------------------------------------------------------------------------- */

static int64_t schedule(struct fixture *f, const char *key, int64_t at_ms)
{
    const struct storage_schedule d = {.kind = STORAGE_FLAG,
                                       .key = key,
                                       .at_ms = at_ms,
                                       .change = "{}",
                                       .author = "ann",
                                       .authenticated = "uid 7",
                                       .created_ms = 1};
    int64_t number = 0;
    ok(f, storage_schedule_add(f->s, &d, &number, &f->fault));
    return number;
}

static void schedules_are_due_in_the_order_of_their_times(void **state)
{
    struct fixture *f = *state;
    int64_t next = 0;
    open_it(f);
    ok(f, storage_schedule_next(f->s, &next, &f->fault));
    assert_true(next == INT64_MAX);
    assert_int_equal(schedule(f, "late", 300), 1);
    assert_int_equal(schedule(f, "b", 100), 2);
    assert_int_equal(schedule(f, "a", 100), 3);
    assert_int_equal(schedule(f, "past", -5), 4);
    reopen(f);
    ok(f, storage_schedule_next(f->s, &next, &f->fault));
    assert_int_equal(next, -5);
    TELLS(f,
          "4:past@-5={}/ann/uid 7/-@1:0@0/- 2:b@100={}/ann/uid 7/-@1:0@0/-"
          " 3:a@100={}/ann/uid 7/-@1:0@0/-",
          storage_schedule_due, 299, 0, hear_schedule);
    TELLS(f, "4:past@-5={}/ann/uid 7/-@1:0@0/-", storage_schedule_due, 299, 1, hear_schedule);
    TELLS(f, "", storage_schedule_due, -6, 0, hear_schedule);
    ok(f, storage_schedule_finish(f->s, 4, STORAGE_DONE, 10, "ok", &f->fault));
    ok(f, storage_schedule_next(f->s, &next, &f->fault));
    assert_int_equal(next, 100);
}

static void a_schedule_ends_exactly_once(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    const int64_t first = schedule(f, "a", 1);
    const int64_t second = schedule(f, "a", 2);
    ok(f, storage_begin(f->s, &f->fault)); /* killed in the middle of the change */
    ok(f, storage_schedule_finish(f->s, first, STORAGE_DONE, 9, "lost", &f->fault));
    storage_rollback(f->s);
    TELLS(f, "1:a@1={}/ann/uid 7/-@1:0@0/-", storage_schedule_get, first, hear_schedule);
    ok(f, storage_schedule_finish(f->s, first, STORAGE_FAILED, 10, "no such flag", &f->fault));
    assert_int_equal(storage_schedule_finish(f->s, first, STORAGE_DONE, 11, "again", &f->fault),
                     STORAGE_CONFLICT);
    ok(f, storage_schedule_finish(f->s, second, STORAGE_CANCELLED, 12, NULL, &f->fault));
    assert_int_equal(storage_schedule_finish(f->s, 99, STORAGE_DONE, 1, "", &f->fault),
                     STORAGE_CONFLICT);
    reopen(f);
    assert_int_equal(storage_schedule_finish(f->s, second, STORAGE_DONE, 13, "", &f->fault),
                     STORAGE_CONFLICT);
    TELLS(f, "", storage_schedule_due, INT64_MAX, 0, hear_schedule);
    TELLS(f,
          "1:a@1={}/ann/uid 7/-@1:2@10/no such flag"
          " 2:a@2={}/ann/uid 7/-@1:3@12/-",
          storage_schedule_list, STORAGE_FLAG, "a", 0, 0, hear_schedule);
}

static void schedules_are_listed_of_one_item_or_of_all(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    schedule(f, "a", 3);
    schedule(f, "b", 2);
    schedule(f, "a", 1);
    const struct storage_schedule segment = {.kind = STORAGE_SEGMENT,
                                             .key = "a",
                                             .change = "[]",
                                             .author = "bob",
                                             .authenticated = "token",
                                             .reason = "launch",
                                             .created_ms = 2};
    ok(f, storage_schedule_add(f->s, &segment, NULL, &f->fault));
    TELLS(f, "1:a@3={}/ann/uid 7/-@1:0@0/- 3:a@1={}/ann/uid 7/-@1:0@0/-", storage_schedule_list,
          STORAGE_FLAG, "a", 0, 0, hear_schedule);
    TELLS(f, "4:s:a@0=[]/bob/token/launch@2:0@0/-", storage_schedule_list, STORAGE_SEGMENT, "a", 0,
          0, hear_schedule);
    TELLS(f, "2:b@2={}/ann/uid 7/-@1:0@0/-", storage_schedule_list, STORAGE_FLAG, NULL, 1, 1,
          hear_schedule);
    TELLS(f, "", storage_schedule_list, STORAGE_FLAG, "a", 3, 0, hear_schedule);
}

/* ---- tokens -------------------------------------------------------------------------------- */

static struct storage_token token_of(const char *id, uint8_t secret)
{
    struct storage_token t = {.id = id,
                              .name = "ci",
                              .role = 1,
                              .limits = "{}",
                              .created_ms = 5,
                              .created_by = "ann",
                              .expires_ms = 500};
    memset(t.secret, secret, sizeof t.secret);
    return t;
}

static void a_token_is_known_by_its_id_until_revoked_and_after(void **state)
{
    struct fixture *f = *state;
    struct storage_token t = token_of("t1", 0xab);
    open_it(f);
    ok(f, storage_token_add(f->s, &t, &f->fault));
    assert_int_equal(storage_token_add(f->s, &t, &f->fault), STORAGE_CONFLICT);
    t.id = "t0"; /* the same secret */
    assert_int_equal(storage_token_add(f->s, &t, &f->fault), STORAGE_CONFLICT);
    t = token_of("t0", 0);
    t.limits = NULL;
    ok(f, storage_token_add(f->s, &t, &f->fault));
    ok(f, storage_token_used(f->s, "t1", 60, &f->fault));
    ok(f, storage_token_used(f->s, "t1", 50, &f->fault));
    ok(f, storage_token_used(f->s, "nobody", 50, &f->fault));
    reopen(f);
    TELLS(f,
          "t0/ci/1/00/-@5/ann-500 used 0 revoked 0 then -"
          " t1/ci/1/ab/{}@5/ann-500 used 60 revoked 0 then -",
          storage_token_list, NULL, 0, hear_token);
    ok(f, storage_token_revoke(f->s, "t1", 70, &f->fault));
    assert_int_equal(storage_token_revoke(f->s, "t1", 80, &f->fault), STORAGE_CONFLICT);
    assert_int_equal(storage_token_revoke(f->s, "nobody", 80, &f->fault), STORAGE_CONFLICT);
    reopen(f);
    TELLS(f, "t1/ci/1/ab/{}@5/ann-500 used 60 revoked 70 then -", storage_token_get, "t1",
          hear_token);
    TELLS(f, "t1/ci/1/ab/{}@5/ann-500 used 60 revoked 70 then -", storage_token_list, "t0", 1,
          hear_token);
    TELLS(f, "", storage_token_get, "t", hear_token);
}

static void a_rotated_token_overlaps_with_its_successor(void **state)
{
    struct fixture *f = *state;
    const struct storage_token old = token_of("old", 1);
    const struct storage_token next = token_of("new", 2);
    const struct storage_token third = token_of("third", 3);
    open_it(f);
    ok(f, storage_token_add(f->s, &old, &f->fault));
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, storage_token_rotate(f->s, "old", &next, 100, &f->fault));
    /* A second successor, one of nobody, one of a secret in use: nothing of these is left. */
    assert_int_equal(storage_token_rotate(f->s, "old", &third, 90, &f->fault), STORAGE_CONFLICT);
    assert_int_equal(storage_token_rotate(f->s, "nobody", &third, 90, &f->fault), STORAGE_CONFLICT);
    assert_int_equal(storage_token_rotate(f->s, "new", &next, 90, &f->fault), STORAGE_CONFLICT);
    ok(f, storage_commit(f->s, &f->fault));
    reopen(f);
    TELLS(f,
          "new/ci/1/02/{}@5/ann-500 used 0 revoked 0 then -"
          " old/ci/1/01/{}@5/ann-100 used 0 revoked 0 then new",
          storage_token_list, NULL, 0, hear_token);
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, storage_token_rotate(f->s, "new", &third, 900, &f->fault)); /* ends at 500 already */
    ok(f, storage_commit(f->s, &f->fault));
    TELLS(f, "new/ci/1/02/{}@5/ann-500 used 0 revoked 0 then third", storage_token_get, "new",
          hear_token);
    ok(f, storage_token_revoke(f->s, "third", 9, &f->fault));
    const struct storage_token fourth = token_of("fourth", 4);
    ok(f, storage_begin(f->s, &f->fault));
    assert_int_equal(storage_token_rotate(f->s, "third", &fourth, 90, &f->fault), STORAGE_CONFLICT);
    ok(f, storage_commit(f->s, &f->fault));
}

/* ---- audit rows and generations ------------------------------------------------------------ */

static void audit(struct fixture *f, int64_t number, int64_t time_ms, const char *actor,
                  const char *action, const char *target)
{
    struct storage_audit e = {.number = number,
                              .time_ms = time_ms,
                              .actor = actor,
                              .authenticated = "uid 7",
                              .action = action,
                              .target = target,
                              .after = number == 1 ? "{\"a\":1}" : NULL};
    e.previous[31] = (uint8_t)(number - 1);
    e.hash[0] = (uint8_t)number;
    ok(f, storage_audit_add(f->s, &e, &f->fault));
}

static void audit_rows_are_found_by_number_person_deed_thing_and_time(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    audit(f, 1, 100, "ann", "flag.put", "flag/a");
    audit(f, 2, 200, "bob", "flag.kill", "flag/a");
    audit(f, 3, 150, "ann", "flag.put", "flag/b"); /* the clock was set back */
    audit(f, 4, 300, "ann", "flag.kill", "flag/a");
    reopen(f);
    struct storage_audit_query q = {.limit = 2};
    TELLS(f,
          "1@100/ann/uid 7/flag.put/flag/a/-/{\"a\":1}/-/-/00/01 2@200/bob/uid 7/flag.kill/flag/"
          "a/-/-/-/-/01/02",
          storage_audit_list, &q, hear_audit);
    q.after = 2;
    TELLS(f, "3 4", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.backward = true, .limit = 3};
    TELLS(f, "4 3 2", storage_audit_list, &q, hear_number);
    q.after = 2;
    TELLS(f, "1", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.actor = "ann"};
    TELLS(f, "1 3 4", storage_audit_list, &q, hear_number);
    q.action = "flag.put";
    TELLS(f, "1 3", storage_audit_list, &q, hear_number);
    q.target = "flag/b";
    TELLS(f, "3", storage_audit_list, &q, hear_number);
    q.target = "flag/c";
    TELLS(f, "", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.from_ms = 150, .to_ms = 300};
    TELLS(f, "2 3", storage_audit_list, &q, hear_number);
    q.backward = true;
    TELLS(f, "3 2", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.from_ms = 301};
    TELLS(f, "", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.to_ms = 151, .actor = "ann"};
    TELLS(f, "1 3", storage_audit_list, &q, hear_number);
    q = (struct storage_audit_query){.after = INT64_MAX};
    TELLS(f, "", storage_audit_list, &q, hear_number);
}

static void an_audit_row_is_neither_replaced_nor_removed(void **state)
{
    struct fixture *f = *state;
    int64_t given = -1;
    open_it(f);
    ok(f, storage_audit_given(f->s, &given, &f->fault));
    assert_int_equal(given, 0);
    audit(f, 1, 100, "ann", "flag.put", "flag/a");
    struct storage_audit again = {
        .number = 1, .actor = "x", .authenticated = "x", .action = "x", .target = "x"};
    assert_int_equal(storage_audit_add(f->s, &again, &f->fault), STORAGE_CONFLICT);
    again.number = 2;
    again.actor = NULL;
    assert_int_equal(storage_audit_add(f->s, &again, &f->fault), -1);
    ok(f, storage_audit_given(f->s, &given, &f->fault));
    assert_int_equal(given, 1);
    close_it(f);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_not_equal(sqlite3_exec(db, "UPDATE audit SET actor = 'x'", NULL, NULL, NULL), 0);
    assert_non_null(strstr(sqlite3_errmsg(db), "never changed"));
    assert_int_not_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL), 0);
    assert_non_null(strstr(sqlite3_errmsg(db), "never removed"));
    sqlite3_close(db);
}

static void generation(struct fixture *f, uint64_t store, uint64_t number, int64_t time_ms)
{
    const struct storage_generation g = {.store = store,
                                         .generation = number,
                                         .digest = "d",
                                         .published_ms = time_ms,
                                         .first_audit = 1,
                                         .last_audit = 2};
    ok(f, storage_generation_add(f->s, &g, &f->fault));
}

static void generations_are_found_by_name_and_by_time(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    generation(f, UINT64_MAX, 1, 100);
    generation(f, UINT64_MAX, 2, 200);
    generation(f, 7, 1, 300); /* the store was made anew */
    reopen(f);
    TELLS(f, "3:7.1/d@300/1-2", storage_generation_get, 1, hear_generation);
    TELLS(f, "2:ffffffffffffffff.2/d@200/1-2", storage_generation_get, 2, hear_generation);
    TELLS(f, "", storage_generation_get, 3, hear_generation);
    TELLS(f, "", storage_generation_at, 99, hear_generation);
    TELLS(f, "1:ffffffffffffffff.1/d@100/1-2", storage_generation_at, 199, hear_generation);
    TELLS(f, "3:7.1/d@300/1-2", storage_generation_at, INT64_MAX, hear_generation);
    TELLS(f, "3:7.1/d@300/1-2 2:ffffffffffffffff.2/d@200/1-2", storage_generation_list, 0, 2,
          hear_generation);
    TELLS(f, "1:ffffffffffffffff.1/d@100/1-2", storage_generation_list, 2, 0, hear_generation);
    ok(f, storage_generation_keep(f->s, 5, &f->fault));
    TELLS(f, "1:ffffffffffffffff.1/d@100/1-2", storage_generation_list, 2, 0, hear_generation);
    ok(f, storage_generation_keep(f->s, 1, &f->fault));
    TELLS(f, "3:7.1/d@300/1-2", storage_generation_list, 0, 0, hear_generation);
    ok(f, storage_generation_keep(f->s, 0, &f->fault));
    generation(f, 7, 2, 400);
    TELLS(f, "4:7.2/d@400/1-2", storage_generation_list, 0, 0, hear_generation);
}

/* ---- callbacks ----------------------------------------------------------------------------- */

static void a_list_stops_when_it_is_told_so(void **state)
{
    struct fixture *f = *state;
    const struct storage_token token = token_of("t", 1);
    const struct storage_definition_query all = {.kind = STORAGE_FLAG};
    const struct storage_audit_query rows = {.after = 0};
    open_it(f);
    for (int i = 0; i < 3; i++) {
        put_it(f, i == 0 ? "a" : "b", STORAGE_PUT, "{}");
        schedule(f, "a", i);
        audit(f, i + 1, 1, "ann", "x", "y");
        generation(f, 1, 1, 1);
    }
    override(f, "a", STORAGE_KILL, NULL, 0);
    override(f, "b", STORAGE_KILL, NULL, 0);
    ok(f, storage_token_add(f->s, &token, &f->fault));
    struct heard h = {.answer = 42};
    assert_int_equal(storage_definition_list(f->s, &all, hear_key, &h, &f->fault), 42);
    assert_string_equal(h.text, "a");
    h.answer = -7;
    h.text[0] = '\0';
    assert_int_equal(
        storage_definition_history(f->s, STORAGE_FLAG, "b", 0, 0, hear_key, &h, &f->fault), -7);
    assert_int_equal(storage_override_list(f->s, NULL, 0, hear_override, &h, &f->fault), -7);
    assert_int_equal(storage_schedule_due(f->s, 9, 0, hear_schedule, &h, &f->fault), -7);
    assert_int_equal(storage_token_list(f->s, NULL, 0, hear_token, &h, &f->fault), -7);
    assert_int_equal(storage_audit_list(f->s, &rows, hear_number, &h, &f->fault), -7);
    h.text[0] = '\0';
    assert_int_equal(storage_generation_list(f->s, 0, 0, hear_generation, &h, &f->fault), -7);
    assert_string_equal(h.text, "3:1.1/d@1/1-2");
    TELLS(f, "a b", storage_definition_list, &all, hear_key); /* nothing is left open */
}

/* What is told of may be changed on the way; only the same list must wait. */
static int change_meanwhile(void *arg, const struct storage_definition *d)
{
    struct fixture *f = arg;
    const struct storage_definition_query all = {.kind = STORAGE_FLAG};
    struct heard heard = {.text = ""};
    assert_int_equal(storage_definition_list(f->s, &all, hear_key, &heard, &f->fault), -1);
    ok(f, storage_definition_get(f->s, STORAGE_FLAG, d->key, 0, hear_key, &heard, &f->fault));
    assert_string_equal(heard.text, d->key);
    ok(f, put(f, d->key, STORAGE_DELETED, NULL, d->version, NULL));
    return 0;
}

static void what_is_told_may_be_changed_meanwhile(void **state)
{
    struct fixture *f = *state;
    const struct storage_definition_query all = {.kind = STORAGE_FLAG};
    open_it(f);
    ok(f, storage_begin(f->s, &f->fault));
    for (int i = 0; i < 100; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        ok(f, put(f, key, STORAGE_PUT, "{}", 0, NULL));
    }
    ok(f, storage_definition_list(f->s, &all, change_meanwhile, f, &f->fault));
    ok(f, storage_commit(f->s, &f->fault));
    TELLS(f, "", storage_definition_list, &all, hear_key);
}

/* ---- transactions, kills ------------------------------------------------------------------- */

static void a_durable_transaction_reaches_the_disk_and_others_do_not(void **state)
{
    struct fixture *f = *state;
    open_it(f);
    put_it(f, "a", STORAGE_PUT, "{}"); /* the log's header is there */
    for (int i = 0; i < 3; i++) {
        syncs = 0;
        put_it(f, "a", STORAGE_PUT, "{}");
        assert_int_equal(syncs, 0);
        ok(f, storage_begin_durable(f->s, &f->fault));
        assert_int_equal(storage_begin_durable(f->s, &f->fault), -1);
        ok(f, put(f, "a", STORAGE_PUT, "{}", STORAGE_ANY_VERSION, NULL));
        assert_int_equal(syncs, 0);
        ok(f, storage_commit(f->s, &f->fault));
        assert_int_equal(syncs, 1);
        ok(f, storage_begin_durable(f->s, &f->fault));
        ok(f, put(f, "a", STORAGE_PUT, "{}", STORAGE_ANY_VERSION, NULL));
        storage_rollback(f->s);
        assert_int_equal(syncs, 1);
    }
}

/* A change as the admin makes it, always the same number in all places. */
static int change(struct storage *s, int64_t n, struct fault *fault)
{
    char text[9000];
    memset(text, ' ', sizeof text);
    snprintf(text, sizeof text, "{%" PRId64 "}", n);
    text[strlen(text)] = ' ';
    text[n % 5 == 0 ? sizeof text - 1 : 30] = '\0';
    const struct storage_definition d = {.key = "k",
                                         .came = n % 7 == 0   ? STORAGE_DELETED
                                                 : n % 3 == 0 ? STORAGE_ARCHIVED
                                                              : STORAGE_PUT,
                                         .text = text,
                                         .changed_ms = n,
                                         .changed_by = "ann"};
    const struct storage_override o = {"k", STORAGE_KILL, NULL, "r", "ann", n, 0};
    const struct storage_schedule later = {
        .key = "k", .at_ms = n, .change = text, .author = "a", .authenticated = "b"};
    const struct storage_audit e = {.number = n,
                                    .time_ms = n,
                                    .actor = "a",
                                    .authenticated = "b",
                                    .action = "c",
                                    .target = "d",
                                    .after = text};
    int64_t version = 0;
    if (storage_definition_put(s, &d, STORAGE_ANY_VERSION, &version, fault) != 0 || version != n ||
        storage_override_put(s, &o, fault) != 0 ||
        (n > 1 && storage_schedule_finish(s, n - 1, STORAGE_DONE, n, "", fault) != 0) ||
        storage_schedule_add(s, &later, NULL, fault) != 0 || storage_audit_add(s, &e, fault) != 0) {
        return -1;
    }
    return 0;
}

static void change_until_killed(struct fixture *f, volatile int64_t *committed)
{
    struct storage *s = storage_open(f->path, NULL);
    if (s == NULL) {
        _exit(1);
    }
    for (int64_t n = *committed + 1;; n++) {
        if ((n % 2 ? storage_begin(s, NULL) : storage_begin_durable(s, NULL)) != 0 ||
            change(s, n, NULL) != 0 || storage_commit(s, NULL) != 0) {
            _exit(2);
        }
        *committed = n;
    }
}

static int hear_version(void *arg, const struct storage_definition *d)
{
    *(int64_t *)arg = d->version;
    return 0;
}

static int hear_set(void *arg, const struct storage_override *o)
{
    *(int64_t *)arg = o->set_ms;
    return 0;
}

static int hear_pending(void *arg, const struct storage_schedule *d)
{
    *(int64_t *)arg = *(int64_t *)arg == 0 ? d->number : -1;
    return 0;
}

static int64_t places_agree(struct fixture *f, int64_t least)
{
    int64_t version = 0;
    int64_t set = 0;
    int64_t pending = 0;
    int64_t given = 0;
    ok(f, storage_definition_history(f->s, STORAGE_FLAG, "k", 0, 1, hear_version, &version,
                                     &f->fault));
    ok(f, storage_override_get(f->s, "k", hear_set, &set, &f->fault));
    ok(f, storage_schedule_due(f->s, INT64_MAX, 0, hear_pending, &pending, &f->fault));
    ok(f, storage_audit_given(f->s, &given, &f->fault));
    assert_true(version == least || version == least + 1); /* killed before it could say so */
    assert_int_equal(set, version);
    assert_int_equal(pending, version);
    assert_int_equal(given, version);
    int64_t current = 0;
    ok(f, storage_definition_get(f->s, STORAGE_FLAG, "k", 0, hear_version, &current, &f->fault));
    assert_int_equal(current, version % 7 == 0 ? 0 : version);
    return version;
}

static void kill_9_keeps_all_of_a_change_or_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t *committed = shared_number();
    open_it(f);
    close_it(f);
    for (int i = 0; i < 60; i++) {
        run_and_kill(f, change_until_killed, committed, 1000, 26000);
        open_it(f);
        *committed = places_agree(f, *committed);
        close_it(f);
    }
    printf("%" PRId64 " changes\n", *committed);
    assert_true(*committed > 10);
    munmap(committed, sizeof *committed);
}

static void without_room_nothing_changes_and_with_room_it_goes_on(void **state)
{
    struct fixture *f = *state;
    signal(SIGXFSZ, SIG_IGN);
    open_it(f);
    int64_t done = 0;
    for (rlim_t most = 16 << 10; most < 400 << 10; most += 37 << 10) {
        limit_files(most);
        int result = 0;
        for (int i = 0; i < 100 && result == 0; i++) { /* until it is full */
            memset(&f->fault, 0, sizeof f->fault);
            result = storage_begin(f->s, &f->fault);
            result = result ? result : change(f->s, done + 1, &f->fault);
            result = result ? result : storage_commit(f->s, &f->fault);
            done += result == 0;
        }
        assert_int_equal(result, -1);
        assert_string_not_equal(f->fault.cause, "");
        assert_string_equal(f->fault.file, f->path);
        storage_rollback(f->s);
        places_agree(f, done);
        limit_files(RLIM_INFINITY);
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, ++done, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    reopen(f);
    places_agree(f, done);
    signal(SIGXFSZ, SIG_DFL);
}

/* ---- a file of the schema before ----------------------------------------------------------- */

static int hear_bytes(void *arg, const char *path, const void *bytes, size_t length,
                      int64_t received_ms)
{
    return hear(arg, "%s@%" PRId64 ":%.*s", path ? path : "*", received_ms, (int)length,
                (const char *)bytes);
}

static int hear_queue(void *arg, int64_t number, const char *label, const void *bytes,
                      size_t length)
{
    return hear(arg, "%" PRId64 "/%s:%.*s", number, label, (int)length, (const char *)bytes);
}

static void an_old_file_is_there(struct fixture *f)
{
    open_it(f);
    close_it(f);
    copy_file(FFSHM_SOURCE_DIR "/tests/golden/storage-v1/agent.db", f->path);
    assert_int_equal(chmod(f->path, 0600), 0);
}

static void a_file_of_version_1_is_brought_up_to_date_with_all_that_is_in_it(void **state)
{
    struct fixture *f = *state;
    an_old_file_is_there(f);
    for (int i = 0; i < 2; i++) {
        open_it(f);
        TELLS(f, "*@1700000000000:{\"flags\":{}} /flags/a@1700000000001:{}", storage_state_load,
              "ld", hear_bytes);
        TELLS(f, "1/label:event", storage_queue_load, STORAGE_SPOOL, "launchdarkly", hear_queue);
        TELLS(f, "2/label:payload", storage_queue_load, STORAGE_OUTBOX, "launchdarkly", hear_queue);
        assert_int_equal(put_it(f, "a", STORAGE_PUT, "{}"), i + 1);
        close_it(f);
    }
    struct storage_checked checked;
    ok(f, storage_check(f->path, NULL, NULL, &checked, &f->fault));
    assert_int_equal(checked.version, schema_version);
    assert_int_equal(checked.definitions, 2);
}

static void an_upgrade_that_fails_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    struct storage_checked checked;
    an_old_file_is_there(f);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(60 << 10);
    assert_null(storage_open(f->path, &f->fault));
    assert_non_null(strstr(f->fault.cause, "cannot be brought up to date"));
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, SIG_DFL);
    ok(f, storage_check(f->path, NULL, NULL, &checked, &f->fault));
    assert_int_equal(checked.version, 1);
    open_it(f);
    TELLS(f, "1/label:event", storage_queue_load, STORAGE_SPOOL, "launchdarkly", hear_queue);
}

/* ---- backup -------------------------------------------------------------------------------- */

static int files_beside(const char *path)
{
    char directory[128];
    snprintf(directory, sizeof directory, "%s", path);
    *strrchr(directory, '/') = '\0';
    DIR *d = opendir(directory);
    int count = 0;
    for (const struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        count += e->d_name[0] != '.';
    }
    if (d) {
        closedir(d);
    }
    return count;
}

static void a_backup_is_a_file_that_an_agent_can_go_on_with(void **state)
{
    struct fixture *f = *state;
    char backup[160];
    struct stat st;
    struct storage_checked checked;
    snprintf(backup, sizeof backup, "%s/copies/today.db", f->dir);
    open_it(f);
    for (int64_t n = 1; n <= 20; n++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, n, &f->fault));
        assert_int_equal(storage_backup(f->s, backup, &f->fault), -1);
        ok(f, storage_commit(f->s, &f->fault));
    }
    ok(f, storage_backup(f->s, backup, &f->fault));
    assert_int_equal(files_beside(backup), 1);
    assert_int_equal(stat(backup, &st), 0);
    assert_int_equal(st.st_mode & 07777u, 0600);
    ok(f, storage_check(backup, NULL, NULL, &checked, &f->fault));
    assert_int_equal(checked.version, schema_version);
    assert_int_equal(checked.definitions, 20);
    assert_int_equal(files_beside(backup), 1); /* a look leaves nothing behind */
    ok(f, storage_begin(f->s, &f->fault));     /* it goes on */
    ok(f, change(f->s, 21, &f->fault));
    ok(f, storage_commit(f->s, &f->fault));
    close_it(f);
    snprintf(f->path, sizeof f->path, "%s/copies/today.db", f->dir);
    open_it(f);
    places_agree(f, 20);
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, change(f->s, 21, &f->fault));
    ok(f, storage_commit(f->s, &f->fault));
}

static void a_backup_replaces_nothing(void **state)
{
    struct fixture *f = *state;
    char backup[160];
    snprintf(backup, sizeof backup, "%s/kept/there", f->dir);
    open_it(f);
    ok(f, storage_backup(f->s, backup, &f->fault));
    assert_int_equal(storage_backup(f->s, backup, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "File exists"));
    assert_string_equal(f->fault.file, backup);
    assert_int_equal(storage_backup(f->s, f->path, &f->fault), -1); /* itself */
    assert_int_equal(unlink(backup), 0);
    /* Somebody is quicker. */
    bool more = true;
    struct storage_backup *b = storage_backup_begin(f->s, backup, &f->fault);
    assert_non_null(b);
    copy_file("/dev/null", backup);
    int result = 0;
    while (result == 0 && more) {
        result = storage_backup_step(b, 100, &more, &f->fault);
    }
    assert_int_equal(result, -1);
    assert_non_null(strstr(f->fault.cause, "File exists"));
    storage_backup_end(b);
    assert_int_equal(storage_backup(f->s, "/dev/null/x", &f->fault), -1);
    /* What SQLite would take for a log of it. */
    char log[176];
    snprintf(log, sizeof log, "%s-wal", backup);
    assert_int_equal(unlink(backup), 0);
    copy_file(f->path, log);
    assert_int_equal(storage_backup(f->s, backup, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "-wal or -journal of another file"));
    assert_int_equal(unlink(log), 0);
    snprintf(log, sizeof log, "%s-journal", f->path);
    assert_int_equal(storage_backup(f->s, log, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "begins with that of the state file"));
    copy_file("/dev/null", backup);
    char trailing[160];
    snprintf(trailing, sizeof trailing, "%s/kept/", f->dir);
    assert_int_equal(storage_backup(f->s, trailing, &f->fault), -1);
    close_it(f);
    assert_int_equal(files_beside(backup), 2);
    char others[96];
    snprintf(others, sizeof others, "%s/others", f->dir);
    assert_int_equal(mkdir(others, 0700), 0);
    assert_int_equal(chmod(others, 0777), 0);
    snprintf(backup, sizeof backup, "%s/copy", others);
    open_it(f);
    assert_int_equal(storage_backup(f->s, backup, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "writable by others"));
}

static void a_backup_in_steps_has_what_was_written_meanwhile(void **state)
{
    struct fixture *f = *state;
    char backup[160];
    snprintf(backup, sizeof backup, "%s/copies/x", f->dir);
    open_it(f);
    int64_t n = 0;
    while (n < 200) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, ++n, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    struct storage_backup *b = storage_backup_begin(f->s, backup, &f->fault);
    assert_non_null(b);
    int steps = 0;
    bool more = true;
    while (more) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, ++n, &f->fault));
        ok(f, storage_backup_step(b, 10, &more, &f->fault)); /* nothing within a transaction */
        assert_true(more);
        ok(f, storage_commit(f->s, &f->fault));
        assert_int_equal(access(backup, F_OK), -1);
        ok(f, storage_backup_step(b, 10, &more, &f->fault));
        steps++;
    }
    assert_true(steps > 10);
    storage_backup_end(b);
    assert_int_equal(files_beside(backup), 1);
    close_it(f);
    struct storage_checked checked;
    ok(f, storage_check(backup, NULL, NULL, &checked, &f->fault));
    assert_int_equal(checked.definitions, n);
}

static void a_backup_that_is_given_up_or_has_no_room_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char backup[160];
    bool more = true;
    snprintf(backup, sizeof backup, "%s/copies/x", f->dir);
    open_it(f);
    for (int64_t n = 1; n <= 50; n++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, n, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    struct storage_backup *b = storage_backup_begin(f->s, backup, &f->fault);
    assert_non_null(b);
    ok(f, storage_backup_step(b, 5, &more, &f->fault));
    assert_true(more);
    storage_backup_end(b);
    storage_backup_end(NULL);
    assert_int_equal(files_beside(backup), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(50 << 10);
    assert_int_equal(storage_backup(f->s, backup, &f->fault), -1);
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, SIG_DFL);
    assert_string_not_equal(f->fault.cause, "");
    assert_int_equal(files_beside(backup), 0);
    places_agree(f, 50);
    ok(f, storage_backup(f->s, backup, &f->fault));
}

static void back_up(struct fixture *f, volatile int64_t *unused)
{
    (void)unused;
    char backup[160];
    bool more = true;
    snprintf(backup, sizeof backup, "%s/copies/x", f->dir);
    struct storage *s = storage_open(f->path, NULL);
    struct storage_backup *b = s ? storage_backup_begin(s, backup, NULL) : NULL;
    while (b && more && storage_backup_step(b, 2, &more, NULL) == 0) {
    }
    pause();
}

static void kill_9_leaves_a_whole_backup_or_none(void **state)
{
    struct fixture *f = *state;
    char backup[160];
    int64_t whole = 0;
    snprintf(backup, sizeof backup, "%s/copies/x", f->dir);
    open_it(f);
    for (int64_t n = 1; n <= 300; n++) {
        ok(f, storage_begin(f->s, &f->fault));
        ok(f, change(f->s, n, &f->fault));
        ok(f, storage_commit(f->s, &f->fault));
    }
    close_it(f);
    for (int i = 0; i < 20; i++) {
        run_and_kill(f, back_up, &whole, 500 * i, 500 * i + 2000);
        if (access(backup, F_OK) == 0) {
            struct storage_checked checked;
            ok(f, storage_check(backup, NULL, NULL, &checked, &f->fault));
            assert_int_equal(checked.definitions, 300);
            assert_int_equal(unlink(backup), 0);
            whole++;
        }
    }
    printf("%" PRId64 " of 20 backups\n", whole);
    open_it(f);
    places_agree(f, 300);
}

/* ---- check --------------------------------------------------------------------------------- */

static void a_check_reads_what_a_killed_agent_left_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct storage_checked checked;
    const pid_t child = fork();
    if (child == 0) {
        struct storage *s = storage_open(f->path, NULL);
        for (int64_t n = 1; s && n <= 5; n++) {
            if (storage_begin(s, NULL) != 0 || change(s, n, NULL) != 0 ||
                storage_commit(s, NULL) != 0) {
                _exit(1);
            }
        }
        _exit(0); /* without closing it */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    const off_t size = size_of(f, "");
    const off_t log = size_of(f, "-wal");
    assert_true(log > 0);
    for (int i = 0; i < 2; i++) {
        ok(f, storage_check(f->path, NULL, NULL, &checked, &f->fault));
        assert_int_equal(checked.definitions, 5);
        assert_int_equal(size_of(f, ""), size);
        assert_int_equal(size_of(f, "-wal"), log);
    }
    open_it(f);
    places_agree(f, 5);
}

static int answer_7(void *arg, struct storage *s, struct fault *fault)
{
    (void)fault;
    int64_t given = -1;
    assert_int_equal(storage_audit_given(s, &given, NULL), 0);
    *(int64_t *)arg = given;
    struct storage_override o = {"k", STORAGE_KILL, NULL, "r", "ann", 1, 0};
    assert_int_equal(storage_override_put(s, &o, NULL), -1); /* to be read only */
    return 7;
}

static void a_check_refuses_what_is_open_missing_foreign_or_newer(void **state)
{
    struct fixture *f = *state;
    struct storage_checked checked;
    char other[160];
    open_it(f);
    assert_int_equal(storage_check(f->path, NULL, NULL, &checked, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "another process has the file open"));
    audit(f, 1, 1, "ann", "a", "b");
    close_it(f);
    int64_t given = 0;
    assert_int_equal(storage_check(f->path, answer_7, &given, &checked, &f->fault), 7);
    assert_int_equal(given, 1);
    snprintf(other, sizeof other, "%s.missing", f->path);
    assert_int_equal(storage_check(other, NULL, NULL, &checked, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "No such file"));
    assert_string_equal(f->fault.file, other);
    assert_int_equal(access(other, F_OK), -1);
    copy_file("/proc/self/maps", other);
    assert_int_equal(storage_check(other, NULL, NULL, &checked, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "not a database"));
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=1000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(storage_check(f->path, NULL, NULL, &checked, &f->fault), -1);
    assert_non_null(strstr(f->fault.cause, "newer ffagent"));
    assert_int_equal(checked.version, 1000);
}

static void what_cannot_be_written_is_a_fault(void **state)
{
    struct fixture *f = *state;
    char command[160];
    open_it(f);
    close_it(f);
    snprintf(command, sizeof command, "chown -R %d '%s'", NOBODY, f->dir);
    if (geteuid() == 0) {
        assert_int_equal(system(command), 0);
    }
    const pid_t child = fork();
    if (child == 0) {
        struct storage_checked checked;
        char backup[160];
        char kept[96];
        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, 0) != 0) {
            _exit(100);
        }
        snprintf(kept, sizeof kept, "%s/kept", f->dir);
        snprintf(backup, sizeof backup, "%s/x", kept);
        struct storage *s = storage_open(f->path, &f->fault);
        chmod(kept, 0500);
        if (s == NULL || storage_backup(s, backup, &f->fault) != -1 ||
            !strstr(f->fault.cause, "Permission denied")) {
            _exit(1);
        }
        chmod(kept, 0700);
        storage_close(s);
        chmod(f->path, 0400);
        _exit(storage_check(f->path, NULL, NULL, &checked, &f->fault) == -1 &&
                      strstr(f->fault.cause, "read-only")
                  ? 0
                  : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_definition_is_what_was_put_last_also_after_a_restart),
        T(versions_of_a_key_only_grow_also_over_deletion_and_restart),
        T(a_rolled_back_version_is_given_again),
        T(a_lost_race_changes_nothing_and_names_the_version),
        T(what_takes_several_statements_needs_a_transaction),
        T(definitions_are_listed_by_key_prefix_and_cursor),
        T(a_wrong_byte_of_a_definition_is_found),
        T(what_was_in_force_at_an_audit_entry_is_known),
        T(the_newest_versions_of_a_key_are_kept),
        T(an_override_is_in_force_until_it_is_lifted),
        T(overrides_expire_in_the_order_of_their_times),
        T(schedules_are_due_in_the_order_of_their_times),
        T(a_schedule_ends_exactly_once),
        T(schedules_are_listed_of_one_item_or_of_all),
        T(a_token_is_known_by_its_id_until_revoked_and_after),
        T(a_rotated_token_overlaps_with_its_successor),
        T(audit_rows_are_found_by_number_person_deed_thing_and_time),
        T(an_audit_row_is_neither_replaced_nor_removed),
        T(generations_are_found_by_name_and_by_time),
        T(a_list_stops_when_it_is_told_so),
        T(what_is_told_may_be_changed_meanwhile),
        T(a_durable_transaction_reaches_the_disk_and_others_do_not),
        T(kill_9_keeps_all_of_a_change_or_nothing),
        T(without_room_nothing_changes_and_with_room_it_goes_on),
        T(a_file_of_version_1_is_brought_up_to_date_with_all_that_is_in_it),
        T(an_upgrade_that_fails_leaves_the_old_file),
        T(a_backup_is_a_file_that_an_agent_can_go_on_with),
        T(a_backup_replaces_nothing),
        T(a_backup_in_steps_has_what_was_written_meanwhile),
        T(a_backup_that_is_given_up_or_has_no_room_leaves_nothing),
        T(kill_9_leaves_a_whole_backup_or_none),
        T(a_check_reads_what_a_killed_agent_left_and_changes_nothing),
        T(a_check_refuses_what_is_open_missing_foreign_or_newer),
        T(what_cannot_be_written_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
