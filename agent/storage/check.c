/*
 * Is a file sound that nobody has open?
 */
#include <stdio.h>
#include <string.h>

#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_check[] = "cannot be checked";

/* SQLite's own look at every page, row and index; the first finding is enough. */
static int check_structure(struct storage *s, struct fault *fault)
{
    sqlite3_stmt *check = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &check, NULL) != SQLITE_OK) {
        sqlite_fault(s, cannot_check, fault);
        return -1;
    }
    int result = sqlite_step(s, check, SQLITE_OK, cannot_check, fault);
    const char *found = result == 1 ? column_text(check, 0) : NULL;
    if (result == 1 && (found == NULL || strcmp(found, "ok") != 0)) {
        char what[256];
        snprintf(what, sizeof what, "%s", found ? found : cannot_check);
        sqlite_damaged(s, what, fault);
        result = -1;
    }
    sqlite3_finalize(check);
    return result < 0 ? -1 : 0;
}

static int check_definition(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    struct storage_checked *checked = arg;
    struct storage_definition d;
    checked->definitions++;
    return definition_row(s, row, &d, fault);
}

static int check_definitions(struct storage *s, struct storage_checked *checked,
                             struct fault *fault)
{
    return sqlite_each(s, s->statements[S_DEFINITION_ALL], SQLITE_OK, cannot_check,
                       check_definition, checked, fault);
}

int storage_check(const char *path, storage_check_fn *fn, void *arg,
                  struct storage_checked *checked, struct fault *fault)
{
    *checked = (struct storage_checked){.version = 0};
    struct storage *s = sqlite_inspect(path, &checked->version, fault);
    if (s == NULL) {
        return -1;
    }
    int result = check_structure(s, fault);
    if (result == 0 && s->statements[S_DEFINITION_ALL] != NULL) { /* of the newest schema */
        result = check_definitions(s, checked, fault);
        if (result == 0 && fn) {
            result = fn(arg, s, fault);
        }
    }
    storage_close(s);
    return result;
}
