/*
 * snapshot.h - a mapped (or in-memory) snapshot, as the evaluator sees it.
 *
 * Immutable once made. store.c maps them from files and retires them; snapshot_of_memory wraps
 * images that the agent's compiler has just made, for evaluation without any agent.
 */
#ifndef FFSHM_SNAPSHOT_H
#define FFSHM_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "hash.h"
#include "image.h"
#include "text.h"

struct ffshm;   /* store.h */
struct regexes; /* regex.h: the compiled patterns of one extent */

struct snapshot {
    const struct image_slot *slots;
    const struct image_index_entry *index;
    uint64_t index_mask;
    uint32_t slot_count;
    uint32_t extent_count;
    uint64_t generation;
    uint64_t set_seed;
    struct ffshm *store; /* whose memberships of big segments count; NULL: there are none */
    bool ready;          /* false: the empty snapshot before the first one */
    const struct image_head *head; /* NULL when not ready */
    const uint8_t *bases[IMAGE_MAX_EXTENTS];
    const struct regexes *regexes[IMAGE_MAX_EXTENTS]; /* NULL where an extent has none */
};

/* A blob, the extent that holds it, and its slot. Two words: it travels in registers. */
struct snapshot_blob {
    const struct image_blob *blob; /* NULL: none */
    uint32_t extent;
    uint32_t slot;
};

static inline const void *image_at(const void *blob, uint32_t offset)
{
    return (const uint8_t *)blob + offset;
}

static inline const char *image_text(const void *blob, struct image_string s)
{
    return (const char *)blob + s.offset;
}

/* The blob in a slot; none when the slot is empty, out of range, or holds another kind. */
static inline struct snapshot_blob snapshot_slot(const struct snapshot *s, uint32_t slot,
                                                 uint32_t kind)
{
    struct snapshot_blob none = {NULL, 0, 0};
    if (slot >= s->slot_count) {
        return none;
    }
    struct image_slot at = s->slots[slot];
    if (at.offset == 0) {
        return none;
    }
    struct snapshot_blob found = {(const void *)(s->bases[at.extent] + at.offset), at.extent, slot};
    return found.blob->kind == kind ? found : none;
}

/* Looks a flag with a short key up where nearly all are: in the first SNAPSHOT_NEAR places where it
   may be. None: it is not there, but may be elsewhere. What it reads beyond the index's last entry
   is the tail of its blob. The exact comparison makes up for all that is not looked at. */
#define SNAPSHOT_NEAR 3u
static inline __attribute__((always_inline)) struct snapshot_blob
snapshot_find_near(const struct snapshot *s, const char *key)
{
    const struct snapshot_blob none = {NULL, 0, 0};
    const struct text_short text = text_short(key);
    if (__builtin_expect(text.length > TEXT_SHORT, 0)) {
        return none;
    }
    const uint64_t hash = hash_short(key, text.length);
    const uint32_t tag = (uint32_t)(hash >> 32);
    const struct image_index_entry *near = &s->index[hash & s->index_mask];
    _Static_assert(SNAPSHOT_NEAR == 3, "these are all");
    uint32_t slot = near[2].slot;
    slot = near[1].hash == tag ? near[1].slot : slot;
    slot = near[0].hash == tag ? near[0].slot : slot;
    if (__builtin_expect(slot >= s->slot_count, 0)) {
        return none;
    }
    const struct image_slot at = s->slots[slot];
    if (__builtin_expect(at.offset == 0, 0)) { /* of an empty slot the extent may be anything */
        return none;
    }
    const struct image_blob *blob = (const void *)(s->bases[at.extent] + at.offset);
    if (__builtin_expect(blob->kind != IMAGE_FLAG || blob->key.length != text.length ||
                             !text_short_equal(&text, key, image_text(blob, blob->key)),
                         0)) {
        return none;
    }
    return (struct snapshot_blob){blob, at.extent, slot};
}

/* Looks a flag up by key. */
static inline struct snapshot_blob snapshot_find(const struct snapshot *s, const char *key,
                                                 size_t length, uint64_t hash)
{
    struct snapshot_blob none = {NULL, 0, 0};
    uint32_t tag = (uint32_t)(hash >> 32);
    /* Ends: the index has an empty entry (verified). */
    for (uint64_t i = hash & s->index_mask;; i = (i + 1) & s->index_mask) {
        struct image_index_entry e = s->index[i];
        if (e.slot == IMAGE_NO_SLOT) {
            return none;
        }
        if (e.hash != tag) {
            continue;
        }
        struct snapshot_blob found = snapshot_slot(s, e.slot, IMAGE_FLAG);
        if (found.blob && found.blob->key_hash == hash && found.blob->key.length == length &&
            text_equal(image_text(found.blob, found.blob->key), key, length)) {
            return found;
        }
    }
}

#endif
