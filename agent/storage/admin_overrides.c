/*
 * Kill switches and pins: one row a flag, gone when it is lifted (the audit tells of it).
 */
#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read an override";
static const char cannot_write[] = "cannot keep an override";

int storage_override_put(struct storage *s, const struct storage_override *override,
                         struct fault *fault)
{
    sqlite3_stmt *put = s->statements[S_OVERRIDE_PUT];
    const int bound =
        bind_text(put, 1, override->flag) | sqlite3_bind_int(put, 2, (int) override->kind) |
        bind_text(put, 3, override->variant) | bind_text(put, 4, override->reason) |
        bind_text(put, 5, override->set_by) | sqlite3_bind_int64(put, 6, override->set_ms) |
        sqlite3_bind_int64(put, 7, override->expires_ms);
    return sqlite_run(s, put, bound, cannot_write, fault);
}

int storage_override_delete(struct storage *s, const char *flag, struct fault *fault)
{
    sqlite3_stmt *delete = s->statements[S_OVERRIDE_DELETE];
    return sqlite_change(s, delete, bind_text(delete, 1, flag), cannot_write, fault);
}

struct teller {
    storage_override_fn *fn;
    void *arg;
};

static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    const struct storage_override o = {
        .flag = column_text(row, 0),
        .kind = (enum storage_override_kind)sqlite3_column_int(row, 1),
        .variant = column_text(row, 2),
        .reason = column_text(row, 3),
        .set_by = column_text(row, 4),
        .set_ms = sqlite3_column_int64(row, 5),
        .expires_ms = sqlite3_column_int64(row, 6),
    };
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    if (o.flag == NULL || o.reason == NULL || o.set_by == NULL || o.kind > STORAGE_PIN) {
        sqlite_damaged(s, cannot_read, fault);
        return -1;
    }
    return t->fn(t->arg, &o);
}

int storage_override_get(struct storage *s, const char *flag, storage_override_fn *fn, void *arg,
                         struct fault *fault)
{
    sqlite3_stmt *get = sqlite_load(s, S_OVERRIDE_GET, fault);
    return get == NULL ? -1
                       : sqlite_each(s, get, bind_text(get, 1, flag), cannot_read, tell,
                                     &(struct teller){fn, arg}, fault);
}

int storage_override_list(struct storage *s, const char *after, size_t limit,
                          storage_override_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, S_OVERRIDE_LIST, fault);
    if (list == NULL) {
        return -1;
    }
    const int bound =
        bind_text(list, 1, after ? after : "") | sqlite3_bind_int64(list, 2, sql_limit(limit));
    return sqlite_each(s, list, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}

int storage_override_due(struct storage *s, int64_t now_ms, size_t limit, storage_override_fn *fn,
                         void *arg, struct fault *fault)
{
    sqlite3_stmt *due = sqlite_load(s, S_OVERRIDE_DUE, fault);
    if (due == NULL) {
        return -1;
    }
    const int bound =
        sqlite3_bind_int64(due, 1, now_ms) | sqlite3_bind_int64(due, 2, sql_limit(limit));
    return sqlite_each(s, due, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}

int storage_override_next(struct storage *s, int64_t *expires_ms, struct fault *fault)
{
    *expires_ms = INT64_MAX;
    return sqlite_number(s, s->statements[S_OVERRIDE_NEXT], 0, cannot_read, expires_ms, fault);
}
