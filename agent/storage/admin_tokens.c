/*
 * Tokens: what is known of each but its secret, of which only the hash is here.
 */
#include <string.h>

#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read a token";
static const char cannot_write[] = "cannot keep a token";

int storage_token_add(struct storage *s, const struct storage_token *token, struct fault *fault)
{
    sqlite3_stmt *add = s->statements[S_TOKEN_ADD];
    const int bound =
        bind_text(add, 1, token->id) | bind_text(add, 2, token->name) |
        sqlite3_bind_int(add, 3, token->role) |
        bind_bytes(add, 4, token->secret, sizeof token->secret) | bind_text(add, 5, token->limits) |
        sqlite3_bind_int64(add, 6, token->created_ms) | bind_text(add, 7, token->created_by) |
        sqlite3_bind_int64(add, 8, token->expires_ms);
    return sqlite_change(s, add, bound, cannot_write, fault);
}

int storage_token_used(struct storage *s, const char *id, int64_t used_ms, struct fault *fault)
{
    sqlite3_stmt *used = s->statements[S_TOKEN_USED];
    return sqlite_run(s, used, bind_text(used, 1, id) | sqlite3_bind_int64(used, 2, used_ms),
                      cannot_write, fault);
}

int storage_token_revoke(struct storage *s, const char *id, int64_t revoked_ms, struct fault *fault)
{
    sqlite3_stmt *revoke = s->statements[S_TOKEN_REVOKE];
    return sqlite_change(s, revoke,
                         bind_text(revoke, 1, id) | sqlite3_bind_int64(revoke, 2, revoked_ms),
                         cannot_write, fault);
}

static int undo(struct storage *s, int result)
{
    sqlite3_exec(s->db, "ROLLBACK TO rotation; RELEASE rotation", NULL, NULL, NULL);
    return result;
}

int storage_token_rotate(struct storage *s, const char *id, const struct storage_token *next,
                         int64_t until_ms, struct fault *fault)
{
    if (sqlite_in_transaction(s, cannot_write, fault) != 0) {
        return -1;
    }
    if (sqlite3_exec(s->db, "SAVEPOINT rotation", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_fault(s, cannot_write, fault);
        return -1;
    }
    sqlite3_stmt *succeed = s->statements[S_TOKEN_SUCCEED];
    int result = storage_token_add(s, next, fault);
    if (result == 0) {
        const int bound = bind_text(succeed, 1, id) | bind_text(succeed, 2, next->id) |
                          sqlite3_bind_int64(succeed, 3, until_ms);
        result = sqlite_change(s, succeed, bound, cannot_write, fault);
    }
    if (result != 0) {
        return undo(s, result);
    }
    sqlite3_exec(s->db, "RELEASE rotation", NULL, NULL, NULL);
    return 0;
}

struct teller {
    storage_token_fn *fn;
    void *arg;
};

static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    struct storage_token token = {
        .id = column_text(row, 0),
        .name = column_text(row, 1),
        .role = sqlite3_column_int(row, 2),
        .limits = column_text(row, 4),
        .created_ms = sqlite3_column_int64(row, 5),
        .created_by = column_text(row, 6),
        .expires_ms = sqlite3_column_int64(row, 7),
        .last_used_ms = sqlite3_column_int64(row, 8),
        .revoked_ms = sqlite3_column_int64(row, 9),
        .successor = column_text(row, 10),
    };
    const void *secret = sqlite3_column_blob(row, 3);
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    if (token.id == NULL || token.name == NULL || token.created_by == NULL || secret == NULL ||
        sqlite3_column_bytes(row, 3) != STORAGE_SECRET_HASH) {
        sqlite_damaged(s, cannot_read, fault);
        return -1;
    }
    memcpy(token.secret, secret, sizeof token.secret);
    return t->fn(t->arg, &token);
}

int storage_token_get(struct storage *s, const char *id, storage_token_fn *fn, void *arg,
                      struct fault *fault)
{
    sqlite3_stmt *get = sqlite_load(s, S_TOKEN_GET, fault);
    return get == NULL ? -1
                       : sqlite_each(s, get, bind_text(get, 1, id), cannot_read, tell,
                                     &(struct teller){fn, arg}, fault);
}

int storage_token_list(struct storage *s, const char *after, size_t limit, storage_token_fn *fn,
                       void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, S_TOKEN_LIST, fault);
    if (list == NULL) {
        return -1;
    }
    const int bound =
        bind_text(list, 1, after ? after : "") | sqlite3_bind_int64(list, 2, sql_limit(limit));
    return sqlite_each(s, list, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}
