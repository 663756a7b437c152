/*
 * sqlite.h - the connection behind storage.h: one file, its statements, and what went wrong.
 */
#ifndef FFSHM_AGENT_SQLITE_H
#define FFSHM_AGENT_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "storage.h"

/* Prepared once, at open. */
enum statement {
    S_BEGIN,
    S_COMMIT,
    S_ROLLBACK,
    S_FREE_PAGES,
    S_TEXT_SET,
    S_TEXT_GET,
    S_STATE_KNOWN,
    S_STATE_TOUCH,
    S_STATE_SET,
    S_STATE_SET_BYTES,
    S_STATE_FORGET_PATCHES,
    S_STATE_PATCH,
    S_STATE_LOAD,
    S_STATE_LOAD_PATCHES,
    S_MARK_PUT,
    S_MARK_DELETE,
    S_MARK_LOAD,
    S_QUEUE_ADD,
    S_QUEUE_DELETE_TO,
    S_QUEUE_DELETE,
    S_QUEUE_LOAD,
    S_DEFINITION_NEWEST,
    S_DEFINITION_CURRENT,
    S_DEFINITION_ADD,
    S_DEFINITION_SET,
    S_DEFINITION_DROP,
    S_DEFINITION_GET,
    S_DEFINITION_GET_VERSION,
    S_DEFINITION_LIST,
    S_DEFINITION_HISTORY,
    S_DEFINITION_PRUNE,
    S_DEFINITION_OLDEST,
    S_DEFINITION_AS_OF,
    S_DEFINITION_CHANGED,
    S_DEFINITION_ALL,
    S_DEFINITION_AUDIT,
    S_OVERRIDE_PUT,
    S_OVERRIDE_DELETE,
    S_OVERRIDE_GET,
    S_OVERRIDE_LIST,
    S_OVERRIDE_DUE,
    S_OVERRIDE_NEXT,
    S_SCHEDULE_ADD,
    S_SCHEDULE_GET,
    S_SCHEDULE_LIST,
    S_SCHEDULE_LIST_ITEM,
    S_SCHEDULE_DUE,
    S_SCHEDULE_NEXT,
    S_SCHEDULE_FINISH,
    S_TOKEN_ADD,
    S_TOKEN_GET,
    S_TOKEN_LIST,
    S_TOKEN_USED,
    S_TOKEN_REVOKE,
    S_TOKEN_SUCCEED,
    S_AUDIT_ADD,
    S_AUDIT_NEWEST,
    S_AUDIT_GIVEN,
    S_GENERATION_ADD,
    S_GENERATION_GET,
    S_GENERATION_AT,
    S_GENERATION_LIST,
    S_GENERATION_KEEP,
    S_FLEET_ADD,
    S_FLEET_GET,
    S_FLEET_KEEP,
    S_FLEET_CLEAR,
    STATEMENTS
};
extern const char *const statement_sql[STATEMENTS]; /* statements.c */

#define AUDIT_COLUMNS                                                                              \
    "number, time_ms, actor, authenticated, action, target, reason, digest, previous, hash,"       \
    " before, after"

struct rows;

struct storage {
    sqlite3 *db;
    struct rows *rows;                         /* rows.c's; NULL: not in use */
    const struct storage_agreement *agreement; /* NULL: durable transactions are its own affair */
    bool durable;                              /* between storage_begin_durable and its end */
    bool proposes;                             /* its commit is to be agreed on */
    bool leaves; /* no log behind, for there was none: sqlite_inspect */
    char *path;  /* absolute, or ":memory:" */
    sqlite3_stmt *statements[STATEMENTS];
};

/* Binding: 0 or a code of SQLite's, so that several can be joined with |. Borrowed until run. */
int bind_text(sqlite3_stmt *statement, int at, const char *text);
int bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t length);

/* A statement that loads. NULL and *fault: it is doing so (what it tells of called it again). */
sqlite3_stmt *sqlite_load(struct storage *s, enum statement which, struct fault *fault);
/* The next row: 1, at the end 0, or -1 with *fault, which says what could not be done. bound: what
   the binding gave. */
int sqlite_step(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                struct fault *fault);
/* Lets go of what is bound, and of the rows. */
void sqlite_reset(sqlite3_stmt *statement);
/* All of a statement that gives no rows. */
int sqlite_run(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
               struct fault *fault);

/* The same of one that changes a row: 1 (STORAGE_CONFLICT) when there was none to change. */
int sqlite_change(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                  struct fault *fault);
/* Every row: what tell returns goes on with 0; anything else stops, and is returned. Resets. */
typedef int sqlite_row_fn(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault);
int sqlite_each(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                sqlite_row_fn *tell, void *arg, struct fault *fault);
/* One number: 0 and *number (which stays as it is where there is no row or no value), or -1. */
int sqlite_number(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                  int64_t *number, struct fault *fault);
/* -1 and *fault unless a transaction is open: more than one statement needs one. */
int sqlite_in_transaction(struct storage *s, const char *what, struct fault *fault);

/* Of a row, borrowed until the next step. NULL: no value, or no memory for it (column_trouble). */
const char *column_text(sqlite3_stmt *statement, int at);
/* The row's columns could not be read: -1 and *fault. */
int column_trouble(struct storage *s, const char *what, struct fault *fault);

/* 0: *d is the row, borrowed; -1: a row that is not as it was written, or no memory. */
struct storage_definition;
int definition_row(struct storage *s, sqlite3_stmt *row, struct storage_definition *d,
                   struct fault *fault);

/* For LIMIT. */
int64_t sql_limit(size_t limit);

/* Without changing anything in it, opens a file that is there; *version: of its schema. */
struct storage *sqlite_inspect(const char *path, int *version, struct fault *fault);

/* What SQLite said last, with the next step. */
void sqlite_fault(struct storage *s, const char *what, struct fault *fault);
/* The same for content that SQLite takes for sound. */
void sqlite_damaged(struct storage *s, const char *what, struct fault *fault);

#endif
