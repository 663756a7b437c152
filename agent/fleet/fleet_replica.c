#include "fleet_replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../storage/storage_fleet.h"

#define POSITION "fleet.position" /* "EPOCH SEQUENCE CHAIN" */
#define NODE "fleet.node"

static int load_node(struct fleet_replica *r, struct fault *fault)
{
    char *text = NULL;
    if (storage_get(r->storage, NODE, &text, fault) != 0) {
        return -1;
    }
    if (text && strlen(text) == FLEET_CHAIN - 1) {
        memcpy(r->node, text, FLEET_CHAIN);
        free(text);
        return 0;
    }
    free(text);
    fleet_random(r->node);
    return storage_set(r->storage, NODE, r->node, fault);
}

/* A malformed one is none: the fleet's whole state is read then. */
static void parse_position(const char *text, struct fleet_position *at)
{
    const size_t id = FLEET_CHAIN - 1;
    const char *number = strchr(text, ' ');
    const char *chain = number ? strchr(number + 1, ' ') : NULL;
    if (!chain || (size_t)(number - text) != id || strlen(chain + 1) != id ||
        fleet_sequence(number + 1, (size_t)(chain - number - 1), &at->sequence) != 0) {
        *at = (struct fleet_position){.sequence = 0};
        return;
    }
    memcpy(at->epoch, text, id);
    memcpy(at->chain, chain + 1, id);
}

int fleet_replica_load(struct fleet_replica *r, struct storage *storage, struct fault *fault)
{
    char *text = NULL;
    *r = (struct fleet_replica){.storage = storage};
    if (storage_get(storage, POSITION, &text, fault) != 0) {
        return -1;
    }
    if (text) {
        parse_position(text, &r->at);
    }
    free(text);
    return load_node(r, fault);
}

static int set_position(struct fleet_replica *r, const struct fleet_position *at,
                        struct fault *fault)
{
    char text[2 * FLEET_CHAIN + 32];
    snprintf(text, sizeof text, "%s %" PRId64 " %s", at->epoch, at->sequence, at->chain);
    return storage_set(r->storage, POSITION, text, fault);
}

/* ---- records -------------------------------------------------------------------------------- */

struct applying {
    struct fleet_replica *r;
    struct fault *fault;
};

static int apply_row(void *arg, const struct row_change *change)
{
    const struct applying *a = arg;
    return rows_apply(a->r->storage, change, a->fault);
}

/* Within a transaction; at: where it is before it, and then after it. */
static enum fleet_applied apply_entry(struct fleet_replica *r, const struct fleet_entry *entry,
                                      struct fleet_position *at, struct fault *fault)
{
    struct applying a = {r, fault};
    struct fleet_record_head head;
    char chain[FLEET_CHAIN];
    fleet_chain_next(at->chain, entry->record, entry->length, chain);
    if (entry->sequence != at->sequence + 1 || strcmp(chain, entry->chain) != 0) {
        fault_set(fault, "", "the fleet's whole state is read again",
                  "record %" PRId64 " of the fleet is not of this host's history", entry->sequence);
        return FLEET_DIVERGED;
    }
    if (fleet_record_read(entry->record, entry->length, &head, apply_row, &a, fault) != 0 ||
        storage_fleet_add(r->storage, entry->sequence, chain, entry->record, entry->length,
                          fault) != 0) {
        return FLEET_NOT_KEPT;
    }
    at->sequence = entry->sequence;
    memcpy(at->chain, chain, sizeof at->chain);
    return FLEET_APPLIED;
}

static void tell(const struct fleet_entry *entries, size_t count, rows_fn *changed, void *arg)
{
    for (size_t i = 0; changed && i < count; i++) {
        struct fleet_record_head head;
        (void)fleet_record_read(entries[i].record, entries[i].length, &head, changed, arg, NULL);
    }
}

enum fleet_applied fleet_replica_apply(struct fleet_replica *r, const struct fleet_entry *entries,
                                       size_t count, bool durable, rows_fn *changed, void *arg,
                                       struct fault *fault)
{
    struct fleet_position at = r->at;
    enum fleet_applied result = FLEET_APPLIED;
    if ((durable ? storage_begin_agreed(r->storage, fault) : storage_begin(r->storage, fault)) !=
        0) {
        return FLEET_NOT_KEPT;
    }
    for (size_t i = 0; i < count && result == FLEET_APPLIED; i++) {
        result = apply_entry(r, &entries[i], &at, fault);
    }
    if (result == FLEET_APPLIED &&
        (set_position(r, &at, fault) != 0 || storage_commit(r->storage, fault) != 0)) {
        result = FLEET_NOT_KEPT;
    }
    if (result != FLEET_APPLIED) {
        storage_rollback(r->storage);
        return result;
    }
    r->at = at;
    tell(entries, count, changed, arg);
    return FLEET_APPLIED;
}

/* ---- a whole state -------------------------------------------------------------------------- */

int fleet_replica_replace(struct fleet_replica *r, const struct fleet_position *at,
                          struct fault *fault)
{
    if (storage_begin_agreed(r->storage, fault) != 0) {
        return -1;
    }
    if (rows_clear(r->storage, fault) != 0 || storage_fleet_clear(r->storage, fault) != 0) {
        storage_rollback(r->storage);
        return -1;
    }
    r->coming = *at;
    return 0;
}

int fleet_replica_row(struct fleet_replica *r, const struct row_change *row, struct fault *fault)
{
    return rows_apply(r->storage, row, fault);
}

enum fleet_applied fleet_replica_record(struct fleet_replica *r, const struct fleet_entry *entry,
                                        struct fault *fault)
{
    return apply_entry(r, entry, &r->coming, fault);
}

int fleet_replica_replaced(struct fleet_replica *r, struct fault *fault)
{
    if (set_position(r, &r->coming, fault) != 0 || storage_commit(r->storage, fault) != 0) {
        storage_rollback(r->storage);
        return -1;
    }
    r->at = r->coming;
    return 0;
}

void fleet_replica_undo(struct fleet_replica *r)
{
    storage_rollback(r->storage);
}

int fleet_replica_found(struct fleet_replica *r, const struct fleet_position *at,
                        struct fault *fault)
{
    if (storage_begin_agreed(r->storage, fault) != 0) {
        return -1;
    }
    if (storage_fleet_clear(r->storage, fault) != 0 || set_position(r, at, fault) != 0 ||
        storage_commit(r->storage, fault) != 0) {
        storage_rollback(r->storage);
        return -1;
    }
    r->at = *at;
    return 0;
}
