/*
 * redis_store_sink.h - LaunchDarkly's persistent store in Redis as a sink: what LaunchDarkly sends
 * is written in its format, for its SDKs in daemon mode and for agents whose LaunchDarkly is away.
 *
 * A whole state is compared with what is there and, where that differs, written in one MULTI/EXEC
 * (both hashes anew, segments before flags, prerequisites before what needs them, then $inited);
 * a single item by a script that compares versions. Several agents write the same store: the one
 * that comes second finds that nothing is left to do. What LaunchDarkly does not name is removed,
 * but not while it is away: then it may have come there later, by another agent.
 * What could not be written because Redis was away makes the whole state due when it is back:
 * nothing is queued for an outage.
 */
#ifndef FFSHM_AGENT_REDIS_STORE_SINK_H
#define FFSHM_AGENT_REDIS_STORE_SINK_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/model.h"
#include "../redis/redis_url.h"

struct redis_store_sink_options {
    const struct redis_url *url; /* borrowed for the call, as all of these */
    const char *name;            /* of the connection, for CLIENT LIST */
    const char *prefix;          /* NULL or "": launchdarkly */
    const char *ca_file;         /* NULL: the system's */
    uint64_t most_bytes;         /* of what is there; 0: 512 MiB */
};

struct store_set;

struct redis_store_sink_owner {
    /* Adds LaunchDarkly's whole state as it is now. 0; -1: there is none that may be written. */
    int (*load)(void *arg, struct store_set *set);
    /* What is wrong has changed. May be NULL. */
    void (*news)(void *arg);
    void *arg;
};

struct redis_store_sink;

/* NULL and *fault. */
struct redis_store_sink *redis_store_sink_new(struct event_base *base,
                                              const struct redis_store_sink_options *options,
                                              const struct redis_store_sink_owner *owner,
                                              struct fault *fault);
void redis_store_sink_free(struct redis_store_sink *s);

/* LaunchDarkly has sent a whole state, which load gives from now on. */
void redis_store_sink_whole(struct redis_store_sink *s);
/* LaunchDarkly is away: what that state does not name may be newer than it. Or it is back, and the
   state is what it has. */
void redis_store_sink_away(struct redis_store_sink *s, bool away);
/* It has sent an item (json: its own bytes, or a tombstone), which load would give, too. */
void redis_store_sink_item(struct redis_store_sink *s, const struct model_item *item,
                           const char *json, size_t length);
/* Is everything that came written, or not going to be soon? */
bool redis_store_sink_idle(const struct redis_store_sink *s);

enum redis_store_sink_state {
    REDIS_STORE_SINK_WAITING, /* for LaunchDarkly's state */
    REDIS_STORE_SINK_WRITING,
    REDIS_STORE_SINK_VALID,       /* everything is written */
    REDIS_STORE_SINK_INTERRUPTED, /* trouble says why */
};

struct redis_store_sink_stats {
    enum redis_store_sink_state state;
    uint64_t wholes;    /* states that were written */
    uint64_t found;     /* states that were there already */
    uint64_t raced;     /* somebody else wrote meanwhile: looked at again */
    uint64_t items;     /* single ones that were written */
    uint64_t not_newer; /* that were not: what is there is as new, or newer */
    uint64_t failures;
    uint64_t bytes;     /* of JSON, that were written */
    int64_t written_ms; /* last, or found to be there (CLOCK_REALTIME); 0: never */
    char trouble[256];  /* "": none */
};
void redis_store_sink_stats(const struct redis_store_sink *s, struct redis_store_sink_stats *out);

#endif
