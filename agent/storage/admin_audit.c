/*
 * Audit rows as they are; what they must be is admin/audit.c's to say. A row that cannot have been
 * written is told, too, as malformed: whoever verifies must see it.
 */
#include <stdio.h>
#include <string.h>

#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read the audit";

int storage_audit_add(struct storage *s, const struct storage_audit *entry, struct fault *fault)
{
    sqlite3_stmt *add = s->statements[S_AUDIT_ADD];
    const int bound = sqlite3_bind_int64(add, 1, entry->number) |
                      sqlite3_bind_int64(add, 2, entry->time_ms) | bind_text(add, 3, entry->actor) |
                      bind_text(add, 4, entry->authenticated) | bind_text(add, 5, entry->action) |
                      bind_text(add, 6, entry->target) | bind_text(add, 7, entry->reason) |
                      bind_text(add, 8, entry->digest) |
                      bind_bytes(add, 9, entry->previous, sizeof entry->previous) |
                      bind_bytes(add, 10, entry->hash, sizeof entry->hash) |
                      bind_text(add, 11, entry->before) | bind_text(add, 12, entry->after);
    return sqlite_change(s, add, bound, "cannot keep an audit entry", fault);
}

int storage_audit_given(struct storage *s, int64_t *number, struct fault *fault)
{
    *number = 0;
    return sqlite_number(s, s->statements[S_AUDIT_GIVEN], 0, cannot_read, number, fault);
}

/* ---- a row --------------------------------------------------------------------------------- */

static int64_t number_member(sqlite3_stmt *row, int at, bool *malformed)
{
    *malformed |= sqlite3_column_type(row, at) != SQLITE_INTEGER;
    return sqlite3_column_int64(row, at);
}

/* What follows a NUL byte would be hidden from whoever takes it for a string of C. */
static const char *text_member(sqlite3_stmt *row, int at, bool *malformed)
{
    *malformed |= sqlite3_column_type(row, at) != SQLITE_TEXT;
    const char *text = column_text(row, at);
    *malformed |= text && strlen(text) != (size_t)sqlite3_column_bytes(row, at);
    return text ? text : "";
}

static const char *optional_member(sqlite3_stmt *row, int at, bool *malformed)
{
    return sqlite3_column_type(row, at) == SQLITE_NULL ? NULL : text_member(row, at, malformed);
}

static void hash_member(sqlite3_stmt *row, int at, uint8_t hash[STORAGE_AUDIT_HASH],
                        bool *malformed)
{
    const void *bytes = sqlite3_column_blob(row, at);
    if (bytes == NULL || sqlite3_column_type(row, at) != SQLITE_BLOB ||
        sqlite3_column_bytes(row, at) != STORAGE_AUDIT_HASH) {
        *malformed = true;
        return;
    }
    memcpy(hash, bytes, STORAGE_AUDIT_HASH);
}

int storage_audit_newest(struct storage *s, int64_t *number, uint8_t hash[STORAGE_AUDIT_HASH],
                         struct fault *fault)
{
    bool malformed = false;
    sqlite3_stmt *newest = s->statements[S_AUDIT_NEWEST];
    *number = 0;
    memset(hash, 0, STORAGE_AUDIT_HASH);
    int row = sqlite_step(s, newest, SQLITE_OK, cannot_read, fault);
    if (row == 1) {
        *number = number_member(newest, 0, &malformed);
        hash_member(newest, 1, hash, &malformed);
        row = column_trouble(s, cannot_read, fault);
    }
    sqlite_reset(newest);
    return row < 0 ? -1 : 0;
}

struct teller {
    storage_audit_fn *fn;
    void *arg;
};

/* The columns are those of AUDIT_COLUMNS. */
static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    struct storage_audit e = {.number = 0};
    e.number = number_member(row, 0, &e.malformed);
    e.time_ms = number_member(row, 1, &e.malformed);
    e.actor = text_member(row, 2, &e.malformed);
    e.authenticated = text_member(row, 3, &e.malformed);
    e.action = text_member(row, 4, &e.malformed);
    e.target = text_member(row, 5, &e.malformed);
    e.reason = optional_member(row, 6, &e.malformed);
    e.digest = optional_member(row, 7, &e.malformed);
    hash_member(row, 8, e.previous, &e.malformed);
    hash_member(row, 9, e.hash, &e.malformed);
    e.before = optional_member(row, 10, &e.malformed);
    e.after = optional_member(row, 11, &e.malformed);
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    return t->fn(t->arg, &e);
}

/* ---- a list -------------------------------------------------------------------------------- */

/* +: an actor or a target finds its rows by the index, a time does not: its order is another one.
 */
static void compose(const struct storage_audit_query *q, char *sql, size_t capacity)
{
    snprintf(sql, capacity,
             "SELECT " AUDIT_COLUMNS " FROM audit WHERE number %s ?1%s%s%s%s%s%s"
             " ORDER BY number %s LIMIT ?2",
             q->backward ? "<=" : ">=", q->actor ? " AND actor = ?3" : "",
             q->action ? " AND action = ?4" : "", q->target ? " AND target = ?5" : "",
             q->from_ms != 0 ? " AND +time_ms >= ?6" : "",
             q->to_ms != 0 ? " AND +time_ms < ?7" : "",
             q->until == 0 ? ""
             : q->backward ? " AND number >= ?8"
                           : " AND number <= ?8",
             q->backward ? "DESC" : "ASC");
}

static int bind_query(sqlite3_stmt *list, const struct storage_audit_query *q)
{
    const int64_t first = q->after == 0 ? (q->backward ? INT64_MAX : INT64_MIN)
                          : q->backward ? q->after - 1
                                        : q->after + 1;
    int bound =
        sqlite3_bind_int64(list, 1, first) | sqlite3_bind_int64(list, 2, sql_limit(q->limit));
    bound |= q->actor ? bind_text(list, 3, q->actor) : SQLITE_OK;
    bound |= q->action ? bind_text(list, 4, q->action) : SQLITE_OK;
    bound |= q->target ? bind_text(list, 5, q->target) : SQLITE_OK;
    bound |= q->from_ms != 0 ? sqlite3_bind_int64(list, 6, q->from_ms) : SQLITE_OK;
    bound |= q->to_ms != 0 ? sqlite3_bind_int64(list, 7, q->to_ms) : SQLITE_OK;
    bound |= q->until != 0 ? sqlite3_bind_int64(list, 8, q->until) : SQLITE_OK;
    return bound;
}

int storage_audit_list(struct storage *s, const struct storage_audit_query *query,
                       storage_audit_fn *fn, void *arg, struct fault *fault)
{
    char sql[1024];
    sqlite3_stmt *list = NULL;
    if (query->after == (query->backward ? INT64_MIN : INT64_MAX)) { /* nothing is behind it */
        return 0;
    }
    compose(query, sql, sizeof sql);
    if (sqlite3_prepare_v2(s->db, sql, -1, &list, NULL) != SQLITE_OK) {
        sqlite_fault(s, cannot_read, fault);
        return -1;
    }
    const int result = sqlite_each(s, list, bind_query(list, query), cannot_read, tell,
                                   &(struct teller){fn, arg}, fault);
    sqlite3_finalize(list);
    return result;
}
