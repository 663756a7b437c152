/*
 * retention.h - which heads stay, and the extents that they need.
 */
#ifndef FFSHM_AGENT_RETENTION_H
#define FFSHM_AGENT_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "image.h"
#include "store_files.h"

/* Bytes in extents that only older heads need: at most this or the live bytes, whichever is more.
 */
#define RETENTION_BYTES (UINT64_C(64) << 20)

struct retained_head {
    uint64_t generation;
    uint32_t extent_count;
    uint64_t extents[IMAGE_MAX_EXTENTS]; /* ids */
};

struct retained_extent {
    uint64_t id;
    uint64_t size;
    uint64_t newest;     /* generation that names it */
    uint32_t references; /* heads that name it */
};

struct retention {
    struct retained_head *heads; /* oldest first */
    uint32_t head_count;
    uint32_t head_capacity;
    struct retained_extent *extents;
    uint32_t extent_count;
    uint32_t extent_capacity;
};

/* Finds the heads up to `current` that an earlier agent has left and that are whole, removes every
   other head and every extent that none of them names; junk: also all else that begins like one.
   adopted: the extents of the current head when it has been adopted: then it stays without another
   look, else (extent_count 0) it is one like the others. 0 or -1 with *fault. */
int retention_load(struct retention *r, const struct store_dir *dir, uint64_t store_epoch,
                   uint64_t current, const struct image_extent_ref *adopted, uint32_t extent_count,
                   bool junk, struct fault *fault);

/* Room for one more head. 0 or -1: no memory. */
int retention_reserve(struct retention *r);
/* The newest head; there must be room. */
void retention_add(struct retention *r, uint64_t generation, const struct image_extent_ref *extents,
                   uint32_t extent_count);
/* Removes the oldest heads until at most `heads` (one at least) are left, and fewer while extents
   that only older heads need take more bytes than allowed; and the extents that none then names. */
void retention_prune(struct retention *r, const struct store_dir *dir, uint32_t heads,
                     uint64_t live_bytes);
void retention_free(struct retention *r);

#endif
