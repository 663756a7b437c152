/*
 * rows.h - what operators change, as rows that others can have, too: which rows a transaction has
 * changed, and how rows of another storage get into this one. For a fleet, whose storages are all
 * the same (docs/redis.md).
 *
 * A key and a row are msgpack arrays of the columns' values. Six tables take part: definitions and
 * their versions, overrides, schedules, tokens, the audit. When a token was last used is each
 * host's own.
 *
 * As in storage.h: 0, or -1 with *fault.
 */
#ifndef FFSHM_AGENT_ROWS_H
#define FFSHM_AGENT_ROWS_H

#include "storage.h"

enum rows_table {
    ROWS_DEFINITION,
    ROWS_VERSION,
    ROWS_OVERRIDE,
    ROWS_SCHEDULE,
    ROWS_TOKEN,
    ROWS_AUDIT,
    ROWS_TABLES
};
/* "definition", "version", ...: the last part of a key in Redis. */
extern const char *const rows_table_names[ROWS_TABLES];

struct row_change {
    enum rows_table table;
    const void *key;
    size_t key_length;
    const void *row; /* NULL: it is gone */
    size_t row_length;
};
/* Borrowed, until it returns. 0 goes on, anything else stops and is returned. */
typedef int rows_fn(void *arg, const struct row_change *change);

/* From now on it is noted which rows a transaction changes. */
int rows_capture(struct storage *s, struct fault *fault);
/* Those of the open transaction, each once, in the order of their first change, as they are now. */
int rows_captured(struct storage *s, rows_fn *fn, void *arg, struct fault *fault);

/* Within a transaction. A row of another form than this table's is a fault. */
int rows_apply(struct storage *s, const struct row_change *change, struct fault *fault);
/* All rows of a table. */
int rows_each(struct storage *s, enum rows_table table, rows_fn *fn, void *arg,
              struct fault *fault);
/* Within a transaction: none is left, in no table; the audit's neither. Only for others that come
   in their place. */
int rows_clear(struct storage *s, struct fault *fault);

/* One value of a key or a row, as a number, a text or bytes: 0 and "" where it is none. text
   borrows from the key or row, and is not terminated. */
struct rows_key {
    int64_t number;
    const char *text;
    size_t length;
    bool none; /* NULL */
};
/* Up to `most` values, in the order of the columns; how many there are, -1: it is no key or row. */
int rows_key_read(const void *key, size_t length, struct rows_key *values, size_t most);
#define ROWS_COLUMNS_MOST 12
/* A copy as a text, malloc'ed; NULL: it is none, or there is no memory. */
char *rows_text(const struct rows_key *value);

#endif
