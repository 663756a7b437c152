/*
 * One connection to one file.
 *
 * One agent per file: SQLite's locking_mode=EXCLUSIVE, from the first access on. It is a POSIX
 * lock, which goes with its process however that ends. A lock file of our own would do the same;
 * this does more: nobody else can read the database and thereby keep the write-ahead log from
 * being reset, and the log's index is in this process's memory and not in a mapped file, which a
 * full disk or a stranger could turn into a SIGBUS.
 *
 * WAL with synchronous=NORMAL: a commit is a write without fsync. It survives every end of the
 * process; after a power failure the file is as it was after some earlier commit. A durable
 * transaction is synchronous=FULL: its commit ends with an fsync of the log, and of all before.
 *
 * How large it gets: the log is copied back every CHECKPOINT_PAGES and cut to LOG_MOST_BYTES after
 * one larger transaction; free pages above SPARE_PAGES are given back, some at each commit.
 */
#include "sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private_file.h"
#include "rows.h"
#include "rows_state.h"
#include "schema.h"

#define CHECKPOINT_PAGES "1000"
#define LOG_MOST_BYTES "4194304"
#define SPARE_PAGES 1024 /* 4 MiB */

/* ---- faults -------------------------------------------------------------------------------- */

static const char move_away[] =
    "move it away (with its -wal, if there is one) and put a backup in its place; without one,"
    " definitions come again from their sources, but what operators changed is gone";

static const char *hint_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return move_away;
    case SQLITE_FULL:
        return "make room in that filesystem: `df` shows its size, `du` what fills it";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "stop the other one (`fuser` with the file's name shows it), or name another file";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "run the agent as the owner of that directory, and let it write there";
    case SQLITE_NOMEM:
        return "give the agent more memory";
    default:
        return "";
    }
}

static void name_file(const struct storage *s, struct fault *fault)
{
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s", s->path);
    }
}

void sqlite_fault(struct storage *s, const char *what, struct fault *fault)
{
    const int code = sqlite3_extended_errcode(s->db);
    const int primary = code & 0xff;
    const int system = sqlite3_system_errno(s->db);
    const bool of_system = (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && system != 0;
    if (primary == SQLITE_BUSY) {
        fault_set(fault, "", hint_of(code), "%s: another process has the file open", what);
    } else {
        fault_set(fault, "", hint_of(code), "%s: %s%s%s", what, sqlite3_errmsg(s->db),
                  of_system ? ": " : "", of_system ? strerror(system) : "");
    }
    name_file(s, fault);
}

void sqlite_damaged(struct storage *s, const char *what, struct fault *fault)
{
    fault_set(fault, "", move_away, "%s: the file is damaged", what);
    name_file(s, fault);
}

/* ---- statements ---------------------------------------------------------------------------- */

int bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    return sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

int bind_bytes(sqlite3_stmt *statement, int at, const void *bytes, size_t length)
{
    /* SQLite takes NULL for the absence of a value, and 0 bytes at no address are one. */
    return sqlite3_bind_blob64(statement, at, bytes ? bytes : "", length, SQLITE_STATIC);
}

sqlite3_stmt *sqlite_load(struct storage *s, enum statement which, struct fault *fault)
{
    sqlite3_stmt *statement = s->statements[which];
    if (sqlite3_stmt_busy(statement)) {
        fault_set(fault, "", "", "the storage is asked for what it is telling at the moment");
        name_file(s, fault);
        return NULL;
    }
    return statement;
}

int sqlite_step(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                struct fault *fault)
{
    const int code = bound == SQLITE_OK ? sqlite3_step(statement) : bound;
    if (code == SQLITE_ROW || code == SQLITE_DONE) {
        return code == SQLITE_ROW;
    }
    sqlite_fault(s, what, fault);
    return -1;
}

void sqlite_reset(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

int sqlite_run(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
               struct fault *fault)
{
    const int result = sqlite_step(s, statement, bound, what, fault);
    sqlite_reset(statement);
    return result < 0 ? -1 : 0;
}

int sqlite_change(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                  struct fault *fault)
{
    if (sqlite_run(s, statement, bound, what, fault) != 0) {
        return -1;
    }
    return sqlite3_changes(s->db) > 0 ? 0 : 1;
}

int sqlite_each(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                sqlite_row_fn *tell, void *arg, struct fault *fault)
{
    int result = 0;
    int row = 1;
    while (result == 0 && (row = sqlite_step(s, statement, bound, what, fault)) == 1) {
        result = tell(s, statement, arg, fault);
    }
    sqlite_reset(statement);
    return row < 0 ? -1 : result;
}

int sqlite_number(struct storage *s, sqlite3_stmt *statement, int bound, const char *what,
                  int64_t *number, struct fault *fault)
{
    const int row = sqlite_step(s, statement, bound, what, fault);
    if (row == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
        *number = sqlite3_column_int64(statement, 0);
    }
    sqlite_reset(statement);
    return row < 0 ? -1 : 0;
}

int sqlite_in_transaction(struct storage *s, const char *what, struct fault *fault)
{
    if (!sqlite3_get_autocommit(s->db)) {
        return 0;
    }
    fault_set(fault, "", "", "%s: no transaction is open", what);
    name_file(s, fault);
    return -1;
}

const char *column_text(sqlite3_stmt *statement, int at)
{
    return (const char *)sqlite3_column_text(statement, at);
}

int column_trouble(struct storage *s, const char *what, struct fault *fault)
{
    if (sqlite3_errcode(s->db) != SQLITE_NOMEM) {
        return 0;
    }
    sqlite_fault(s, what, fault);
    return -1;
}

int64_t sql_limit(size_t limit)
{
    return limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit;
}

/* ---- open and close ------------------------------------------------------------------------ */

static int execute(struct storage *s, const char *text, const char *what, struct fault *fault)
{
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(s, what, fault);
        return -1;
    }
    return 0;
}

/* Whose file it is; before anything in it is changed. */
static int identify(struct storage *s, int *version, struct fault *fault)
{
    const enum schema_result whose = schema_identify(s->db, schema_version, version);
    if (whose == SCHEMA_FAILED) {
        sqlite_fault(s, "cannot be read", fault);
    } else if (whose == SCHEMA_FOREIGN) {
        fault_set(fault, "", "name another file", "is the database of another program");
        name_file(s, fault);
    } else if (whose == SCHEMA_NEWER) {
        fault_set(fault, "", "run that version, or move the file away",
                  "was written by a newer ffagent (schema %d; this one knows %d)", *version,
                  schema_version);
        name_file(s, fault);
    }
    return whose == SCHEMA_CURRENT ? 0 : -1;
}

static bool is_empty(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size == 0;
}

static int refuse_read_only(struct storage *s, struct fault *fault)
{
    if (sqlite3_db_readonly(s->db, "main") != 1) { /* what SQLite falls back to */
        return 0;
    }
    fault_set(fault, "", hint_of(SQLITE_READONLY), "cannot be written: it is read-only");
    name_file(s, fault);
    return -1;
}

/* The lock comes with the first access. An empty file is not read before it is locked for writing:
   two agents that start at once would both have a lock for reading, and none could go on. */
static int prepare_file(struct storage *s, int *version, struct fault *fault)
{
    *version = 0;
    if (refuse_read_only(s, fault) != 0 ||
        execute(s, "PRAGMA locking_mode=EXCLUSIVE", "cannot be used", fault) != 0 ||
        (!is_empty(s->path) && identify(s, version, fault) != 0)) {
        return -1;
    }
    /* auto_vacuum counts only before the first page is written, which journal_mode does. */
    return execute(s,
                   "PRAGMA auto_vacuum=INCREMENTAL;"
                   "PRAGMA journal_mode=WAL;"
                   "PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES ";"
                   "PRAGMA journal_size_limit=" LOG_MOST_BYTES,
                   "cannot be written", fault);
}

static int prepare_statements(struct storage *s, struct fault *fault)
{
    for (int i = 0; i < STATEMENTS; i++) {
        if (sqlite3_prepare_v3(s->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &s->statements[i], NULL) != SQLITE_OK) {
            sqlite_fault(s, "cannot be used", fault);
            return -1;
        }
    }
    return 0;
}

static int prepare(struct storage *s, struct fault *fault)
{
    int version = 0;
    if (strcmp(s->path, ":memory:") != 0 && prepare_file(s, &version, fault) != 0) {
        return -1;
    }
    /* What is deleted is overwritten where that costs no writing; nothing goes to /tmp. */
    if (execute(s,
                "PRAGMA synchronous=NORMAL;"
                "PRAGMA secure_delete=FAST;"
                "PRAGMA temp_store=MEMORY;"
                "PRAGMA cell_size_check=ON",
                "cannot be used", fault) != 0) {
        return -1;
    }
    if (schema_upgrade(s->db, version, schema_migrations, schema_version) != SQLITE_OK) {
        sqlite_fault(s, "cannot be brought up to date", fault);
        return -1;
    }
    return prepare_statements(s, fault);
}

static void no_memory(struct fault *fault)
{
    fault_set(fault, "", "give the agent more memory", "no memory for the storage");
}

/* The connection alone: nothing is read yet. path is taken over; NULL: *fault is set already. */
static struct storage *connect_to(char *path, struct fault *fault)
{
    if (path == NULL) {
        return NULL;
    }
    struct storage *s = calloc(1, sizeof *s);
    if (s == NULL) {
        no_memory(fault);
        free(path);
        return NULL;
    }
    s->path = path;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
        sqlite_fault(s, "cannot be opened", fault);
        storage_close(s);
        return NULL;
    }
    return s;
}

struct storage *storage_open(const char *path, struct fault *fault)
{
    no_memory(fault); /* for the path, unless another fault takes its place */
    struct storage *s =
        connect_to(strcmp(path, ":memory:") == 0 ? strdup(path) : private_file(path, fault), fault);
    if (s && prepare(s, fault) != 0) {
        storage_close(s);
        s = NULL;
    }
    return s;
}

static void tell_open(struct storage *s, struct fault *fault)
{
    if ((sqlite3_extended_errcode(s->db) & 0xff) == SQLITE_BUSY) {
        fault_set(fault, "", "`ffctl backup FILE` copies it while the agent runs: look at the copy",
                  "cannot be looked at: another process has the file open");
        name_file(s, fault);
    }
}

/* A log that a killed agent left is read, and stays; whoever made the file may have made it to
   harm. */
static int inspect(struct storage *s, int *version, struct fault *fault)
{
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (refuse_read_only(s, fault) != 0 ||
        execute(s,
                "PRAGMA locking_mode=EXCLUSIVE;"
                "PRAGMA temp_store=MEMORY;"
                "PRAGMA cell_size_check=ON;"
                "PRAGMA query_only=ON",
                "cannot be used", fault) != 0 ||
        identify(s, version, fault) != 0) {
        return -1;
    }
    return *version == schema_version ? prepare_statements(s, fault) : 0;
}

/* SQLite makes a log where there is none, even to read, and this connection is not to tidy up. It
   has the file for itself as long as it is open. */
static void remove_log(const struct storage *s)
{
    char *log;
    if (asprintf(&log, "%s-wal", s->path) >= 0) {
        if (is_empty(log)) {
            (void)unlink(log);
        }
        free(log);
    }
}

static bool has_log(const char *path)
{
    char *log;
    if (asprintf(&log, "%s-wal", path) < 0) {
        return true;
    }
    const bool has = access(log, F_OK) == 0;
    free(log);
    return has;
}

struct storage *sqlite_inspect(const char *path, int *version, struct fault *fault)
{
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        fault_set(fault, "", "name an existing file", "cannot be opened: %s", strerror(errno));
        if (fault) {
            snprintf(fault->file, sizeof fault->file, "%s", path);
        }
        return NULL;
    }
    const bool had_log = has_log(absolute);
    struct storage *s = connect_to(absolute, fault);
    if (s && inspect(s, version, fault) != 0) {
        tell_open(s, fault);
        storage_close(s);
        s = NULL;
    }
    if (s) {
        s->leaves = !had_log;
    }
    return s;
}

void storage_close(struct storage *s)
{
    if (s == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
    }
    rows_free(s->rows);
    if (s->leaves) {
        remove_log(s);
    }
    sqlite3_close(s->db);
    free(s->path);
    free(s);
}

/* ---- transactions -------------------------------------------------------------------------- */

/* It cannot fail outside of a transaction. */
static void end_durable(struct storage *s)
{
    s->proposes = false;
    if (s->durable && sqlite3_get_autocommit(s->db)) {
        sqlite3_exec(s->db, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
        s->durable = false;
    }
}

int storage_begin(struct storage *s, struct fault *fault)
{
    return sqlite_run(s, s->statements[S_BEGIN], 0, "cannot begin to write", fault);
}

int storage_agree(struct storage *s, const struct storage_agreement *agreement, struct fault *fault)
{
    if (rows_capture(s, fault) != 0) {
        return -1;
    }
    s->agreement = agreement;
    return 0;
}

bool storage_proposes(const struct storage *s)
{
    return s->agreement != NULL;
}

int storage_begin_durable(struct storage *s, struct fault *fault)
{
    if (s->agreement &&
        (s->agreement->begin(s->agreement->arg, fault) != 0 || rows_forget(s, fault) != 0)) {
        return -1;
    }
    if (storage_begin_agreed(s, fault) != 0) {
        return -1;
    }
    s->proposes = s->agreement != NULL;
    return 0;
}

int storage_begin_agreed(struct storage *s, struct fault *fault)
{
    if (execute(s, "PRAGMA synchronous=FULL", "cannot begin to write", fault) != 0) {
        return -1;
    }
    s->durable = true;
    if (storage_begin(s, fault) != 0) {
        end_durable(s);
        return -1;
    }
    return 0;
}

/* Nothing depends on it: what fails is tried again after another commit. */
static void give_back_pages(struct storage *s)
{
    sqlite3_stmt *count = s->statements[S_FREE_PAGES];
    const bool many =
        sqlite3_step(count) == SQLITE_ROW && sqlite3_column_int(count, 0) > SPARE_PAGES;
    sqlite3_reset(count);
    if (many) {
        sqlite3_exec(s->db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
    }
}

/* What the others do not agree on must not be there. */
static int propose(struct storage *s, struct fault *fault)
{
    const int result = s->agreement->propose(s->agreement->arg, s, fault);
    if (result == 0) {
        storage_rollback(s);
    }
    return result;
}

int storage_commit(struct storage *s, struct fault *fault)
{
    if (s->proposes) {
        return propose(s, fault);
    }
    if (sqlite_run(s, s->statements[S_COMMIT], 0, "cannot be written", fault) != 0) {
        return -1;
    }
    end_durable(s);
    give_back_pages(s);
    return 0;
}

void storage_rollback(struct storage *s)
{
    /* After some errors SQLite has already done it. */
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(s->statements[S_ROLLBACK]);
        sqlite3_reset(s->statements[S_ROLLBACK]);
    }
    end_durable(s);
}

bool storage_begun(const struct storage *s)
{
    return !sqlite3_get_autocommit(s->db);
}

/* The commits are in the log, or in the file already: SQLite has synchronised the file then. */
int storage_sync(struct storage *s, struct fault *fault)
{
    sqlite3_file *log = NULL;
    if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        log == NULL || log->pMethods == NULL) {
        return 0; /* nothing was written yet; or nothing is kept */
    }
    if (log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK) {
        fault_set(fault, "", "", "cannot be written to the disk");
        name_file(s, fault);
        return -1;
    }
    return 0;
}
