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
    STATEMENTS
};

struct storage {
    sqlite3 *db;
    char *path; /* absolute, or ":memory:" */
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

/* What SQLite said last, with the next step. */
void sqlite_fault(struct storage *s, const char *what, struct fault *fault);
/* The same for content that SQLite takes for sound. */
void sqlite_damaged(struct storage *s, const char *what, struct fault *fault);

#endif
