/*
 * draft.h - the next snapshot while it is being made: live.next, and the blobs of its new extent.
 */
#ifndef FFSHM_AGENT_DRAFT_H
#define FFSHM_AGENT_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "../catalog/fault.h"
#include "live.h"

struct draft {
    struct live *live;
    struct assemble_blob *blobs; /* of the new extent; bytes are borrowed */
    uint32_t *slots;             /* of each blob; IMAGE_NO_SLOT: the index */
    size_t count;
    size_t capacity;
    struct blob index; /* owned; bytes NULL: the published one stays */
};

/* live.next = live.now, with the changes when with_changes. 0, or -1 with *fault. draft_free in any
   case. */
int draft_begin(struct draft *d, struct live *live, bool with_changes, struct fault *fault);

/* The extents that the snapshot will have, the new one included. */
uint32_t draft_extents(const struct draft *d);

/* Moves what is left in the extents of the mask (bit n: live.next.extents[n]) into the new one. 0
   or -1: no memory. */
int draft_merge(struct draft *d, uint64_t mask);

/* Puts the new extent, which holds the draft's blobs at their offsets, into live.next. -1: there
   are too many extents. */
int draft_place(struct draft *d, const struct image_extent *image);

/* Leaves out the extents that nothing needs any more. */
void draft_drop_dead(struct draft *d);

/* The head of live.next. 0 or -1: no memory or too large. */
int draft_head(const struct draft *d, uint64_t generation, uint64_t store_epoch,
               uint64_t created_ms, struct assembled *out);

void draft_free(struct draft *d);

#endif
