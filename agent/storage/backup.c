/*
 * An online backup: SQLite copies pages; what this connection changes meanwhile it changes in the
 * copy, too, so that the last step has a copy of one moment.
 *
 *   1  FILE.XXXXXX is made, for this user alone       killed from here on to 4: it stays behind
 *   2  pages are copied, no journal, no fsync
 *   3  the copy is written to the disk
 *   4  it takes its name, unless that is taken
 *   5  the directory is written to the disk
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private_file.h"
#include "sqlite.h"
#include "storage_admin.h"

#define PAGES_AT_ONCE 1024

struct storage_backup {
    struct storage *source;
    struct storage copy; /* its connection and path, for what is said of it */
    char *path;
    sqlite3_backup *backup;
    int fd; /* of the copy; -1 */
};

static int refuse(struct fault *fault, const char *path, const char *what, int error)
{
    fault_set(fault, "",
              error == EEXIST                      ? "name another file"
              : error == ENOSPC || error == EDQUOT ? "make room in that filesystem"
                                                   : "name a file in a directory of the agent's",
              "%s: %s", what, strerror(error));
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s", path);
    }
    return -1;
}

/* Bytes of the file path and suffix name; -1: it is not there. */
static off_t size_of(const char *path, const char *suffix)
{
    char *name;
    struct stat st;
    if (asprintf(&name, "%s%s", path, suffix) < 0) {
        return -1;
    }
    const bool there = lstat(name, &st) == 0;
    free(name);
    return there ? st.st_size : -1;
}

/* A log beside a file is SQLite's to bring into it: it must be that file's own. */
static int check_name(const struct storage_backup *b, struct fault *fault)
{
    const char *source = b->source->path;
    if (size_of(b->path, "") >= 0) {
        return refuse(fault, b->path, "cannot make a backup", EEXIST);
    }
    if (size_of(b->path, "-wal") > 0 || size_of(b->path, "-journal") > 0) {
        fault_set(fault, "", "move it away, or name another file",
                  "cannot make a backup: beside it is a -wal or -journal of another file of that "
                  "name");
    } else if (strncmp(b->path, source, strlen(source)) == 0) {
        fault_set(fault, "", "name another file",
                  "cannot make a backup: its name begins with that of the state file");
    } else {
        return 0;
    }
    if (fault) {
        snprintf(fault->file, sizeof fault->file, "%s", b->path);
    }
    return -1;
}

/* Step 1. The descriptor is closed at the end only: closing it would give up SQLite's lock. */
static int make_copy(struct storage_backup *b, const char *path, struct fault *fault)
{
    b->path = private_name(path, fault);
    if (b->path == NULL || check_name(b, fault) != 0) {
        return -1;
    }
    if (asprintf(&b->copy.path, "%s.XXXXXX", b->path) < 0) {
        b->copy.path = NULL;
        return refuse(fault, b->path, "cannot make a backup", ENOMEM);
    }
    b->fd = mkostemp(b->copy.path, O_CLOEXEC);
    if (b->fd < 0) {
        const int error = errno;
        free(b->copy.path);
        b->copy.path = NULL;
        return refuse(fault, b->path, "cannot make a backup", error);
    }
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(b->copy.path, &b->copy.db, flags, NULL) != SQLITE_OK ||
        sqlite3_exec(b->copy.db,
                     "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                     "PRAGMA locking_mode=EXCLUSIVE",
                     NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(&b->copy, "cannot make a backup", fault);
        return -1;
    }
    return 0;
}

struct storage_backup *storage_backup_begin(struct storage *s, const char *path,
                                            struct fault *fault)
{
    struct storage_backup *b = calloc(1, sizeof *b);
    if (b == NULL) {
        refuse(fault, path, "cannot make a backup", ENOMEM);
        return NULL;
    }
    b->source = s;
    b->fd = -1;
    if (make_copy(b, path, fault) != 0) {
        storage_backup_end(b);
        return NULL;
    }
    b->backup = sqlite3_backup_init(b->copy.db, "main", s->db, "main");
    if (b->backup == NULL) {
        sqlite_fault(&b->copy, "cannot make a backup", fault);
        storage_backup_end(b);
        return NULL;
    }
    return b;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    const int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    const int result = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0) {
        close(fd);
    }
    free(directory);
    return result;
}

/* Some filesystems cannot rename without replacing; these can give a second name. */
static int take_name(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    return (errno == EINVAL || errno == ENOSYS) && link(from, to) == 0 ? unlink(from) : -1;
}

/* Steps 3 to 5. */
static int complete(struct storage_backup *b, struct fault *fault)
{
    const int finished = sqlite3_backup_finish(b->backup);
    b->backup = NULL;
    if (finished != SQLITE_OK) {
        sqlite_fault(&b->copy, "cannot be written", fault);
        return -1;
    }
    const int closed = sqlite3_close(b->copy.db);
    b->copy.db = NULL;
    if (closed != SQLITE_OK || fsync(b->fd) != 0) {
        return refuse(fault, b->path, "cannot write the backup", errno);
    }
    if (take_name(b->copy.path, b->path) != 0) {
        return refuse(fault, b->path, "cannot name the backup", errno);
    }
    free(b->copy.path);
    b->copy.path = NULL;
    return sync_directory(b->path) == 0 ? 0
                                        : refuse(fault, b->path, "cannot write the backup", errno);
}

int storage_backup_step(struct storage_backup *b, int pages, bool *more, struct fault *fault)
{
    *more = true;
    if (b->backup == NULL) {
        fault_set(fault, "", "begin anew", "the backup is over");
        return -1;
    }
    if (!sqlite3_get_autocommit(b->source->db)) {
        return 0;
    }
    const int code = sqlite3_backup_step(b->backup, pages);
    if (code == SQLITE_OK) {
        return 0;
    }
    *more = false;
    if (code == SQLITE_DONE) {
        return complete(b, fault);
    }
    sqlite3_backup_finish(b->backup); /* makes it the connection's error */
    b->backup = NULL;
    sqlite_fault(&b->copy, "cannot be written", fault);
    return -1;
}

void storage_backup_end(struct storage_backup *b)
{
    if (b == NULL) {
        return;
    }
    sqlite3_backup_finish(b->backup);
    sqlite3_close(b->copy.db);
    if (b->copy.path) {
        unlink(b->copy.path);
    }
    if (b->fd >= 0) {
        close(b->fd);
    }
    free(b->copy.path);
    free(b->path);
    free(b);
}

int storage_backup(struct storage *s, const char *path, struct fault *fault)
{
    if (!sqlite3_get_autocommit(s->db)) {
        fault_set(fault, "", "", "cannot make a backup within a transaction");
        return -1;
    }
    struct storage_backup *b = storage_backup_begin(s, path, fault);
    bool more = b != NULL;
    int result = b ? 0 : -1;
    while (result == 0 && more) {
        result = storage_backup_step(b, PAGES_AT_ONCE, &more, fault);
    }
    storage_backup_end(b);
    return result;
}
