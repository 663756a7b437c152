/*
 * storage_fleet.h - the last records of a fleet (fleet/fleet_record.h), by their sequence numbers.
 * As in storage.h: 0, or -1 with *fault.
 */
#ifndef FFSHM_AGENT_STORAGE_FLEET_H
#define FFSHM_AGENT_STORAGE_FLEET_H

#include "storage.h"

#define STORAGE_FLEET_KEPT 1000

/* Within a transaction. Older ones than STORAGE_FLEET_KEPT go. chain: the one after it. */
int storage_fleet_add(struct storage *s, int64_t sequence, const char *chain, const void *record,
                      size_t length, struct fault *fault);
/* Calls fn once, with what is borrowed until it returns; or not at all when it is not kept. */
typedef int storage_fleet_fn(void *arg, const char *chain, const void *record, size_t length);
int storage_fleet_get(struct storage *s, int64_t sequence, storage_fleet_fn *fn, void *arg,
                      struct fault *fault);
int storage_fleet_clear(struct storage *s, struct fault *fault);

#endif
