/*
 * What storage.h offers, as statements of SQL (statements.c has their text).
 */
#include "storage.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "sqlite.h"

static const char *text_column(sqlite3_stmt *statement, int at)
{
    const char *text = column_text(statement, at);
    return text ? text : "";
}

struct bytes {
    const void *at; /* never NULL, unless there is no memory */
    size_t length;
};

static struct bytes bytes_column(sqlite3_stmt *statement, int at)
{
    const void *bytes = sqlite3_column_blob(statement, at);
    const size_t length = (size_t)sqlite3_column_bytes(statement, at);
    return (struct bytes){bytes == NULL && length == 0 ? "" : bytes, length};
}

/* ---- small texts by name ------------------------------------------------------------------- */

int storage_set(struct storage *s, const char *name, const char *text, struct fault *fault)
{
    sqlite3_stmt *set = s->statements[S_TEXT_SET];
    return sqlite_run(s, set, bind_text(set, 1, name) | bind_text(set, 2, text),
                      "cannot keep a text", fault);
}

int storage_get(struct storage *s, const char *name, char **text, struct fault *fault)
{
    *text = NULL;
    sqlite3_stmt *get = s->statements[S_TEXT_GET];
    int found = sqlite_step(s, get, bind_text(get, 1, name), "cannot read a text", fault);
    if (found == 1 && (*text = strdup(text_column(get, 0))) == NULL) {
        fault_set(fault, "", "give the agent more memory", "no memory for a text");
        found = -1;
    }
    sqlite_reset(get);
    return found < 0 ? -1 : 0;
}

/* ---- last known good ----------------------------------------------------------------------- */

/* 1: what is kept of the source is just this. */
static int state_is_known(struct storage *s, const char *source, XXH128_hash_t hash,
                          struct fault *fault)
{
    sqlite3_stmt *known = s->statements[S_STATE_KNOWN];
    int result = sqlite_step(s, known, bind_text(known, 1, source), "cannot read a state", fault);
    if (result == 1) {
        result = (uint64_t)sqlite3_column_int64(known, 0) == hash.high64 &&
                 (uint64_t)sqlite3_column_int64(known, 1) == hash.low64;
    }
    sqlite_reset(known);
    return result;
}

static int state_write(struct storage *s, const char *source, const void *bytes, size_t length,
                       int64_t received_ms, struct fault *fault)
{
    static const char what[] = "cannot keep a state";
    const XXH128_hash_t hash = XXH3_128bits(bytes, length);
    const int known = state_is_known(s, source, hash, fault);
    if (known < 0) {
        return -1;
    }
    sqlite3_stmt *forget = s->statements[S_STATE_FORGET_PATCHES];
    if (sqlite_run(s, forget, bind_text(forget, 1, source), what, fault) != 0) {
        return -1;
    }
    if (known) {
        sqlite3_stmt *touch = s->statements[S_STATE_TOUCH];
        return sqlite_run(s, touch,
                          bind_text(touch, 1, source) | sqlite3_bind_int64(touch, 2, received_ms),
                          what, fault);
    }
    sqlite3_stmt *set = s->statements[S_STATE_SET];
    sqlite3_stmt *set_bytes = s->statements[S_STATE_SET_BYTES];
    if (sqlite_run(s, set,
                   bind_text(set, 1, source) | sqlite3_bind_int64(set, 2, received_ms) |
                       sqlite3_bind_int64(set, 3, (sqlite3_int64)hash.high64) |
                       sqlite3_bind_int64(set, 4, (sqlite3_int64)hash.low64),
                   what, fault) != 0) {
        return -1;
    }
    return sqlite_run(s, set_bytes,
                      bind_text(set_bytes, 1, source) | bind_bytes(set_bytes, 2, bytes, length),
                      what, fault);
}

int storage_state_put(struct storage *s, const char *source, const void *bytes, size_t length,
                      int64_t received_ms, struct fault *fault)
{
    if (!sqlite3_get_autocommit(s->db)) {
        return state_write(s, source, bytes, length, received_ms, fault);
    }
    if (storage_begin(s, fault) != 0) {
        return -1;
    }
    if (state_write(s, source, bytes, length, received_ms, fault) != 0 ||
        storage_commit(s, fault) != 0) {
        storage_rollback(s);
        return -1;
    }
    return 0;
}

int storage_state_patch(struct storage *s, const char *source, const char *path, const void *bytes,
                        size_t length, int64_t received_ms, struct fault *fault)
{
    sqlite3_stmt *patch = s->statements[S_STATE_PATCH];
    const int bound = bind_text(patch, 1, source) | bind_text(patch, 2, path) |
                      sqlite3_bind_int64(patch, 3, received_ms) |
                      bind_bytes(patch, 4, bytes, length);
    return sqlite_run(s, patch, bound, "cannot keep a patch", fault);
}

static int no_memory(struct storage *s, const char *what, struct fault *fault)
{
    sqlite_fault(s, what, fault);
    return -1;
}

static int load_whole(struct storage *s, sqlite3_stmt *load, const char *source,
                      storage_state_fn *fn, void *arg, struct fault *fault)
{
    static const char what[] = "cannot read a state";
    const int found = sqlite_step(s, load, bind_text(load, 1, source), what, fault);
    if (found != 1) {
        return found;
    }
    const int64_t received_ms = sqlite3_column_int64(load, 0);
    const struct bytes bytes = bytes_column(load, 1);
    if (bytes.at == NULL) {
        return no_memory(s, what, fault);
    }
    /* SQLite finds damage of its structures, not in what it stores. */
    const XXH128_hash_t hash = XXH3_128bits(bytes.at, bytes.length);
    if ((uint64_t)sqlite3_column_int64(load, 2) != hash.high64 ||
        (uint64_t)sqlite3_column_int64(load, 3) != hash.low64) {
        sqlite_damaged(s, what, fault);
        return -1;
    }
    return fn(arg, NULL, bytes.at, bytes.length, received_ms);
}

static int load_patches(struct storage *s, sqlite3_stmt *load, const char *source,
                        storage_state_fn *fn, void *arg, struct fault *fault)
{
    static const char what[] = "cannot read a patch";
    const int bound = bind_text(load, 1, source);
    int result = 0;
    int row = 1;
    while (result == 0 && (row = sqlite_step(s, load, bound, what, fault)) == 1) {
        const struct bytes bytes = bytes_column(load, 2);
        result = bytes.at == NULL ? no_memory(s, what, fault)
                                  : fn(arg, text_column(load, 0), bytes.at, bytes.length,
                                       sqlite3_column_int64(load, 1));
    }
    return row < 0 ? -1 : result;
}

int storage_state_load(struct storage *s, const char *source, storage_state_fn *fn, void *arg,
                       struct fault *fault)
{
    sqlite3_stmt *whole = sqlite_load(s, S_STATE_LOAD, fault);
    sqlite3_stmt *patches = sqlite_load(s, S_STATE_LOAD_PATCHES, fault);
    if (whole == NULL || patches == NULL) {
        return -1;
    }
    int result = load_whole(s, whole, source, fn, arg, fault);
    sqlite_reset(whole);
    if (result == 0) {
        result = load_patches(s, patches, source, fn, arg, fault);
        sqlite_reset(patches);
    }
    return result;
}

/* ---- telemetry: what has been counted ------------------------------------------------------ */

#define ID_BYTES 16

/* Most significant first: in order, and hex() of it is the file's name. */
static void id_to_bytes(const uint64_t id[2], unsigned char bytes[ID_BYTES])
{
    for (int i = 0; i < ID_BYTES; i++) {
        bytes[i] = (unsigned char)(id[i / 8] >> (56 - 8 * (i % 8)));
    }
}

static void id_from_bytes(const unsigned char bytes[ID_BYTES], uint64_t id[2])
{
    id[0] = id[1] = 0;
    for (int i = 0; i < ID_BYTES; i++) {
        id[i / 8] = id[i / 8] << 8 | bytes[i];
    }
}

int storage_mark_put(struct storage *s, const uint64_t id[2], const void *bytes, size_t length,
                     struct fault *fault)
{
    unsigned char key[ID_BYTES];
    id_to_bytes(id, key);
    sqlite3_stmt *put = s->statements[S_MARK_PUT];
    return sqlite_run(s, put,
                      bind_bytes(put, 1, key, sizeof key) | bind_bytes(put, 2, bytes, length),
                      "cannot keep what is counted", fault);
}

int storage_mark_delete(struct storage *s, const uint64_t id[2], struct fault *fault)
{
    unsigned char key[ID_BYTES];
    id_to_bytes(id, key);
    sqlite3_stmt *delete = s->statements[S_MARK_DELETE];
    return sqlite_run(s, delete, bind_bytes(delete, 1, key, sizeof key),
                      "cannot forget what is counted", fault);
}

static int tell_mark(struct storage *s, sqlite3_stmt *load, storage_mark_fn *fn, void *arg,
                     struct fault *fault)
{
    static const char what[] = "cannot read what is counted";
    const struct bytes key = bytes_column(load, 0);
    const struct bytes bytes = bytes_column(load, 1);
    if (key.at == NULL || bytes.at == NULL) {
        return no_memory(s, what, fault);
    }
    if (key.length != ID_BYTES) {
        sqlite_damaged(s, what, fault);
        return -1;
    }
    uint64_t id[2];
    id_from_bytes(key.at, id);
    return fn(arg, id, bytes.at, bytes.length);
}

int storage_mark_load(struct storage *s, storage_mark_fn *fn, void *arg, struct fault *fault)
{
    sqlite3_stmt *load = sqlite_load(s, S_MARK_LOAD, fault);
    if (load == NULL) {
        return -1;
    }
    int result = 0;
    int row = 1;
    while (result == 0 &&
           (row = sqlite_step(s, load, 0, "cannot read what is counted", fault)) == 1) {
        result = tell_mark(s, load, fn, arg, fault);
    }
    sqlite_reset(load);
    return row < 0 ? -1 : result;
}

/* ---- events on their way ------------------------------------------------------------------- */

int storage_queue_add(struct storage *s, enum storage_queue queue, const char *sink,
                      const char *label, const void *bytes, size_t length, int64_t *number,
                      struct fault *fault)
{
    sqlite3_stmt *add = s->statements[S_QUEUE_ADD];
    const int bound = sqlite3_bind_int(add, 1, (int)queue) | bind_text(add, 2, sink) |
                      bind_text(add, 3, label ? label : "") | bind_bytes(add, 4, bytes, length);
    if (sqlite_run(s, add, bound, "cannot keep events", fault) != 0) {
        return -1;
    }
    if (number) {
        *number = sqlite3_last_insert_rowid(s->db);
    }
    return 0;
}

static int queue_delete(struct storage *s, enum statement which, enum storage_queue queue,
                        const char *sink, int64_t number, struct fault *fault)
{
    sqlite3_stmt *delete = s->statements[which];
    const int bound = sqlite3_bind_int(delete, 1, (int)queue) | bind_text(delete, 2, sink) |
                      sqlite3_bind_int64(delete, 3, number);
    return sqlite_run(s, delete, bound, "cannot forget events", fault);
}

int storage_queue_delete_to(struct storage *s, enum storage_queue queue, const char *sink,
                            int64_t number, struct fault *fault)
{
    return queue_delete(s, S_QUEUE_DELETE_TO, queue, sink, number, fault);
}

int storage_queue_delete(struct storage *s, enum storage_queue queue, const char *sink,
                         int64_t number, struct fault *fault)
{
    return queue_delete(s, S_QUEUE_DELETE, queue, sink, number, fault);
}

int storage_queue_load(struct storage *s, enum storage_queue queue, const char *sink,
                       storage_queue_fn *fn, void *arg, struct fault *fault)
{
    static const char what[] = "cannot read events";
    sqlite3_stmt *load = sqlite_load(s, S_QUEUE_LOAD, fault);
    if (load == NULL) {
        return -1;
    }
    const int bound = sqlite3_bind_int(load, 1, (int)queue) | bind_text(load, 2, sink);
    int result = 0;
    int row = 1;
    while (result == 0 && (row = sqlite_step(s, load, bound, what, fault)) == 1) {
        const struct bytes bytes = bytes_column(load, 2);
        result = bytes.at == NULL ? no_memory(s, what, fault)
                                  : fn(arg, sqlite3_column_int64(load, 0), text_column(load, 1),
                                       bytes.at, bytes.length);
    }
    sqlite_reset(load);
    return row < 0 ? -1 : result;
}
