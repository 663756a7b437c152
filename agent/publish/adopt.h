/*
 * adopt.h - the snapshot that an earlier agent has published becomes the live set.
 */
#ifndef FFSHM_AGENT_ADOPT_H
#define FFSHM_AGENT_ADOPT_H

#include <stdint.h>

#include "live.h"
#include "store_files.h"

/* Into a new live set: verified as a reader does, its digest counted again, slots and their
   references as they were. 0; else the live set is good for live_free only: 1, the snapshot cannot
   be used, *fault says why; -1 with *fault, it could not be read (memory, descriptors), and another
   attempt may. */
int adopt_snapshot(struct live *l, const struct store_dir *dir, uint64_t store_epoch,
                   uint64_t generation, uint64_t now_ms, struct fault *fault);

#endif
