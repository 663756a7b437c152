/*
 * told_store.h - a store with a few flags, a desk for what is told, and a reader: what tests of
 * telemetry begin with.
 */
#ifndef FFSHM_TESTS_TOLD_STORE_H
#define FFSHM_TESTS_TOLD_STORE_H

#include "ffshm.h"
#include "live_store.h"
#include "telemetry_reader.h"

struct told_store {
    struct live_store live;
    struct telemetry_desk desk;
    struct ffshm *ff;
};

/* Opens with window 1 of epoch 1, events wanted, and these flags, all of version 3:
     on             true (1), else false (0): serves 1
     off            off, nothing to serve
     text           "one" (0), "two" (1): serves 1 for country DE, else 0
     number         7
     share          a rollout, 0 or 1, half and half
     tracked        trackEvents, serves true
     quiet          excludeFromSummaries and trackEvents, serves true
     needs          has the prerequisite tracked, which holds; serves true
     fails          has the prerequisite on, which does not hold; off variation 0
     broken         serves a variation that it does not have */
void told_store_open(struct told_store *s);
void told_store_close(struct told_store *s);
/* Puts and publishes. */
void told_store_flag(struct told_store *s, const char *key, const char *json);

#endif
