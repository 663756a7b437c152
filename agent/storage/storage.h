/*
 * storage.h - what the agent keeps over restarts: last known good definitions, what of telemetry is
 * counted, and events that are not delivered yet. What operators change: storage_admin.h. One small
 * interface; sqlite.c is behind it.
 *
 * All functions: 0, or -1 with *fault (which may be NULL). None retries; a failed call inside a
 * transaction leaves the transaction to be rolled back by the caller.
 */
#ifndef FFSHM_AGENT_STORAGE_H
#define FFSHM_AGENT_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/fault.h"

struct storage;

/* Opens or makes the file (its directory, too; both for this user alone), brings an older schema up
   to date, refuses a newer one. One agent per file: held by another is a fault that says so. A
   damaged file is a fault that names it and the next step. path ":memory:" keeps nothing.
   NULL and *fault. */
struct storage *storage_open(const char *path, struct fault *fault);
void storage_close(struct storage *s);

/* Transactions do not nest. kill -9 of the agent at any instruction keeps all of a committed one
   and nothing of another; a power failure may lose the last seconds, never mix. */
int storage_begin(struct storage *s, struct fault *fault);
/* What its commit has, a power failure keeps too, and all that was committed before: it waits for
   the disk. Never mixed with another one: its own commit or rollback ends it. */
int storage_begin_durable(struct storage *s, struct fault *fault);
int storage_commit(struct storage *s, struct fault *fault);
void storage_rollback(struct storage *s);
/* Is one open? */
bool storage_begun(const struct storage *s);
/* All that is committed so far a power failure keeps, too: waits for the disk. */
int storage_sync(struct storage *s, struct fault *fault);

/* A storage that is one of many of a fleet: what a durable transaction has changed is agreed on
   with the others first, and comes in by rows_apply when it is. */
struct storage_agreement {
    /* May a durable transaction begin? 0, or -1 with *fault. */
    int (*begin)(void *arg, struct fault *fault);
    /* What the open transaction has changed (rows_captured) is to be agreed on; it is rolled back
       afterwards. 0: storage_commit succeeds; or -1 with *fault. */
    int (*propose)(void *arg, struct storage *s, struct fault *fault);
    void *arg;
};
/* Borrows it. 0, or -1 with *fault. */
int storage_agree(struct storage *s, const struct storage_agreement *agreement,
                  struct fault *fault);
/* Does a commit of a durable transaction only propose? */
bool storage_proposes(const struct storage *s);
/* A durable transaction all the same: what was agreed on comes in by it. */
int storage_begin_agreed(struct storage *s, struct fault *fault);

/* ---- small texts by name ------------------------------------------------------------------- */

int storage_set(struct storage *s, const char *name, const char *text, struct fault *fault);
/* *text is malloc'ed, NULL when there is none. */
int storage_get(struct storage *s, const char *name, char **text, struct fault *fault);

/* ---- last known good ----------------------------------------------------------------------- */

/* A source's whole state, as the bytes that it came in: forgets what was kept of that source. An
   equal state only changes the time. */
int storage_state_put(struct storage *s, const char *source, const void *bytes, size_t length,
                      int64_t received_ms, struct fault *fault);
/* One item since: the newest of each path ("/flags/KEY") counts. */
int storage_state_patch(struct storage *s, const char *source, const char *path, const void *bytes,
                        size_t length, int64_t received_ms, struct fault *fault);
/* Calls fn for the whole state (path NULL), then for each patch, in no particular order;
   received_ms is that of each. fn returns 0 to go on; anything else stops, and is returned. */
typedef int storage_state_fn(void *arg, const char *path, const void *bytes, size_t length,
                             int64_t received_ms);
int storage_state_load(struct storage *s, const char *source, storage_state_fn *fn, void *arg,
                       struct fault *fault);

/* ---- telemetry: what has been counted ------------------------------------------------------ */

/* Of one process's file: opaque bytes of the collector's. */
int storage_mark_put(struct storage *s, const uint64_t id[2], const void *bytes, size_t length,
                     struct fault *fault);
int storage_mark_delete(struct storage *s, const uint64_t id[2], struct fault *fault);
typedef int storage_mark_fn(void *arg, const uint64_t id[2], const void *bytes, size_t length);
int storage_mark_load(struct storage *s, storage_mark_fn *fn, void *arg, struct fault *fault);

/* ---- events on their way ------------------------------------------------------------------- */

/* Two queues of each sink ("launchdarkly"): what is not yet in a payload, and payloads. Numbers
   grow and are never reused. */
enum storage_queue { STORAGE_SPOOL = 0, STORAGE_OUTBOX = 1 };

/* label: of the payload (its id, where it goes), for whoever loads it. */
int storage_queue_add(struct storage *s, enum storage_queue queue, const char *sink,
                      const char *label, const void *bytes, size_t length, int64_t *number,
                      struct fault *fault);
/* Everything up to and including `number`, or only that one. */
int storage_queue_delete_to(struct storage *s, enum storage_queue queue, const char *sink,
                            int64_t number, struct fault *fault);
int storage_queue_delete(struct storage *s, enum storage_queue queue, const char *sink,
                         int64_t number, struct fault *fault);
/* In the order of their numbers. fn as above. */
typedef int storage_queue_fn(void *arg, int64_t number, const char *label, const void *bytes,
                             size_t length);
int storage_queue_load(struct storage *s, enum storage_queue queue, const char *sink,
                       storage_queue_fn *fn, void *arg, struct fault *fault);

#endif
