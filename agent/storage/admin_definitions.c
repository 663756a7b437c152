/*
 * Definitions and their versions: definition_version has the newest ones of every key, also after a
 * deletion, so that the next number is known; definition says which are in force.
 */
#include <string.h>

#include "hash.h"
#include "sqlite.h"
#include "storage_admin.h"

static const char cannot_read[] = "cannot read a definition";
static const char cannot_write[] = "cannot keep a definition";

static int bind_item(sqlite3_stmt *statement, enum storage_kind kind, const char *key)
{
    return sqlite3_bind_int(statement, 1, (int)kind) | bind_text(statement, 2, key);
}

static int64_t hash_of(const char *text)
{
    return (int64_t)XXH3_64bits(text, strlen(text));
}

/* ---- writing ------------------------------------------------------------------------------- */

static int number_of(struct storage *s, enum statement which, const struct storage_definition *d,
                     int64_t *number, struct fault *fault)
{
    sqlite3_stmt *statement = s->statements[which];
    *number = 0;
    return sqlite_number(s, statement, bind_item(statement, d->kind, d->key), cannot_read, number,
                         fault);
}

static int add_version(struct storage *s, const struct storage_definition *d, int64_t version,
                       struct fault *fault)
{
    const char *text = d->came == STORAGE_DELETED ? "" : d->text;
    sqlite3_stmt *add = s->statements[S_DEFINITION_ADD];
    const int bound = bind_item(add, d->kind, d->key) | sqlite3_bind_int64(add, 3, version) |
                      sqlite3_bind_int(add, 4, (int)d->came) |
                      sqlite3_bind_int64(add, 5, d->changed_ms) | bind_text(add, 6, d->changed_by) |
                      bind_text(add, 7, d->reason) | sqlite3_bind_int64(add, 8, hash_of(text)) |
                      bind_text(add, 9, text) | sqlite3_bind_int64(add, 10, d->audit);
    return sqlite_run(s, add, bound, cannot_write, fault);
}

static int prune(struct storage *s, const struct storage_definition *d, int64_t newest,
                 struct fault *fault)
{
    sqlite3_stmt *drop = s->statements[S_DEFINITION_PRUNE];
    return newest <= STORAGE_VERSIONS_KEPT
               ? 0
               : sqlite_run(s, drop,
                            bind_item(drop, d->kind, d->key) |
                                sqlite3_bind_int64(drop, 3, newest - STORAGE_VERSIONS_KEPT),
                            cannot_write, fault);
}

static int set_current(struct storage *s, const struct storage_definition *d, int64_t version,
                       struct fault *fault)
{
    if (d->came == STORAGE_DELETED) {
        sqlite3_stmt *drop = s->statements[S_DEFINITION_DROP];
        return sqlite_run(s, drop, bind_item(drop, d->kind, d->key), cannot_write, fault);
    }
    sqlite3_stmt *set = s->statements[S_DEFINITION_SET];
    return sqlite_run(s, set, bind_item(set, d->kind, d->key) | sqlite3_bind_int64(set, 3, version),
                      cannot_write, fault);
}

int storage_definition_put(struct storage *s, const struct storage_definition *d, int64_t expected,
                           int64_t *version, struct fault *fault)
{
    int64_t current = 0;
    int64_t newest = 0;
    if (sqlite_in_transaction(s, cannot_write, fault) != 0 ||
        number_of(s, S_DEFINITION_CURRENT, d, &current, fault) != 0 ||
        number_of(s, S_DEFINITION_NEWEST, d, &newest, fault) != 0) {
        return -1;
    }
    const bool conflict = (expected != STORAGE_ANY_VERSION && expected != current) ||
                          (d->came == STORAGE_DELETED && current == 0);
    if (version) {
        *version = conflict ? current : newest + 1;
    }
    if (conflict) {
        return STORAGE_CONFLICT;
    }
    if (add_version(s, d, newest + 1, fault) != 0 || prune(s, d, newest + 1, fault) != 0) {
        return -1;
    }
    return set_current(s, d, newest + 1, fault);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct teller {
    storage_definition_fn *fn;
    void *arg;
    const char *prefix; /* of a list */
    const char *after;
    size_t left;
};

int definition_row(struct storage *s, sqlite3_stmt *row, struct storage_definition *d,
                   struct fault *fault)
{
    *d = (struct storage_definition){
        .kind = (enum storage_kind)sqlite3_column_int(row, 0),
        .key = column_text(row, 1),
        .version = sqlite3_column_int64(row, 2),
        .came = (enum storage_came)sqlite3_column_int(row, 3),
        .changed_ms = sqlite3_column_int64(row, 4),
        .changed_by = column_text(row, 5),
        .reason = column_text(row, 6),
        .text = column_text(row, 8),
        .audit = sqlite3_column_int64(row, 9),
    };
    if (column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    if (d->key == NULL || d->changed_by == NULL || d->text == NULL ||
        sqlite3_column_int64(row, 7) != hash_of(d->text) || d->came > STORAGE_DELETED) {
        sqlite_damaged(s, cannot_read, fault);
        return -1;
    }
    return 0;
}

static int tell(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct teller *t = arg;
    struct storage_definition d;
    return definition_row(s, row, &d, fault) == 0 ? t->fn(t->arg, &d) : -1;
}

int storage_definition_get(struct storage *s, enum storage_kind kind, const char *key,
                           int64_t version, storage_definition_fn *fn, void *arg,
                           struct fault *fault)
{
    sqlite3_stmt *get =
        sqlite_load(s, version == 0 ? S_DEFINITION_GET : S_DEFINITION_GET_VERSION, fault);
    if (get == NULL) {
        return -1;
    }
    const int bound = bind_item(get, kind, key) |
                      (version == 0 ? SQLITE_OK : sqlite3_bind_int64(get, 3, version));
    return sqlite_each(s, get, bound, cannot_read, tell, &(struct teller){.fn = fn, .arg = arg},
                       fault);
}

struct listing {
    struct teller teller;
    void (*damaged)(void *arg, const char *key); /* or NULL */
    bool ended;                                  /* by us: what stopped it is no answer of fn's */
};

/* 0: it is told as damaged, and the list goes on. */
static int pass_over(struct storage *s, sqlite3_stmt *row, const struct listing *l,
                     struct fault *fault)
{
    const char *key = column_text(row, 1);
    if (!l->damaged || key == NULL || column_trouble(s, cannot_read, fault) != 0) {
        return -1;
    }
    l->damaged(l->teller.arg, key);
    return 0;
}

/* Keys with the prefix are neighbours, and the first of them is where the list began. */
static int tell_listed(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    struct listing *l = arg;
    struct teller *t = &l->teller;
    struct storage_definition d;
    if (definition_row(s, row, &d, fault) != 0) {
        return pass_over(s, row, l, fault);
    }
    if (t->after && strcmp(d.key, t->after) <= 0) {
        return 0;
    }
    if (t->prefix && strncmp(d.key, t->prefix, strlen(t->prefix)) != 0) {
        l->ended = true;
        return 1;
    }
    const int result = t->fn(t->arg, &d);
    if (result == 0 && --t->left == 0) {
        l->ended = true;
        return 1;
    }
    return result;
}

int storage_definition_list(struct storage *s, const struct storage_definition_query *query,
                            storage_definition_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, S_DEFINITION_LIST, fault);
    if (list == NULL) {
        return -1;
    }
    const char *prefix = query->prefix ? query->prefix : "";
    const char *after = query->after ? query->after : "";
    const char *first = strcmp(after, prefix) > 0 ? after : prefix;
    struct listing l = {
        .teller = {fn, arg, prefix, query->after, query->limit > 0 ? query->limit : SIZE_MAX},
        .damaged = query->damaged};
    const int bound =
        bind_item(list, query->kind, first) |
        sqlite3_bind_int(list, 3, query->archived_too ? STORAGE_ARCHIVED : STORAGE_PUT);
    const int result = sqlite_each(s, list, bound, cannot_read, tell_listed, &l, fault);
    return l.ended ? 0 : result;
}

int storage_definition_history(struct storage *s, enum storage_kind kind, const char *key,
                               int64_t before, size_t limit, storage_definition_fn *fn, void *arg,
                               struct fault *fault)
{
    sqlite3_stmt *history = sqlite_load(s, S_DEFINITION_HISTORY, fault);
    if (history == NULL) {
        return -1;
    }
    const int bound = bind_item(history, kind, key) |
                      sqlite3_bind_int64(history, 3, before > 0 ? before : INT64_MAX) |
                      sqlite3_bind_int64(history, 4, sql_limit(limit));
    return sqlite_each(s, history, bound, cannot_read, tell, &(struct teller){.fn = fn, .arg = arg},
                       fault);
}

/* ---- at a time ----------------------------------------------------------------------------- */

struct as_of_teller {
    struct teller teller;
    bool told;
};

static int tell_as_of(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    struct as_of_teller *t = arg;
    t->told = true;
    return tell(s, row, &t->teller, fault);
}

int storage_definition_as_of(struct storage *s, enum storage_kind kind, const char *key,
                             int64_t audit, storage_definition_fn *fn, void *arg,
                             struct fault *fault)
{
    struct as_of_teller t = {{.fn = fn, .arg = arg}, false};
    const struct storage_definition d = {.kind = kind, .key = key};
    int64_t oldest = 0;
    sqlite3_stmt *get = sqlite_load(s, S_DEFINITION_AS_OF, fault);
    if (get == NULL || sqlite_load(s, S_DEFINITION_OLDEST, fault) == NULL) {
        return -1;
    }
    const int bound = bind_item(get, kind, key) | sqlite3_bind_int64(get, 3, audit);
    const int result = sqlite_each(s, get, bound, cannot_read, tell_as_of, &t, fault);
    if (t.told || result != 0) {
        return result;
    }
    if (number_of(s, S_DEFINITION_OLDEST, &d, &oldest, fault) != 0) {
        return -1;
    }
    return oldest > 1 ? STORAGE_CONFLICT : 0;
}

struct key_teller {
    storage_key_fn *fn;
    void *arg;
};

static int tell_key(struct storage *s, sqlite3_stmt *row, void *arg, struct fault *fault)
{
    const struct key_teller *t = arg;
    const char *key = column_text(row, 1);
    if (column_trouble(s, cannot_read, fault) != 0 || key == NULL) {
        return -1;
    }
    return t->fn(t->arg, (enum storage_kind)sqlite3_column_int(row, 0), key);
}

int storage_definition_changed(struct storage *s, int64_t after, int64_t to, storage_key_fn *fn,
                               void *arg, struct fault *fault)
{
    sqlite3_stmt *list = sqlite_load(s, S_DEFINITION_CHANGED, fault);
    if (list == NULL) {
        return -1;
    }
    const int bound = sqlite3_bind_int64(list, 1, after) | sqlite3_bind_int64(list, 2, to);
    return sqlite_each(s, list, bound, cannot_read, tell_key, &(struct key_teller){fn, arg}, fault);
}

int storage_definition_audit(struct storage *s, enum storage_kind kind, const char *key,
                             int64_t version, int64_t audit, struct fault *fault)
{
    sqlite3_stmt *set = s->statements[S_DEFINITION_AUDIT];
    const int bound = sqlite3_bind_int(set, 1, (int)kind) | bind_text(set, 2, key) |
                      sqlite3_bind_int64(set, 3, version) | sqlite3_bind_int64(set, 4, audit);
    return sqlite_run(s, set, bound, "cannot keep a definition", fault);
}
