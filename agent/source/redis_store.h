/*
 * redis_store.h - LaunchDarkly's persistent store in Redis as a source ("daemon mode"): the hashes
 * PREFIX:features and PREFIX:segments and the key PREFIX:$inited, which LaunchDarkly's Relay Proxy
 * or any of its SDKs fills.
 *
 * Redis tells nobody of changes in this format, so it is asked at every TTL. What is asked then is
 * whether the keys that were read are still what they were (WATCH, and what CLIENT INFO says of
 * it): an answer of a line while nothing changes. After a change everything is read in pieces of
 * about a megabyte (HSCAN), so that neither Redis nor the loop stands still for a large
 * environment; that all pieces are of one moment the same WATCH says. Where somebody writes all the
 * time, or the server does not tell (before 6.2, or its ACL), HGETALL in one MULTI does. Of what is
 * read only what differs from the last time is parsed (store_items.h).
 */
#ifndef FFSHM_AGENT_SOURCE_REDIS_STORE_H
#define FFSHM_AGENT_SOURCE_REDIS_STORE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/model.h"
#include "../redis/redis_url.h"
#include "image.h"

#define REDIS_STORE_LEAST_TTL_MS 100

struct redis_store_options {
    const struct redis_url *url; /* borrowed for the call, as all of these */
    const char *name;            /* of the connection, for CLIENT LIST */
    const char *prefix;          /* NULL or "": launchdarkly */
    const char *ca_file;         /* NULL: the system's */
    int64_t ttl_ms;              /* 0: 15 s; at least the following */
    uint64_t most_bytes;         /* that Redis may need for the two hashes; 0: 512 MiB */
    uint64_t most_items;         /* of the two; 0: 1,000,000 */
    /* Only what is newer than what is served is taken, from a store that is initialized; nothing is
       removed. For a source that has another one before it. */
    bool follows;
    /* A store that was emptied says that there are no flags any more. Else what is served stays. */
    bool empty_counts;
};

/* What is in force of an item that came from LaunchDarkly, whichever way. */
struct redis_store_served {
    int64_t version;
    const struct model_item *item; /* borrowed; NULL: only the version is known */
};

/* From the event loop. Borrowed for the call unless said otherwise. */
struct redis_store_owner {
    /* As launchdarkly.h has them: a whole state, and single items since, tombstones among them;
       what is gone from the store comes as a tombstone, too. Never of an older version than what is
       served. */
    int (*put)(void *arg, struct model_item **items, size_t count, const char *json, size_t length);
    int (*patch)(void *arg, struct model_item *item, const char *path, const char *json,
                 size_t length);
    /* Around patches that were read together. */
    void (*patches)(void *arg, bool begin);
    /* false: nothing is in force. */
    bool (*served)(void *arg, enum image_blob_kind kind, const char *key, size_t length,
                   struct redis_store_served *out);
    /* Is anything of LaunchDarkly's in force? Then a store that nobody has filled changes nothing.
     */
    bool (*serves)(void *arg);
    /* After every look: state, error and text as launchdarkly.h has them; read_ms: when the store
       was read last (CLOCK_REALTIME), 0: never. */
    void (*state)(void *arg, enum image_source_state state, enum image_source_error error,
                  const char *text, int64_t read_ms);
    /* What redis_store_look asked for has been done, as far as it could be. */
    void (*looked)(void *arg);
    void *arg;
};

struct redis_store;

/* Starts at the next turn of the loop. NULL and *fault. */
struct redis_store *redis_store_new(struct event_base *base,
                                    const struct redis_store_options *options,
                                    const struct redis_store_owner *owner, struct fault *fault);
/* Also from within the owner's functions. */
void redis_store_free(struct redis_store *s);

/* Looks now, and not as late as the TTL says; what is under way does not count. The owner is told
   when it has looked; asked again meanwhile, it is told once. false: the store is away, and nobody
   is told. */
bool redis_store_look(struct redis_store *s);

struct redis_store_stats {
    uint64_t looks;    /* at the store, that came to an end */
    uint64_t reads;    /* of them: not "nothing has changed" */
    uint64_t changes;  /* items that were taken, gone ones included */
    uint64_t invalid;  /* that could not be parsed: what was in force stayed */
    uint64_t older;    /* than what is served: likewise */
    uint64_t failures; /* looks that came to nothing */
    size_t items;      /* that the store has now, as far as known */
    int64_t read_ms;   /* of the last good look, CLOCK_REALTIME; 0: none */
};
void redis_store_stats(const struct redis_store *s, struct redis_store_stats *out);

#endif
