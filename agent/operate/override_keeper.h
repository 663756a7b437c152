/*
 * override_keeper.h - overrides that last: each change with its audit entry in one durable
 * transaction, published before it is answered; loaded at start; cleared when they expire.
 */
#ifndef FFSHM_AGENT_OVERRIDE_KEEPER_H
#define FFSHM_AGENT_OVERRIDE_KEEPER_H

#include <event2/event.h>

#include "../storage/turns.h"
#include "operation.h"

#define OVERRIDES_MOST 10000u

struct override_keeper;

/* operations is copied. NULL: no memory. */
struct override_keeper *override_keeper_new(struct event_base *base,
                                            const struct operations *operations);
void override_keeper_free(struct override_keeper *k);

/* Its state file is one of a fleet's: what ends by itself is taken out of it by the host that
   leads, in a turn. Both are borrowed. */
void override_keeper_of_fleet(struct override_keeper *k, const struct turns *turns,
                              bool (*leads)(const void *arg), const void *arg);

/* What was stored is in force with what is published next: before the sources' first load. What
   cannot be is logged. */
void override_keeper_load(struct override_keeper *k);

/* The same of a flag whose row came into the state file by others (a row that is gone: it is not
   overridden); and of all rows. */
void override_keeper_renew(struct override_keeper *k, const char *key);
void override_keeper_reload(struct override_keeper *k);
/* Does the flag have a row here? */
bool override_keeper_has(const struct override_keeper *k, const char *key);

/* override NULL: clears the one there is. change: of the audit entry; its target is the key. The
   rest is as in operation_run. */
int override_keeper_change(struct override_keeper *k, const char *key,
                           const struct override *override, const struct admin_change *change,
                           bool dry_run, struct operation_outcome *outcome,
                           struct admin_error *error);

#endif
