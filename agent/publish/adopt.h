/*
 * adopt.h - the snapshot that an earlier agent has published becomes the live set.
 */
#ifndef FFSHM_AGENT_ADOPT_H
#define FFSHM_AGENT_ADOPT_H

#include <stdint.h>

#include "live.h"
#include "store_files.h"

/* Into a new live set: verified as a reader does, its digest counted again, slots and their
   references as they were. 0, or -1 with *why (static text) and the live set good for live_free
   only. */
int adopt_snapshot(struct live *l, const struct store_dir *dir, uint64_t store_epoch,
                   uint64_t generation, uint64_t now_ms, const char **why);

#endif
