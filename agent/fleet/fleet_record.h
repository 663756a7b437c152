/*
 * fleet_record.h - one change of a fleet: the rows that it makes, as every agent gets them.
 *
 * A record is a msgpack array: 1 (its form), id (16 random bytes), host, time_ms, and a list of
 * [table, key, row], where a row that is gone is nil; key and row as in rows.h.
 *
 * Records form a chain: the chain after one is the 128-bit hash of the chain before it and of its
 * bytes. Two agents with the same chain have had the same records in the same order.
 */
#ifndef FFSHM_AGENT_FLEET_RECORD_H
#define FFSHM_AGENT_FLEET_RECORD_H

#include <stdbool.h>

#include "../storage/rows.h"

#define FLEET_ID 16
#define FLEET_CHAIN 33 /* 32 hexadecimal digits and a NUL */

/* Where one is in a fleet's history. */
struct fleet_position {
    char epoch[FLEET_CHAIN]; /* which history; "": none */
    int64_t sequence;        /* how many records it has had */
    char chain[FLEET_CHAIN]; /* after the last of them */
};

/* The chain after a record. */
void fleet_chain_next(const char chain[FLEET_CHAIN], const void *record, size_t length,
                      char next[FLEET_CHAIN]);
/* Digits. 0, or -1: it is no number of a record. */
int fleet_sequence(const char *text, size_t length, int64_t *sequence);
/* 32 random hexadecimal digits. */
void fleet_random(char text[FLEET_CHAIN]);

struct fleet_record {
    char *bytes; /* owned */
    size_t length;
    uint8_t id[FLEET_ID];
    size_t changes;
};

/* What the open transaction of a storage has changed. 0, or -1 with *fault. */
int fleet_record_of(struct storage *s, const char *host, int64_t time_ms,
                    struct fleet_record *record, struct fault *fault);
/* The same with given rows. */
struct fleet_record_writer;
struct fleet_record_writer *fleet_record_begin(const char *host, int64_t time_ms);
int fleet_record_put(struct fleet_record_writer *w, const struct row_change *change);
/* Frees the writer. 0, or -1: no memory. */
int fleet_record_end(struct fleet_record_writer *w, struct fleet_record *record);
void fleet_record_free(struct fleet_record *record);

struct fleet_record_head {
    uint8_t id[FLEET_ID];
    const char *host; /* borrows from the record, not terminated */
    size_t host_length;
    int64_t time_ms;
    size_t changes;
};
/* Its head, then each change to fn, which may be NULL. 0; -1 with *fault: it is no record, and
   nothing was told; or what fn returned. */
int fleet_record_read(const void *bytes, size_t length, struct fleet_record_head *head, rows_fn *fn,
                      void *arg, struct fault *fault);

#endif
