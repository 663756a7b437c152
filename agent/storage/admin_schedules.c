/*
 * Dated changes. A row stays when it is over; only a pending one can become so, which makes a
 * change of the same transaction happen once.
 */
#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read a schedule";
static const char cannot_write[] = "cannot keep a schedule";

int storage_schedule_add(struct storage *s, const struct storage_schedule *schedule,
                         int64_t *number, struct fault *fault)
{
    sqlite3_stmt *add = s->statements[S_SCHEDULE_ADD];
    const int bound =
        sqlite3_bind_int(add, 1, (int)schedule->kind) | bind_text(add, 2, schedule->key) |
        sqlite3_bind_int64(add, 3, schedule->at_ms) | bind_text(add, 4, schedule->change) |
        bind_text(add, 5, schedule->author) | bind_text(add, 6, schedule->authenticated) |
        bind_text(add, 7, schedule->reason) | sqlite3_bind_int64(add, 8, schedule->created_ms);
    if (sqlite_run(s, add, bound, cannot_write, fault) != 0) {
        return -1;
    }
    if (number) {
        *number = sqlite3_last_insert_rowid(s->db);
    }
    return 0;
}

int storage_schedule_finish(struct storage *s, int64_t number, enum storage_schedule_state state,
                            int64_t done_ms, const char *result, struct fault *fault)
{
    sqlite3_stmt *finish = s->statements[S_SCHEDULE_FINISH];
    const int bound = sqlite3_bind_int64(finish, 1, number) |
                      sqlite3_bind_int(finish, 2, (int)state) |
                      sqlite3_bind_int64(finish, 3, done_ms) | bind_text(finish, 4, result);
    return sqlite_change(s, finish, bound, cannot_write, fault);
}

struct teller {
    storage_schedule_fn *fn;
    void *arg;
};

static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    const struct storage_schedule schedule = {
        .number = sqlite3_column_int64(row, 0),
        .kind = (enum storage_kind)sqlite3_column_int(row, 1),
        .key = column_text(row, 2),
        .at_ms = sqlite3_column_int64(row, 3),
        .change = column_text(row, 4),
        .author = column_text(row, 5),
        .authenticated = column_text(row, 6),
        .reason = column_text(row, 7),
        .created_ms = sqlite3_column_int64(row, 8),
        .state = (enum storage_schedule_state)sqlite3_column_int(row, 9),
        .done_ms = sqlite3_column_int64(row, 10),
        .result = column_text(row, 11),
    };
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    if (schedule.key == NULL || schedule.change == NULL || schedule.author == NULL ||
        schedule.authenticated == NULL || schedule.kind > STORAGE_SEGMENT ||
        schedule.state > STORAGE_CANCELLED) {
        sqlite_damaged(s, cannot_read, fault);
        return -1;
    }
    return t->fn(t->arg, &schedule);
}

int storage_schedule_get(struct storage *s, int64_t number, storage_schedule_fn *fn, void *arg,
                         struct fault *fault)
{
    sqlite3_stmt *get = sqlite_load(s, S_SCHEDULE_GET, fault);
    return get == NULL ? -1
                       : sqlite_each(s, get, sqlite3_bind_int64(get, 1, number), cannot_read, tell,
                                     &(struct teller){fn, arg}, fault);
}

int storage_schedule_list(struct storage *s, enum storage_kind kind, const char *key, int64_t after,
                          size_t limit, storage_schedule_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, key ? S_SCHEDULE_LIST_ITEM : S_SCHEDULE_LIST, fault);
    if (list == NULL) {
        return -1;
    }
    int bound = sqlite3_bind_int64(list, 1, after) | sqlite3_bind_int64(list, 2, sql_limit(limit));
    if (key) {
        bound |= sqlite3_bind_int(list, 3, (int)kind) | bind_text(list, 4, key);
    }
    return sqlite_each(s, list, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}

int storage_schedule_due(struct storage *s, int64_t now_ms, size_t limit, storage_schedule_fn *fn,
                         void *arg, struct fault *fault)
{
    sqlite3_stmt *due = sqlite_load(s, S_SCHEDULE_DUE, fault);
    if (due == NULL) {
        return -1;
    }
    const int bound =
        sqlite3_bind_int64(due, 1, now_ms) | sqlite3_bind_int64(due, 2, sql_limit(limit));
    return sqlite_each(s, due, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}

int storage_schedule_next(struct storage *s, int64_t *at_ms, struct fault *fault)
{
    *at_ms = INT64_MAX;
    return sqlite_number(s, s->statements[S_SCHEDULE_NEXT], 0, cannot_read, at_ms, fault);
}
