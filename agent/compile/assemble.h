/*
 * assemble.h - blobs -> extents, extents -> head: pure functions into memory.
 */
#ifndef FFSHM_AGENT_ASSEMBLE_H
#define FFSHM_AGENT_ASSEMBLE_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* Bytes to be written as one file; 64-aligned, owned (free with assemble_free). */
struct assembled {
    uint8_t *bytes;
    size_t size;
};

struct assemble_blob {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t offset; /* out: where it stands in the extent */
};

/* -1: no memory, or larger than IMAGE_MAX_FILE. Counts regex values itself. */
int assemble_extent(struct assemble_blob *blobs, size_t count, uint64_t id, uint64_t store_epoch,
                    struct assembled *out);

struct assemble_head {
    uint64_t generation;
    uint64_t store_epoch;
    uint64_t created_ms;
    uint64_t digest[2];
    uint32_t flag_count;
    uint32_t segment_count;
    const struct image_extent_ref *extents;
    uint32_t extent_count;
    const struct image_slot *slots;
    uint32_t slot_count;
    struct image_slot index; /* where the key index is */
};
int assemble_head(const struct assemble_head *head, struct assembled *out);

void assemble_free(struct assembled *a);

/* digest += entry (128-bit, little-endian halves), and back: the digest of a set of entries in any
 * order. */
void digest_add(uint64_t digest[2], const uint64_t entry[2]);
void digest_sub(uint64_t digest[2], const uint64_t entry[2]);

#endif
