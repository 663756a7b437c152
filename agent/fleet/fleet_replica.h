/*
 * fleet_replica.h - this agent's copy of the fleet's state: where in the fleet's history it is, and
 * how records and whole states come in. What came in is told, so that it is put in force.
 */
#ifndef FFSHM_AGENT_FLEET_REPLICA_H
#define FFSHM_AGENT_FLEET_REPLICA_H

#include "fleet_record.h"

struct fleet_replica {
    struct storage *storage;
    char node[FLEET_CHAIN]; /* which replica it is, for good: random */
    struct fleet_position at;
    struct fleet_position coming; /* between fleet_replica_replace and its end */
};

/* Reads where it is, and which. 0, or -1 with *fault. */
int fleet_replica_load(struct fleet_replica *r, struct storage *storage, struct fault *fault);

struct fleet_entry {
    int64_t sequence;
    const void *record;
    size_t length;
    const char *chain; /* after it, as the fleet says */
};
enum fleet_applied {
    FLEET_APPLIED,
    FLEET_DIVERGED, /* it is not of our history */
    FLEET_NOT_KEPT, /* nothing has changed */
};
/* Records in their order, the first one behind our own position, in one transaction. changed is
   told of every row afterwards. durable: a power failure keeps them. */
enum fleet_applied fleet_replica_apply(struct fleet_replica *r, const struct fleet_entry *entries,
                                       size_t count, bool durable, rows_fn *changed, void *arg,
                                       struct fault *fault);

/* A whole state in place of ours: begin, rows, records behind it, end; or undo. */
int fleet_replica_replace(struct fleet_replica *r, const struct fleet_position *at,
                          struct fault *fault);
int fleet_replica_row(struct fleet_replica *r, const struct row_change *row, struct fault *fault);
enum fleet_applied fleet_replica_record(struct fleet_replica *r, const struct fleet_entry *entry,
                                        struct fault *fault);
int fleet_replica_replaced(struct fleet_replica *r, struct fault *fault);
void fleet_replica_undo(struct fleet_replica *r);

/* A new history that begins with what is here. */
int fleet_replica_found(struct fleet_replica *r, const struct fleet_position *at,
                        struct fault *fault);

#endif
