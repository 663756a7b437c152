/*
 * audit_fixture.h - a storage with entries in its audit, and what a verification says of it.
 */
#ifndef FFSHM_TESTS_AUDIT_FIXTURE_H
#define FFSHM_TESTS_AUDIT_FIXTURE_H

#include "storage_fixture.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "admin/audit.h"
#include "storage/sqlite.h"

/* Of every kind: with members and without, empty, not ASCII. */
static inline struct storage_audit entry_of(int64_t i)
{
    static const char *const actions[] = {"flag.put", "flag.kill", "segment.put"};
    static char target[32];
    snprintf(target, sizeof target, "flag/f%" PRId64, i % 5);
    return (struct storage_audit){
        .time_ms = 1700000000000 + i,
        .actor = i % 2 ? "ann" : "caf\xc3\xa9",
        .authenticated = i % 3 ? "uid 1000" : "",
        .action = actions[i % 3],
        .target = target,
        .before = i % 4 ? "{\"on\":false}" : NULL,
        .after = i % 4 != 1 ? "{\"on\":true}" : NULL,
        .reason = i % 5 == 0   ? NULL
                  : i % 5 == 1 ? ""
                               : "rollout",
        .digest = i % 2 ? "00112233445566778899aabbccddeeff" : NULL,
    };
}

static inline void append(struct fixture *f, int count)
{
    struct audit_checkpoint head;
    ok(f, storage_begin(f->s, &f->fault));
    ok(f, audit_checkpoint(f->s, &head, &f->fault));
    for (int i = 1; i <= count; i++) {
        struct storage_audit e = entry_of(head.number + i);
        ok(f, audit_append(f->s, &e, &f->fault));
    }
    ok(f, storage_commit(f->s, &f->fault));
}

static inline struct audit_result verify(struct fixture *f, const struct audit_checkpoint *from,
                                         const struct audit_checkpoint *known)
{
    struct audit_result result;
    ok(f, audit_verify(f->s, from, known, 0, &result, &f->fault));
    assert_int_equal(result.bad == 0, result.why[0] == '\0');
    return result;
}

static inline void verifies(struct fixture *f, int64_t entries)
{
    const struct audit_result result = verify(f, NULL, NULL);
    if (result.bad != 0) {
        fail_msg("entry %" PRId64 ": %s", result.bad, result.why);
    }
    assert_int_equal(result.entries, entries);
    assert_int_equal(result.head.number, entries);
    assert_false(result.more);
}

/* As somebody with an editor for SQLite's files would. */
static inline void tamper(struct fixture *f, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(f->s->db,
                     "DROP TRIGGER IF EXISTS audit_changed;"
                     "DROP TRIGGER IF EXISTS audit_removed;",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(f->s->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message ? message : "?");
    }
}

/* ---- bytes of the file --------------------------------------------------------------------- */

/* The audit alone, as bytes which can be changed and looked at again: the other tables would be
   read each time, too. */
struct image {
    unsigned char *bytes;
    sqlite3_int64 length;
};

static inline struct image image_of(struct fixture *f)
{
    static const char *const others[] = {
        "text",       "state",    "state_bytes",        "state_patch", "mark",  "queue",
        "definition", "override", "definition_version", "schedule",    "token", "generation"};
    struct image image = {.length = 0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "DROP TABLE %s", others[i]);
        assert_int_equal(sqlite3_exec(f->s->db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_exec(f->s->db, "VACUUM", NULL, NULL, NULL), SQLITE_OK);
    image.bytes = sqlite3_serialize(f->s->db, "main", &image.length, 0);
    assert_non_null(image.bytes);
    return image;
}

/* Something is wrong with the audit that these bytes have. */
static inline bool is_found(struct fixture *f, const struct image *image,
                            const struct audit_checkpoint *from)
{
    struct audit_result result;
    assert_int_equal(sqlite3_deserialize(f->s->db, "main", image->bytes, image->length,
                                         image->length, SQLITE_DESERIALIZE_READONLY),
                     SQLITE_OK);
    return audit_verify(f->s, from, NULL, 0, &result, &f->fault) != 0 || result.bad != 0;
}

static inline uint64_t varint(const unsigned char *at, size_t *length)
{
    uint64_t value = 0;
    for (*length = 1;; (*length)++) {
        value = value << 7 | (at[*length - 1] & 0x7f);
        if ((at[*length - 1] & 0x80) == 0) {
            return value;
        }
    }
}

/* Calls fn with where each row of the audit begins and ends, header and all; its table must have
   one page, and no row another. */
typedef void row_fn(struct fixture *f, struct image *image, size_t begin, size_t end);
static inline int each_row(struct fixture *f, struct image *image, row_fn *fn)
{
    sqlite3_stmt *root = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->s->db,
                                        "SELECT rootpage FROM sqlite_schema WHERE name = 'audit'",
                                        -1, &root, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(root), SQLITE_ROW);
    const size_t page = ((size_t)sqlite3_column_int(root, 0) - 1) * 4096;
    sqlite3_finalize(root);
    const unsigned char *p = image->bytes + page;
    assert_int_equal(p[0], 10); /* a leaf */
    const int cells = p[3] << 8 | p[4];
    for (int i = 0; i < cells; i++) {
        const size_t begin = (size_t)(p[8 + 2 * i] << 8 | p[9 + 2 * i]);
        size_t length = 0;
        const uint64_t payload = varint(p + begin, &length);
        assert_true(payload < 1000);
        fn(f, image, page + begin, page + begin + length + payload);
    }
    return cells;
}

#endif
