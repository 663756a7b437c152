/*
 * Layout of the two kinds of file:
 *
 *   extent:  header | blob | blob | ... | bitmap of their starts
 *   head:    header | struct image_extent_ref[] | struct image_slot[]
 *
 * Everything that is not written is zero, so that the same input gives the same bytes.
 */
#include "assemble.h"

#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"

static int allocate(struct assembled *out, uint64_t size)
{
    out->bytes = NULL;
    out->size = 0;
    if (size > IMAGE_MAX_FILE) {
        return -1;
    }
    const size_t rounded = ((size_t)size + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
    out->bytes = aligned_alloc(IMAGE_ALIGN, rounded);
    if (!out->bytes) {
        return -1;
    }
    out->size = (size_t)size;
    return 0;
}

void assemble_free(struct assembled *a)
{
    free(a->bytes);
    a->bytes = NULL;
    a->size = 0;
}

/* The blobs and their bits; -1 when one of them is not a blob that readers would accept. */
static int place_blobs(struct assemble_blob *blobs, size_t count, struct image_extent *header,
                       uint8_t *base)
{
    void *const bitmap = base + header->starts_offset;
    uint64_t *const starts = bitmap;
    memset(starts, 0, (size_t)header->starts_words * sizeof *starts);
    uint32_t at = sizeof *header;
    for (size_t i = 0; i < count; i++) {
        uint32_t regex_count = 0;
        if (image_verify_blob_counting(blobs[i].bytes, blobs[i].size, &regex_count, NULL) !=
            FFSHM_OK) {
            return -1;
        }
        header->regex_count += regex_count;
        memcpy(base + at, blobs[i].bytes, blobs[i].size);
        const uint32_t line = at / IMAGE_ALIGN;
        starts[line / 64] |= UINT64_C(1) << (line % 64);
        blobs[i].offset = at;
        at += blobs[i].size;
    }
    return 0;
}

int assemble_extent(struct assemble_blob *blobs, size_t count, uint64_t id, uint64_t store_epoch,
                    struct assembled *out)
{
    uint64_t blobs_end = sizeof(struct image_extent);
    for (size_t i = 0; i < count; i++) {
        blobs_end += blobs[i].size; /* count is bounded by memory: no overflow */
    }
    if (count == 0 || blobs_end > IMAGE_MAX_FILE) {
        *out = (struct assembled){NULL, 0};
        return -1;
    }
    const uint32_t words = (uint32_t)((blobs_end / IMAGE_ALIGN + 63) / 64);
    if (allocate(out, blobs_end + (uint64_t)words * sizeof(uint64_t)) != 0) {
        return -1;
    }
    struct image_extent header = {
        .magic = IMAGE_EXTENT_MAGIC,
        .major = IMAGE_MAJOR,
        .minor = IMAGE_MINOR,
        .header_size = sizeof header,
        .endian_tag = IMAGE_ENDIAN_TAG,
        .blob_count = (uint32_t)count,
        .id = id,
        .store_epoch = store_epoch,
        .file_size = out->size,
        .starts_offset = (uint32_t)blobs_end,
        .starts_words = words,
    };
    if (place_blobs(blobs, count, &header, out->bytes) != 0) {
        assemble_free(out);
        return -1;
    }
    header.payload_checksum = checksum_bytes(out->bytes + sizeof header, out->size - sizeof header);
    header.header_checksum = hash_bytes(&header, offsetof(struct image_extent, header_checksum));
    memcpy(out->bytes, &header, sizeof header);
    return 0;
}

int assemble_head(const struct assemble_head *head, struct assembled *out)
{
    const uint64_t extents_size = (uint64_t)head->extent_count * sizeof *head->extents;
    const uint64_t slots_size = (uint64_t)head->slot_count * sizeof *head->slots;
    const uint64_t slots_offset = sizeof(struct image_head) + extents_size;
    if (allocate(out, slots_offset + slots_size) != 0) {
        return -1;
    }
    struct image_head header = {
        .magic = IMAGE_HEAD_MAGIC,
        .major = IMAGE_MAJOR,
        .minor = IMAGE_MINOR,
        .header_size = sizeof header,
        .endian_tag = IMAGE_ENDIAN_TAG,
        .extent_count = head->extent_count,
        .generation = head->generation,
        .store_epoch = head->store_epoch,
        .file_size = out->size,
        .created_ms = head->created_ms,
        .digest = {head->digest[0], head->digest[1]},
        .flag_count = head->flag_count,
        .segment_count = head->segment_count,
        .slot_count = head->slot_count,
        .extents_offset = sizeof header,
        .slots_offset = (uint32_t)slots_offset,
        .index_extent = head->index.extent,
        .index_offset = head->index.offset,
    };
    memcpy(out->bytes + sizeof header, head->extents, (size_t)extents_size);
    if (slots_size != 0) {
        memcpy(out->bytes + slots_offset, head->slots, (size_t)slots_size);
    }
    header.payload_checksum = checksum_bytes(out->bytes + sizeof header, out->size - sizeof header);
    header.header_checksum = hash_bytes(&header, offsetof(struct image_head, header_checksum));
    memcpy(out->bytes, &header, sizeof header);
    return 0;
}

void digest_add(uint64_t digest[2], const uint64_t entry[2])
{
    digest[0] += entry[0];
    digest[1] += entry[1] + (uint64_t)(digest[0] < entry[0]);
}

void digest_sub(uint64_t digest[2], const uint64_t entry[2])
{
    digest[1] -= entry[1] + (uint64_t)(digest[0] < entry[0]);
    digest[0] -= entry[0];
}
