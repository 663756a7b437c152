/*
 * telemetry_map.h - the mappings of telemetry: a process's private one, its file, and acks.
 */
#ifndef FFSHM_TELEMETRY_MAP_H
#define FFSHM_TELEMETRY_MAP_H

#include <signal.h>

#include "telemetry.h"

/* The struct telemetry in use, with a mapped file. NULL: there is none now; *without, when not
   NULL, is then where to count what is lost (NULL: nowhere). Both are made here if need be. */
struct telemetry *telemetry_get(struct ffshm *ff, struct telemetry **without);

/* Another struct telemetry is wanted, for want of room in this one. false: there are too many
   already that could not be freed yet. */
bool telemetry_replace(struct ffshm *ff, struct telemetry *t);

/* The lock. Its holder has all signals blocked: no handler meets a lock of the thread below it. */
struct telemetry_held {
    sigset_t signals;
    int cancel;
};
void telemetry_lock(struct telemetry *t, struct telemetry_held *held);
void telemetry_unlock(struct telemetry *t, const struct telemetry_held *held);

/* Gives the arena at least so many bytes. Under the lock. false: there is no room for it. */
bool telemetry_grow(struct ffshm *ff, struct telemetry *t, uint64_t bytes);

/* Maps acks, where that was not tried lately. */
void telemetry_map_acks(struct ffshm *ff, struct telemetry *t);

#define TELEMETRY_PATH (sizeof(TELEMETRY_DIRECTORY) + TELEMETRY_NAME)
/* "telemetry/<id>" */
void telemetry_path(const struct telemetry_header *file, char path[TELEMETRY_PATH]);

#endif
