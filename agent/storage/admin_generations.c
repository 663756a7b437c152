/*
 * What was published when, and which audit entries it came of.
 */
#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read a generation";
static const char cannot_write[] = "cannot keep a generation";

int storage_generation_add(struct storage *s, const struct storage_generation *g,
                           struct fault *fault)
{
    sqlite3_stmt *add = s->statements[S_GENERATION_ADD];
    const int bound = sqlite3_bind_int64(add, 1, (sqlite3_int64)g->store) |
                      sqlite3_bind_int64(add, 2, (sqlite3_int64)g->generation) |
                      bind_text(add, 3, g->digest) | sqlite3_bind_int64(add, 4, g->published_ms) |
                      sqlite3_bind_int64(add, 5, g->first_audit) |
                      sqlite3_bind_int64(add, 6, g->last_audit);
    return sqlite_run(s, add, bound, cannot_write, fault);
}

int storage_generation_keep(struct storage *s, size_t most, struct fault *fault)
{
    sqlite3_stmt *keep = s->statements[S_GENERATION_KEEP];
    return sqlite_run(s, keep, sqlite3_bind_int64(keep, 1, (sqlite3_int64)most), cannot_write,
                      fault);
}

struct teller {
    storage_generation_fn *fn;
    void *arg;
};

static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    const struct storage_generation g = {
        .number = sqlite3_column_int64(row, 0),
        .store = (uint64_t)sqlite3_column_int64(row, 1),
        .generation = (uint64_t)sqlite3_column_int64(row, 2),
        .digest = column_text(row, 3),
        .published_ms = sqlite3_column_int64(row, 4),
        .first_audit = sqlite3_column_int64(row, 5),
        .last_audit = sqlite3_column_int64(row, 6),
    };
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    if (g.digest == NULL) {
        sqlite_damaged(s, cannot_read, fault);
        return -1;
    }
    return t->fn(t->arg, &g);
}

static int get(struct storage *s, enum statement which, int64_t what, storage_generation_fn *fn,
               void *arg, struct fault *fault)
{
    sqlite3_stmt *load = sqlite_load(s, which, fault);
    return load == NULL ? -1
                        : sqlite_each(s, load, sqlite3_bind_int64(load, 1, what), cannot_read, tell,
                                      &(struct teller){fn, arg}, fault);
}

int storage_generation_get(struct storage *s, uint64_t generation, storage_generation_fn *fn,
                           void *arg, struct fault *fault)
{
    return get(s, S_GENERATION_GET, (int64_t)generation, fn, arg, fault);
}

int storage_generation_at(struct storage *s, int64_t time_ms, storage_generation_fn *fn, void *arg,
                          struct fault *fault)
{
    return get(s, S_GENERATION_AT, time_ms, fn, arg, fault);
}

int storage_generation_list(struct storage *s, int64_t before, size_t limit,
                            storage_generation_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, S_GENERATION_LIST, fault);
    if (list == NULL) {
        return -1;
    }
    const int bound = sqlite3_bind_int64(list, 1, before > 0 ? before : INT64_MAX) |
                      sqlite3_bind_int64(list, 2, sql_limit(limit));
    return sqlite_each(s, list, bound, cannot_read, tell, &(struct teller){fn, arg}, fault);
}
