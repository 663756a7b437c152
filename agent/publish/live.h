/*
 * live.h - the live set: what is published, what has changed since, and who holds which slot.
 */
#ifndef FFSHM_AGENT_LIVE_H
#define FFSHM_AGENT_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "../compile/assemble.h"
#include "../compile/blob.h"
#include "../compile/slots.h"
#include "image.h"

struct live_extent {
    struct image_extent_ref ref;
    const struct image_extent *image; /* mapped, ref.size bytes */
    uint32_t live_blobs;              /* 0: nothing needs it any more */
};

/* A snapshot: what a head says. */
struct live_state {
    struct live_extent extents[IMAGE_MAX_EXTENTS];
    uint32_t extent_count;
    struct image_slot index; /* offset 0: none yet */
    uint64_t digest[2];
    uint32_t flag_count;
    uint32_t segment_count;
    uint32_t slot_count;
    struct image_slot *table; /* live.capacity of them, those from slot_count on undefined */
};

enum live_pending { LIVE_UNCHANGED = 0, LIVE_PUT = 1, LIVE_REMOVE = 2 };

/* Per slot. A slot in use (kind not 0) is published, or to be published, and holds one reference on
   its slot. */
struct live_item {
    uint64_t key_hash;
    uint32_t *references; /* slots that the published blob refers to, one reference on each */
    size_t reference_count;
    struct blob *put; /* LIVE_PUT: the blob to be published */
    uint8_t kind;     /* enum image_blob_kind */
    uint8_t pending;  /* enum live_pending */
    bool listed;      /* in live.changed, perhaps without a change any more */
};

/* What an item was before a step of an open change. */
struct live_undo {
    struct blob *put; /* owned */
    uint32_t slot;
    uint8_t kind;
    uint8_t pending;
    bool slot_left; /* the item's reference on its slot is still held for it */
};

struct live {
    struct slots *slots;
    struct live_state now;  /* published */
    struct live_state next; /* room to prepare the one after; its table is scratch */
    struct live_item *items;
    uint32_t *changed; /* slots; room for every slot, so that listing one never fails */
    uint32_t changed_count;
    uint32_t pending_count; /* items whose pending is not LIVE_UNCHANGED */
    uint32_t capacity;      /* of items, changed and both tables */
    struct live_undo *undo; /* the steps of the open change, oldest first */
    size_t undo_count;
    size_t undo_capacity; /* 0: none is open */
};

struct live *live_new(void);
void live_free(struct live *l); /* and unmaps the published extents */

/* See publisher_put and publisher_remove. */
bool live_put(struct live *l, enum image_blob_kind kind, const char *key, size_t length,
              bool auto_version, struct blob *blob, uint64_t now_ms);
bool live_remove(struct live *l, enum image_blob_kind kind, const char *key, size_t length,
                 uint64_t now_ms);

/* See publisher_change. While a change is open, no more puts and removals than it has room for. */
int live_change(struct live *l, size_t steps);
void live_change_keep(struct live *l, uint64_t now_ms);
void live_change_undo(struct live *l, uint64_t now_ms);

/* Room for `count` slots. -1: no memory. */
int live_reserve(struct live *l, uint32_t count);

/* The published blob of a slot, or NULL. */
const struct image_blob *live_published(const struct live *l, uint32_t slot);
/* The entry digest in a flag or a segment. */
const uint64_t *live_digest(const struct image_blob *b);

/* What is in a slot once the changes are published, or NULL. */
const struct image_blob *live_coming(const struct live *l, uint32_t slot);

/* next becomes now: unmaps the extents that are in the old one only. with_changes: the changes are
   in it. */
void live_commit(struct live *l, bool with_changes, uint64_t now_ms);

#endif
