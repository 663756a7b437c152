#include "storage_fleet.h"

#include "sqlite.h"

int storage_fleet_add(struct storage *s, int64_t sequence, const char *chain, const void *record,
                      size_t length, struct fault *fault)
{
    static const char what[] = "cannot keep a record of the fleet";
    sqlite3_stmt *add = s->statements[S_FLEET_ADD];
    const int bound = sqlite3_bind_int64(add, 1, sequence) | bind_text(add, 2, chain) |
                      bind_bytes(add, 3, record, length);
    if (sqlite_run(s, add, bound, what, fault) != 0) {
        return -1;
    }
    sqlite3_stmt *keep = s->statements[S_FLEET_KEEP];
    return sqlite_run(s, keep, sqlite3_bind_int64(keep, 1, sequence - STORAGE_FLEET_KEPT), what,
                      fault);
}

int storage_fleet_get(struct storage *s, int64_t sequence, storage_fleet_fn *fn, void *arg,
                      struct fault *fault)
{
    sqlite3_stmt *get = s->statements[S_FLEET_GET];
    int result = sqlite_step(s, get, sqlite3_bind_int64(get, 1, sequence),
                             "cannot read a record of the fleet", fault);
    if (result == 1) {
        const char *chain = column_text(get, 0);
        const void *record = sqlite3_column_blob(get, 1);
        result =
            chain && record ? fn(arg, chain, record, (size_t)sqlite3_column_bytes(get, 1)) : -1;
    }
    sqlite_reset(get);
    return result;
}

int storage_fleet_clear(struct storage *s, struct fault *fault)
{
    sqlite3_stmt *clear = s->statements[S_FLEET_CLEAR];
    return sqlite_run(s, clear, 0, "cannot forget the fleet's records", fault);
}
