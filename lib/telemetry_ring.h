/*
 * telemetry_ring.h - putting records into the ring.
 */
#ifndef FFSHM_TELEMETRY_RING_H
#define FFSHM_TELEMETRY_RING_H

#include "telemetry.h"
#include "telemetry_pack.h"

/* A record whose payload pack writes (it may be called twice, and must write the same). false:
   there was no room, or it is too large. Lock-free; async-signal-safe. */
bool telemetry_push(struct ffshm *ff, struct telemetry *t, enum telemetry_record_type type,
                    unsigned flags, telemetry_pack_fn *pack, const void *what);

/* The same for an event: one that finds no room is counted. */
bool telemetry_push_event(struct ffshm *ff, struct telemetry *t, enum telemetry_record_type type,
                          unsigned flags, telemetry_pack_fn *pack, const void *what);

#endif
