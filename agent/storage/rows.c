/*
 * Triggers of this connection alone note the keys of what is changed; the rows themselves are read
 * at the end, so that a row that was changed twice is told once, as it is.
 */
#include "rows.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packed.h"
#include "rows_state.h"

#define KEY_MOST 3

const char *const rows_table_names[ROWS_TABLES] = {"definition", "version", "override",
                                                   "schedule",   "token",   "audit"};

/* Keys first: a key is the beginning of its row. */
struct table {
    const char *name;
    const char *columns[ROWS_COLUMNS_MOST + 1];
    unsigned keys;
    const char *unless; /* an update that changes nothing else is not told */
};

static const struct table tables[ROWS_TABLES] = {
    [ROWS_DEFINITION] = {"definition", {"kind", "key", "version"}, 2, NULL},
    [ROWS_VERSION] = {"definition_version",
                      {"kind", "key", "version", "came", "changed_ms", "changed_by", "reason",
                       "hash", "text", "audit"},
                      3,
                      NULL},
    [ROWS_OVERRIDE] = {"override",
                       {"flag", "kind", "variant", "reason", "set_by", "set_ms", "expires_ms"},
                       1,
                       NULL},
    [ROWS_SCHEDULE] = {"schedule",
                       {"number", "kind", "key", "at_ms", "change", "author", "authenticated",
                        "reason", "created_ms", "state", "done_ms", "result"},
                       1,
                       NULL},
    [ROWS_TOKEN] = {"token",
                    {"id", "name", "role", "secret", "limits", "created_ms", "created_by",
                     "expires_ms", "last_used_ms", "revoked_ms", "successor"},
                    1,
                    "last_used_ms"},
    [ROWS_AUDIT] = {"audit",
                    {"number", "time_ms", "actor", "authenticated", "action", "target", "reason",
                     "digest", "previous", "hash", "before", "after"},
                    1,
                    NULL},
};

enum rows_statement { ROWS_GET, ROWS_PUT, ROWS_DROP, ROWS_ALL, ROWS_STATEMENTS };

struct rows {
    sqlite3_stmt *of[ROWS_TABLES][ROWS_STATEMENTS];
    sqlite3_stmt *changed;
};

static unsigned columns_of(const struct table *t)
{
    unsigned count = 0;
    while (t->columns[count]) {
        count++;
    }
    return count;
}

/* ---- SQL ------------------------------------------------------------------------------------ */

static void list(FILE *out, const struct table *t, unsigned count, const char *before,
                 const char *between)
{
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s%s%s", i ? between : "", before, t->columns[i]);
    }
}

static void where_key(FILE *out, const struct table *t)
{
    fprintf(out, " WHERE ");
    for (unsigned i = 0; i < t->keys; i++) {
        fprintf(out, "%s%s = ?%u", i ? " AND " : "", t->columns[i], i + 1);
    }
}

static void statement_text(FILE *out, const struct table *t, enum rows_statement which)
{
    const unsigned count = columns_of(t);
    switch (which) {
    case ROWS_GET:
    case ROWS_ALL:
        fprintf(out, "SELECT ");
        list(out, t, count, "", ", ");
        fprintf(out, " FROM main.%s", t->name);
        if (which == ROWS_GET) {
            where_key(out, t);
        }
        break;
    case ROWS_PUT:
        fprintf(out, "INSERT OR REPLACE INTO main.%s (", t->name);
        list(out, t, count, "", ", ");
        fprintf(out, ") VALUES (");
        for (unsigned i = 0; i < count; i++) {
            fprintf(out, "%s?%u", i ? ", " : "", i + 1);
        }
        fprintf(out, ")");
        break;
    default:
        fprintf(out, "DELETE FROM main.%s", t->name);
        where_key(out, t);
    }
}

static void trigger_text(FILE *out, enum rows_table which, const char *event, const char *row)
{
    const struct table *t = &tables[which];
    fprintf(out, "CREATE TEMP TRIGGER rows_%s_%.3s AFTER %s ON main.%s", t->name, event, event,
            t->name);
    fprintf(out, " WHEN rows_noted()");
    if (t->unless && strcmp(event, "UPDATE") == 0) {
        fprintf(out, " AND new.%s IS old.%s", t->unless, t->unless);
    }
    fprintf(out, " BEGIN INSERT OR IGNORE INTO rows_changed (tab, a, b, c) VALUES (%u, ",
            (unsigned)which);
    list(out, t, t->keys, row, ", ");
    for (unsigned i = t->keys; i < KEY_MOST; i++) {
        fprintf(out, ", ''");
    }
    fprintf(out, "); END;");
}

/* What write puts down; NULL: no memory. */
struct text {
    FILE *out;
    char *bytes;
    size_t length;
};

static int text_begin(struct text *t)
{
    t->bytes = NULL;
    t->out = open_memstream(&t->bytes, &t->length);
    return t->out ? 0 : -1;
}

static int no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "out of memory");
    return -1;
}

static sqlite3_stmt *prepare(struct storage *s, const char *sql, struct fault *fault)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
        SQLITE_OK) {
        sqlite_fault(s, "cannot be used", fault);
    }
    return statement;
}

static struct rows *rows_of(struct storage *s, struct fault *fault)
{
    if (!s->rows) {
        s->rows = calloc(1, sizeof *s->rows);
    }
    if (!s->rows) {
        no_memory(fault);
    }
    return s->rows;
}

/* Prepared when it is first needed. */
static sqlite3_stmt *statement_of(struct storage *s, enum rows_table table,
                                  enum rows_statement which, struct fault *fault)
{
    struct rows *rows = rows_of(s, fault);
    struct text text;
    if (!rows || rows->of[table][which]) {
        return rows ? rows->of[table][which] : NULL;
    }
    if (text_begin(&text) != 0) {
        no_memory(fault);
        return NULL;
    }
    statement_text(text.out, &tables[table], which);
    if (fclose(text.out) == 0) {
        rows->of[table][which] = prepare(s, text.bytes, fault);
    } else {
        no_memory(fault);
    }
    free(text.bytes);
    return rows->of[table][which];
}

void rows_free(struct rows *rows)
{
    if (!rows) {
        return;
    }
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        for (unsigned i = 0; i < ROWS_STATEMENTS; i++) {
            sqlite3_finalize(rows->of[t][i]);
        }
    }
    sqlite3_finalize(rows->changed);
    free(rows);
}

/* ---- values --------------------------------------------------------------------------------- */

static void pack_value(msgpack_packer *out, sqlite3_stmt *row, int at)
{
    size_t length;
    switch (sqlite3_column_type(row, at)) {
    case SQLITE_INTEGER:
        msgpack_pack_int64(out, sqlite3_column_int64(row, at));
        break;
    case SQLITE_TEXT:
        length = (size_t)sqlite3_column_bytes(row, at);
        msgpack_pack_str(out, length);
        msgpack_pack_str_body(out, sqlite3_column_text(row, at), length);
        break;
    case SQLITE_BLOB:
        length = (size_t)sqlite3_column_bytes(row, at);
        msgpack_pack_bin(out, length);
        msgpack_pack_bin_body(out, sqlite3_column_blob(row, at), length);
        break;
    default:
        msgpack_pack_nil(out);
    }
}

static void pack_values(msgpack_sbuffer *out, sqlite3_stmt *row, int from, unsigned count)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, out, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, count);
    for (unsigned i = 0; i < count; i++) {
        pack_value(&packer, row, from + (int)i);
    }
}

static int bind_value(sqlite3_stmt *statement, int at, const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_NIL:
        return sqlite3_bind_null(statement, at);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return value->via.u64 <= INT64_MAX
                   ? sqlite3_bind_int64(statement, at, (int64_t)value->via.u64)
                   : SQLITE_RANGE;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return sqlite3_bind_int64(statement, at, value->via.i64);
    case MSGPACK_OBJECT_STR:
        return sqlite3_bind_text64(statement, at, value->via.str.ptr, value->via.str.size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    case MSGPACK_OBJECT_BIN:
        return bind_bytes(statement, at, value->via.bin.ptr, value->via.bin.size);
    default:
        return SQLITE_MISMATCH;
    }
}

static int malformed(struct fault *fault, enum rows_table table)
{
    fault_set(fault, "", "run the same version of ffagent on all hosts",
              "a row of the table %s is not of its form", tables[table].name);
    return -1;
}

/* Runs a statement with the values of an array. */
static int run_with(struct storage *s, sqlite3_stmt *statement, enum rows_table table,
                    const void *bytes, size_t length, unsigned count, struct fault *fault)
{
    msgpack_unpacked unpacked;
    size_t at = 0;
    int result = -1;
    msgpack_unpacked_init(&unpacked);
    const bool whole =
        packed_is_sound(bytes, length) &&
        msgpack_unpack_next(&unpacked, bytes, length, &at) == MSGPACK_UNPACK_SUCCESS &&
        at == length && unpacked.data.type == MSGPACK_OBJECT_ARRAY &&
        unpacked.data.via.array.size == count;
    int bound = whole ? SQLITE_OK : SQLITE_MISMATCH;
    for (unsigned i = 0; whole && i < count; i++) {
        bound |= bind_value(statement, (int)i + 1, &unpacked.data.via.array.ptr[i]);
    }
    if (bound != SQLITE_OK) {
        sqlite_reset(statement);
        malformed(fault, table);
    } else {
        result = sqlite_run(s, statement, SQLITE_OK, "cannot keep a row of the fleet", fault);
    }
    msgpack_unpacked_destroy(&unpacked);
    return result;
}

/* ---- capturing ------------------------------------------------------------------------------ */

static int run_text(struct storage *s, struct text *text, const char *what, struct fault *fault)
{
    int result = fclose(text->out) == 0 ? 0 : no_memory(fault);
    if (result == 0 && sqlite3_exec(s->db, text->bytes, NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(s, what, fault);
        result = -1;
    }
    free(text->bytes);
    return result;
}

/* What comes from elsewhere is not noted. */
static void noted(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct storage *s = sqlite3_user_data(context);
    (void)count, (void)values;
    sqlite3_result_int(context, s->proposes);
}

int rows_capture(struct storage *s, struct fault *fault)
{
    struct rows *rows = rows_of(s, fault);
    struct text text;
    if (!rows || text_begin(&text) != 0) {
        return rows ? no_memory(fault) : -1;
    }
    if (sqlite3_create_function(s->db, "rows_noted", 0, SQLITE_UTF8, s, noted, NULL, NULL) !=
        SQLITE_OK) {
        sqlite_fault(s, "cannot be used", fault);
        fclose(text.out);
        free(text.bytes);
        return -1;
    }
    fprintf(text.out, "CREATE TEMP TABLE rows_changed (number INTEGER PRIMARY KEY, tab INTEGER,"
                      " a, b, c, UNIQUE (tab, a, b, c));");
    for (unsigned t = 0; t < ROWS_TABLES; t++) {
        trigger_text(text.out, (enum rows_table)t, "INSERT", "new.");
        trigger_text(text.out, (enum rows_table)t, "UPDATE", "new.");
        trigger_text(text.out, (enum rows_table)t, "DELETE", "old.");
    }
    if (run_text(s, &text, "cannot be used", fault) != 0) {
        return -1;
    }
    rows->changed = prepare(s, "SELECT tab, a, b, c FROM rows_changed ORDER BY number", fault);
    return rows->changed ? 0 : -1;
}

/* One that was changed: its key, and the row as it is now. */
static int tell_changed(struct storage *s, enum rows_table table, const msgpack_sbuffer *key,
                        rows_fn *fn, void *arg, struct fault *fault)
{
    static const char what[] = "cannot read what was changed";
    const struct table *t = &tables[table];
    const struct rows *rows = s->rows;
    sqlite3_stmt *get = statement_of(s, table, ROWS_GET, fault);
    msgpack_sbuffer row;
    int bound = SQLITE_OK;
    if (!get) {
        return -1;
    }
    for (unsigned i = 0; i < t->keys; i++) {
        bound |=
            sqlite3_bind_value(get, (int)i + 1, sqlite3_column_value(rows->changed, (int)i + 1));
    }
    const int found = sqlite_step(s, get, bound, what, fault);
    msgpack_sbuffer_init(&row);
    if (found == 1) {
        pack_values(&row, get, 0, columns_of(t));
    }
    sqlite_reset(get);
    const struct row_change change = {table, key->data, key->size, found == 1 ? row.data : NULL,
                                      row.size};
    const int result = found < 0 ? -1 : fn(arg, &change);
    msgpack_sbuffer_destroy(&row);
    return result;
}

int rows_captured(struct storage *s, rows_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *changed = s->rows->changed;
    int result = 0;
    int row = 1;
    while (result == 0 &&
           (row = sqlite_step(s, changed, SQLITE_OK, "cannot read what was changed", fault)) == 1) {
        const enum rows_table table = (enum rows_table)sqlite3_column_int(changed, 0);
        msgpack_sbuffer key;
        msgpack_sbuffer_init(&key);
        pack_values(&key, changed, 1, tables[table].keys);
        result = tell_changed(s, table, &key, fn, arg, fault);
        msgpack_sbuffer_destroy(&key);
    }
    sqlite_reset(changed);
    return row < 0 ? -1 : result;
}

int rows_forget(struct storage *s, struct fault *fault)
{
    if (sqlite3_exec(s->db, "DELETE FROM rows_changed", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(s, "cannot begin to write", fault);
        return -1;
    }
    return 0;
}

/* ---- applying ------------------------------------------------------------------------------- */

int rows_apply(struct storage *s, const struct row_change *change, struct fault *fault)
{
    const struct table *t = &tables[change->table];
    sqlite3_stmt *statement =
        statement_of(s, change->table, change->row ? ROWS_PUT : ROWS_DROP, fault);
    if (!statement) {
        return -1;
    }
    return change->row ? run_with(s, statement, change->table, change->row, change->row_length,
                                  columns_of(t), fault)
                       : run_with(s, statement, change->table, change->key, change->key_length,
                                  t->keys, fault);
}

int rows_each(struct storage *s, enum rows_table table, rows_fn *fn, void *arg, struct fault *fault)
{
    const struct table *t = &tables[table];
    sqlite3_stmt *all = statement_of(s, table, ROWS_ALL, fault);
    int result = all ? 0 : -1;
    int row = 1;
    while (result == 0 &&
           (row = sqlite_step(s, all, SQLITE_OK, "cannot read the rows", fault)) == 1) {
        msgpack_sbuffer key;
        msgpack_sbuffer values;
        msgpack_sbuffer_init(&key);
        msgpack_sbuffer_init(&values);
        pack_values(&key, all, 0, t->keys);
        pack_values(&values, all, 0, columns_of(t));
        const struct row_change change = {table, key.data, key.size, values.data, values.size};
        result = fn(arg, &change);
        msgpack_sbuffer_destroy(&key);
        msgpack_sbuffer_destroy(&values);
    }
    if (all) {
        sqlite_reset(all);
    }
    return row < 0 ? -1 : result;
}

int rows_clear(struct storage *s, struct fault *fault)
{
    static const char clear[] =
        "DROP TRIGGER main.audit_removed;"
        "DELETE FROM definition; DELETE FROM definition_version; DELETE FROM override;"
        "DELETE FROM schedule; DELETE FROM token; DELETE FROM audit;"
        "UPDATE audit_newest SET number = 0;"
        "CREATE TRIGGER main.audit_removed BEFORE DELETE ON audit"
        "  BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;";
    if (sqlite_in_transaction(s, "cannot be replaced", fault) != 0) {
        return -1;
    }
    if (sqlite3_exec(s->db, clear, NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(s, "cannot be replaced", fault);
        return -1;
    }
    return 0;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static struct rows_key key_of(const msgpack_object *value)
{
    switch (value->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return (struct rows_key){.number = (int64_t)value->via.u64, .text = ""};
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return (struct rows_key){.number = value->via.i64, .text = ""};
    case MSGPACK_OBJECT_STR:
        return (struct rows_key){.text = value->via.str.ptr, .length = value->via.str.size};
    case MSGPACK_OBJECT_BIN:
        return (struct rows_key){.text = value->via.bin.ptr, .length = value->via.bin.size};
    default:
        return (struct rows_key){.text = "", .none = true};
    }
}

int rows_key_read(const void *key, size_t length, struct rows_key *values, size_t most)
{
    msgpack_unpacked unpacked;
    size_t at = 0;
    int count = -1;
    msgpack_unpacked_init(&unpacked);
    if (packed_is_sound(key, length) &&
        msgpack_unpack_next(&unpacked, key, length, &at) == MSGPACK_UNPACK_SUCCESS &&
        at == length && unpacked.data.type == MSGPACK_OBJECT_ARRAY) {
        count = (int)unpacked.data.via.array.size;
        for (size_t i = 0; i < most && i < (size_t)count; i++) {
            values[i] = key_of(&unpacked.data.via.array.ptr[i]);
        }
    }
    msgpack_unpacked_destroy(&unpacked);
    return count;
}

char *rows_text(const struct rows_key *value)
{
    char *text = value->none ? NULL : malloc(value->length + 1);
    if (text) {
        memcpy(text, value->text, value->length);
        text[value->length] = '\0';
    }
    return text;
}
