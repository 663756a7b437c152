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
