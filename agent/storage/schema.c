/*
 * The header of a SQLite file has two numbers for its program: application_id says whose it is,
 * user_version how many of the migrations it has had. Both are part of the transaction that
 * migrates, so a killed agent leaves the older schema or the newer one.
 */
#include "schema.h"

#include <stdio.h>

/* clang-format off */
const char *const schema_migrations[] = {
    /* 1: last known good, what is counted, events.

       The bytes of a state lie apart from what is known of them: to change a column of a row,
       SQLite goes through the whole row. id of a mark: hex(id) is the name of the process's file. */
    "CREATE TABLE text ("
    "  name TEXT PRIMARY KEY NOT NULL,"
    "  text TEXT NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE TABLE state ("
    "  source TEXT PRIMARY KEY NOT NULL,"
    "  received_ms INTEGER NOT NULL,"
    "  hash_hi INTEGER NOT NULL,"
    "  hash_lo INTEGER NOT NULL"
    ") WITHOUT ROWID;"
    "CREATE TABLE state_bytes ("
    "  source TEXT PRIMARY KEY NOT NULL,"
    "  bytes BLOB NOT NULL"
    ");"
    "CREATE TABLE state_patch ("
    "  source TEXT NOT NULL,"
    "  path TEXT NOT NULL,"
    "  received_ms INTEGER NOT NULL,"
    "  bytes BLOB NOT NULL,"
    "  PRIMARY KEY (source, path)"
    ");"
    "CREATE TABLE mark ("
    "  id BLOB PRIMARY KEY NOT NULL,"
    "  bytes BLOB NOT NULL"
    ");"
    "CREATE TABLE queue ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  queue INTEGER NOT NULL,"
    "  sink TEXT NOT NULL,"
    "  label TEXT NOT NULL,"
    "  bytes BLOB NOT NULL"
    ");"
    "CREATE INDEX queue_order ON queue (queue, sink, number);",

    /* 2: what operators change, and what tells of it.

       definition: what is in force; its content is that version's. hash: XXH3 of the text, for
       SQLite does not notice a wrong byte in what it stores. audit: see admin/audit.h; its rows
       are never changed, and one that goes leaves its number behind. WITHOUT ROWID: a row of
       another table has a byte that stands for its number, which nobody reads. */
    "CREATE TABLE definition ("
    "  kind INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  PRIMARY KEY (kind, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE definition_version ("
    "  kind INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  version INTEGER NOT NULL,"
    "  came INTEGER NOT NULL,"
    "  changed_ms INTEGER NOT NULL,"
    "  changed_by TEXT NOT NULL,"
    "  reason TEXT,"
    "  hash INTEGER NOT NULL,"
    "  text TEXT NOT NULL,"
    "  PRIMARY KEY (kind, key, version)"
    ") STRICT;"
    "CREATE TABLE override ("
    "  flag TEXT PRIMARY KEY NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  variant TEXT,"
    "  reason TEXT NOT NULL,"
    "  set_by TEXT NOT NULL,"
    "  set_ms INTEGER NOT NULL,"
    "  expires_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE schedule ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  kind INTEGER NOT NULL,"
    "  key TEXT NOT NULL,"
    "  at_ms INTEGER NOT NULL,"
    "  change TEXT NOT NULL,"
    "  author TEXT NOT NULL,"
    "  authenticated TEXT NOT NULL,"
    "  reason TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  done_ms INTEGER NOT NULL,"
    "  result TEXT"
    ") STRICT;"
    "CREATE INDEX schedule_item ON schedule (kind, key);"
    "CREATE INDEX schedule_due ON schedule (at_ms) WHERE state = 0;"
    "CREATE TABLE token ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  name TEXT NOT NULL,"
    "  role INTEGER NOT NULL,"
    "  secret BLOB NOT NULL UNIQUE,"
    "  limits TEXT,"
    "  created_ms INTEGER NOT NULL,"
    "  created_by TEXT NOT NULL,"
    "  expires_ms INTEGER NOT NULL,"
    "  last_used_ms INTEGER NOT NULL,"
    "  revoked_ms INTEGER NOT NULL,"
    "  successor TEXT"
    ") STRICT;"
    "CREATE TABLE audit ("
    "  number INTEGER PRIMARY KEY NOT NULL,"
    "  time_ms INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  authenticated TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  target TEXT NOT NULL,"
    "  reason TEXT,"
    "  digest TEXT,"
    "  previous BLOB NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  before TEXT,"
    "  after TEXT"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit_newest (number INTEGER NOT NULL) STRICT;"
    "INSERT INTO audit_newest VALUES (0);"
    "CREATE TRIGGER audit_added AFTER INSERT ON audit"
    "  BEGIN UPDATE audit_newest SET number = max(number, new.number); END;"
    "CREATE INDEX audit_time ON audit (time_ms);"
    "CREATE INDEX audit_actor ON audit (actor);"
    "CREATE INDEX audit_action ON audit (action);"
    "CREATE INDEX audit_target ON audit (target);"
    "CREATE TRIGGER audit_changed BEFORE UPDATE ON audit"
    "  BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;"
    "CREATE TRIGGER audit_removed BEFORE DELETE ON audit"
    "  BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;"
    "CREATE TABLE generation ("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  store INTEGER NOT NULL,"
    "  generation INTEGER NOT NULL,"
    "  digest TEXT NOT NULL,"
    "  published_ms INTEGER NOT NULL,"
    "  first_audit INTEGER NOT NULL,"
    "  last_audit INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX generation_name ON generation (generation);"
    "CREATE INDEX generation_time ON generation (published_ms);",

    /* 3: which audit entry tells of a version: what was in force at a generation is found by it,
       for a generation knows its entries, and clocks are set back. */
    ("ALTER TABLE definition_version ADD COLUMN audit INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX definition_audit ON definition_version (audit);"),

    /* 4: the last changes of a fleet, in a storage that is one of its (agent/fleet/): what a Redis
       that has lost its newest is given again. */
    "CREATE TABLE fleet_log ("
    "  sequence INTEGER PRIMARY KEY NOT NULL,"
    "  chain TEXT NOT NULL,"
    "  record BLOB NOT NULL"
    ") STRICT;",
};
/* clang-format on */

const int schema_version = (int)(sizeof schema_migrations / sizeof schema_migrations[0]);

static int number_of(sqlite3 *db, const char *sql, int *number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int(statement, 0);
        code = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    return code;
}

enum schema_result schema_identify(sqlite3 *db, int most, int *version)
{
    int application = 0;
    int tables = 0;
    *version = 0;
    if (number_of(db, "PRAGMA application_id", &application) != SQLITE_OK ||
        number_of(db, "PRAGMA user_version", version) != SQLITE_OK ||
        number_of(db, "SELECT count(*) FROM sqlite_schema", &tables) != SQLITE_OK) {
        return SCHEMA_FAILED;
    }
    const int new = application == 0 && *version == 0 && tables == 0;
    if (!new &&application != SCHEMA_APPLICATION_ID) {
        return SCHEMA_FOREIGN;
    }
    return *version > most ? SCHEMA_NEWER : SCHEMA_CURRENT;
}

static int set_numbers(sqlite3 *db, int version)
{
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
             SCHEMA_APPLICATION_ID, version);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int schema_upgrade(sqlite3 *db, int version, const char *const *migrations, int count)
{
    if (version == count) {
        return SQLITE_OK;
    }
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (; code == SQLITE_OK && version < count; version++) {
        code = sqlite3_exec(db, migrations[version], NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = set_numbers(db, version);
    }
    return code == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : code;
}
