/*
 * fleet_totals.h - what this host counts, added to the fleet's totals in Redis:
 *
 *     {PREFIX:ENVIRONMENT}:count:MINUTE   hash: a cell (fleet_cells.h) -> evaluations; for two
 * hours {PREFIX:ENVIRONMENT}:counted:RUN    the last batch of that run of an agent; for three hours
 *
 * Exactly once, also through kill -9 of the agent or of Redis's connection. A batch of counts is
 * stored in the transaction that stores how far the programs' counters were read, and is deleted
 * when Redis has answered. It is sent, one at a time, by a script that adds it unless that run's
 * last batch is this one or a later one: what is sent again is not counted again. What Redis itself
 * loses is lost.
 *
 * While Redis is away, batches of one minute become one; what is older than two hours, or more than
 * FLEET_TOTALS_WAITING bytes, is dropped and counted.
 */
#ifndef FFSHM_AGENT_FLEET_TOTALS_H
#define FFSHM_AGENT_FLEET_TOTALS_H

#include <event2/event.h>

#include "../redis/redis_link.h"
#include "../storage/storage.h"

#define FLEET_TOTALS_KEPT_S 7200
#define FLEET_TOTALS_WAITING ((size_t)16 << 20)

/* The fleet's connection for commands, asked for anew each time; NULL: there is none. */
typedef struct redis_link *fleet_link_fn(void *arg);

struct fleet_totals;

struct fleet_totals_options {
    fleet_link_fn *link;
    void *arg;
    const char *prefix;
    const char *environment;
    struct storage *storage; /* the host's own, borrowed; NULL: what waits goes with the agent */
};

/* What an earlier agent could not send is taken up. NULL and *fault. */
struct fleet_totals *fleet_totals_new(struct event_base *base,
                                      const struct fleet_totals_options *options,
                                      struct fault *fault);
void fleet_totals_free(struct fleet_totals *t);

/* As deliver.h's: inside the collector's transaction, and after it. */
void fleet_totals_count(struct fleet_totals *t, const char *key, int64_t variation, bool unknown,
                        uint64_t count);
int fleet_totals_flush(struct fleet_totals *t);
void fleet_totals_committed(struct fleet_totals *t);
void fleet_totals_revert(struct fleet_totals *t);

struct fleet_totals_stats {
    uint64_t counted; /* evaluations that Redis has in this run */
    uint64_t dropped; /* evaluations */
    size_t waiting;   /* batches */
    size_t waiting_bytes;
};
void fleet_totals_stats(const struct fleet_totals *t, struct fleet_totals_stats *out);

/* The key of a minute's totals; malloc'ed, NULL: no memory. */
char *fleet_totals_key(const char *prefix, const char *environment, int64_t minute);

#endif
