/*
 * evaluate_store.h - the agent's own store, read as any program reads it: opened when somebody
 * asks, and let go when nobody has asked for a while, so that the agent maps no snapshot for long
 * that nobody else needs.
 */
#ifndef FFSHM_AGENT_EVALUATE_STORE_H
#define FFSHM_AGENT_EVALUATE_STORE_H

#include <event2/event.h>

#include "../admin/admin_error.h"
#include "../inspect/inspect_at.h"
#include "../storage/state_file.h"
#include "ffshm.h"

struct evaluate_store {
    struct event_base *base;
    const char *dir;              /* borrowed, as what follows */
    const struct state_file *log; /* which generation was published when */
    uint64_t epoch;               /* of the store */
    struct ffshm *store;          /* NULL: not open */
    struct event *timer;          /* lets it go */
};

/* Pins the current snapshot, or (at not NULL) the one of then. 0, or -1 with *error: 503 where
   there is none, 404 where it is not retained. ffshm_unpin lets it go, within this turn of the
   loop. */
int evaluate_store_pin(struct evaluate_store *s, const struct at *at, struct ffshm_view *view,
                       struct admin_error *error);
void evaluate_store_close(struct evaluate_store *s);

#endif
