/*
 * override_keeper.h - overrides that last: each change with its audit entry in one durable
 * transaction, published before it is answered; loaded at start; cleared when they expire.
 */
#ifndef FFSHM_AGENT_OVERRIDE_KEEPER_H
#define FFSHM_AGENT_OVERRIDE_KEEPER_H

#include <event2/event.h>

#include "../admin/admin_token.h"
#include "../pipeline_change.h"
#include "../storage/state_file.h"

#define OVERRIDES_MOST 10000u
#define OVERRIDE_DIGEST 33 /* 32 hexadecimal digits and a NUL */

struct override_keeper;

/* Borrows everything. NULL: no memory. */
struct override_keeper *override_keeper_new(struct event_base *base, struct pipeline *pipeline,
                                            struct publisher *publisher, struct state_file *state);
void override_keeper_free(struct override_keeper *k);

/* What was stored is in force with what is published next: before the sources' first load. What
   cannot be is logged. */
void override_keeper_load(struct override_keeper *k);

struct override_outcome {
    char digest[OVERRIDE_DIGEST]; /* of the snapshot that comes of it */
    bool changes;                 /* it is another one than what is published */
    uint64_t generation;          /* that is published now */
};
/* override NULL: clears the one there is. change: of the audit entry; its target is the key.
   dry_run: only *outcome. 0: stored, and the next evaluation in every process of the host sees it;
   or -1 with *error: nothing has changed, or (503, "publish_failed") it is stored, and published as
   soon as that is possible. */
int override_keeper_change(struct override_keeper *k, const char *key,
                           const struct override *override, const struct admin_change *change,
                           bool dry_run, struct override_outcome *outcome,
                           struct admin_error *error);

#endif
