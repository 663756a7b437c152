/*
 * launchdarkly_kept.h - the last known good definitions of LaunchDarkly's: kept in the state file
 * as they came, and handed to the pipeline at start, before any network contact.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_KEPT_H
#define FFSHM_AGENT_LAUNCHDARKLY_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline.h"
#include "source/redis_store.h"
#include "storage/storage.h"

#define LAUNCHDARKLY_KEPT_NAME 96

struct launchdarkly_kept {
    struct storage *storage;
    struct pipeline *pipeline;
    const struct publisher *publisher;
    const char *name;   /* of what is kept: of one SDK key and filter, or of one store */
    bool is_of_another; /* what was adopted is: its versions say nothing */
    bool told;          /* storage knows whose definitions are published */
    bool unkept;        /* what is kept of the definitions is older than they are */
};

/* Looks whose definitions the last agent published. */
void launchdarkly_kept_open(struct launchdarkly_kept *k);

struct launchdarkly_kept_found {
    int64_t newest_ms; /* when the newest was received; 0: nothing is kept */
    size_t items;
    size_t older; /* than what an earlier agent published, which stays */
};
/* What is kept, into the pipeline. */
void launchdarkly_kept_restore(struct launchdarkly_kept *k, struct launchdarkly_kept_found *found);

/* A whole state, an item of it (as launchdarkly.h has them). Failures are logged, once. */
void launchdarkly_keep_whole(struct launchdarkly_kept *k, const char *json, size_t length);
void launchdarkly_keep_item(struct launchdarkly_kept *k, const char *path, const char *json,
                            size_t length);
/* Items between the two are kept together. */
void launchdarkly_keep_many(struct launchdarkly_kept *k, bool begin);

/* What is in force of an item that came from LaunchDarkly: published, or about to be. false:
 * nothing.
 */
bool launchdarkly_served(const struct launchdarkly_kept *k, enum image_blob_kind kind,
                         const char *key, size_t length, struct redis_store_served *out);

#endif
