/*
 * store_look.h - a look at LaunchDarkly's persistent store: the items of PREFIX:features and
 * PREFIX:segments, all of one moment, and whether PREFIX:$inited is there.
 *
 * Under WATCH the hashes are read in pieces of about a megabyte (HSCAN): neither Redis nor the
 * event loop stands still for a large environment, as for one HGETALL of it. Whether the pieces are
 * of one moment, and whether anything has changed since, says the connection's own flag in CLIENT
 * INFO, which the next EXEC would go by: so a later look costs a line where nothing has changed.
 * Where somebody writes all the time, or the server does not tell (before 6.2, or its ACL), HGETALL
 * of both in one MULTI does.
 */
#ifndef FFSHM_AGENT_REDIS_STORE_LOOK_H
#define FFSHM_AGENT_REDIS_STORE_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "redis_link.h"

struct store_keys {
    char *features;
    char *segments;
    char *inited;
};

/* prefix NULL or "": launchdarkly. -1: no memory, nothing is to be freed. */
int store_keys_make(struct store_keys *keys, const char *prefix);
void store_keys_free(struct store_keys *keys);

struct store_look;

struct store_look_options {
    struct redis_link *link; /* borrowed; nobody else watches or begins a transaction on it */
    const struct store_keys *keys;
    uint64_t most_bytes; /* that the hashes may have */
    uint64_t most_items;
    bool exec_follows; /* the keys stay watched for it, and it says whether it was one moment */
};

struct store_look_result {
    const struct fault *fault; /* NULL: it went well */
    bool unchanged;            /* since the last look that went well; nothing was seen */
    bool inited;               /* the next two are filled in when it was read */
    uint64_t items;
};

struct store_look_owner {
    void (*began)(void *arg); /* again, too: what was seen before does not count */
    /* Borrowed for the call. false: no memory. */
    bool (*see)(void *arg, enum image_blob_kind kind, const char *key, size_t key_length,
                const char *json, size_t length);
    /* The look may be freed here, and another one started. */
    void (*done)(void *arg, const struct store_look_result *result);
    void *arg;
};

/* NULL: no memory. */
struct store_look *store_look_new(const struct store_look_options *options,
                                  const struct store_look_owner *owner);
/* Not before its link, if anything is under way; done is not called any more. */
void store_look_free(struct store_look *l);
/* Nothing is called any more: its link is about to be freed. NULL is harmless. */
void store_look_silence(struct store_look *l);

/* done is called later. whole: read everything, changed or not. -1: the link is not up, or a look
   is under way. */
int store_look_start(struct store_look *l, bool whole);
bool store_look_busy(const struct store_look *l);
/* The connection is gone, or its transaction: nothing is watched any more. */
void store_look_unwatched(struct store_look *l);

#endif
