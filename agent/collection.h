/*
 * collection.h - what programs tell, collected on this host, whoever takes it: LaunchDarkly's
 * delivery of events, the totals of a fleet, or nobody, and `ffctl top` looks on.
 *
 * Only glue: collect/ -> deliver/, and what becomes of it into the control page.
 */
#ifndef FFSHM_AGENT_COLLECTION_H
#define FFSHM_AGENT_COLLECTION_H

#include <event2/event.h>

#include "collect/collector.h"
#include "config.h"
#include "fleet/fleet_totals.h"
#include "publish/publisher.h"

struct collection;

/* Does nothing yet. Borrows everything. NULL: no memory. */
struct collection *collection_new(struct event_base *base, const struct config *config,
                                  struct publisher *publisher);
/* What programs count stays open, and the next agent finds it. */
void collection_free(struct collection *c);

/* Hands on what programs ask for (collector.h), also where nothing is counted. Before the start. */
void collection_on_asks(struct collection *c, void (*asked)(void *arg, const char *key), void *arg);

/* Whoever takes what is collected; borrowed. */
struct collection_takers {
    struct storage *storage; /* how far was counted; NULL: after a restart counting begins anew */
    struct deliver *deliver; /* NULL: whole events are not kept */
    struct fleet_totals *totals; /* NULL: there is no fleet */
    bool passes_over;            /* what is there already: it was told for somebody else */
};

/* Programs are to count from now on, unless that is not wanted (events.enabled). What goes wrong is
   logged: the agent goes on without. */
void collection_start(struct collection *c, const struct collection_takers *takers);

/* Collects now: the agent is about to stop. 0, or -1: not kept, logged. */
int collection_flush(struct collection *c);
/* Contexts are to be told anew. */
void collection_forget_contexts(struct collection *c);
/* false: nothing is collected. */
bool collection_stats(const struct collection *c, struct collector_stats *out);

#endif
