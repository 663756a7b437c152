/*
 * live_store.h - a store of the test's own: LaunchDarkly JSON -> model -> blob -> publisher ->
 * shared memory.
 *
 * The agent's own code throughout, in a temporary directory on tmpfs that live_store_close removes.
 */
#ifndef FFSHM_TESTS_LIVE_STORE_H
#define FFSHM_TESTS_LIVE_STORE_H

#include <jansson.h>
#include <stdbool.h>

#include "image.h"
#include "publish/publisher.h"

struct live_store {
    char dir[64];
    struct publisher *publisher;
};

/* All functions print and exit(1) on failure: a test cannot go on without its store. */
void live_store_open(struct live_store *s);
/* Takes the directory again after live_store_release (an agent's restart). */
void live_store_reopen(struct live_store *s);
void live_store_release(struct live_store *s);
void live_store_close(struct live_store *s);

/* Puts one definition into the live set; borrows json. false: it was refused (*fault, when not
 * NULL). */
bool live_store_try_put(struct live_store *s, enum image_blob_kind kind, const char *key,
                        json_t *json, struct fault *fault);
void live_store_put(struct live_store *s, enum image_blob_kind kind, const char *key, json_t *json);
void live_store_put_text(struct live_store *s, enum image_blob_kind kind, const char *key,
                         const char *json);
/* Everything in {"flags": {...}, "segments": {...}}, and nothing else. */
void live_store_replace(struct live_store *s, json_t *data);
void live_store_publish(struct live_store *s);

#endif
