/*
 * Files: the control page, extents and heads. Blobs: image_verify_blob.c.
 */
#include <stdbool.h>

#include "checksum.h"
#include "ffshm.h"
#include "hash.h"
#include "image_verify.h"

static int refuse(int error, const char *member, const char **why)
{
    if (why) {
        *why = member;
    }
    return error;
}

/* offset .. offset + count * element inside [from, to), aligned to 8. */
static bool inside(uint32_t offset, uint64_t count, uint32_t element, uint64_t from, uint64_t to)
{
    return offset % 8 == 0 && offset >= from && offset <= to && count <= (to - offset) / element;
}

int image_verify_control(const void *bytes, size_t length, const char **why)
{
    const struct image_control *c = bytes;
    if (length < sizeof(struct image_control)) {
        return refuse(FFSHM_BAD_FORMAT, "control.length", why);
    }
    if (c->magic != IMAGE_CONTROL_MAGIC) {
        return refuse(FFSHM_BAD_FORMAT, "control.magic", why);
    }
    if (c->endian_tag != IMAGE_ENDIAN_TAG) {
        return refuse(FFSHM_BAD_FORMAT, "control.endian_tag", why);
    }
    if (c->major != IMAGE_MAJOR) {
        return refuse(FFSHM_BAD_FORMAT, "control.major", why);
    }
    if (c->header_size != sizeof(struct image_control)) {
        return refuse(FFSHM_BAD_FORMAT, "control.header_size", why);
    }
    return FFSHM_OK;
}

int image_verify_head_header(const void *bytes, size_t length, const char **why)
{
    const struct image_head *h = bytes;
    if (length < sizeof(struct image_head)) {
        return refuse(FFSHM_BAD_FORMAT, "head.length", why);
    }
    if (h->magic != IMAGE_HEAD_MAGIC) {
        return refuse(FFSHM_BAD_FORMAT, "head.magic", why);
    }
    if (h->endian_tag != IMAGE_ENDIAN_TAG) {
        return refuse(FFSHM_BAD_FORMAT, "head.endian_tag", why);
    }
    if (h->major != IMAGE_MAJOR) {
        return refuse(FFSHM_BAD_FORMAT, "head.major", why);
    }
    if (h->header_size != sizeof(struct image_head)) {
        return refuse(FFSHM_BAD_FORMAT, "head.header_size", why);
    }
    if (h->header_checksum != hash_bytes(h, offsetof(struct image_head, header_checksum))) {
        return refuse(FFSHM_BAD_CHECKSUM, "head.header_checksum", why);
    }
    if (h->features_required != 0) {
        return refuse(FFSHM_BAD_FORMAT, "head.features_required", why);
    }
    if (h->file_size != length || h->file_size > IMAGE_MAX_FILE) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.file_size", why);
    }
    if (h->extent_count == 0 || h->extent_count > IMAGE_MAX_EXTENTS ||
        !inside(h->extents_offset, h->extent_count, sizeof(struct image_extent_ref), sizeof *h,
                h->file_size)) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.extents", why);
    }
    if (h->slot_count > IMAGE_MAX_SLOTS ||
        !inside(h->slots_offset, h->slot_count, sizeof(struct image_slot), sizeof *h,
                h->file_size)) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.slots", why);
    }
    if (h->index_extent >= h->extent_count) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.index_extent", why);
    }
    return FFSHM_OK;
}

int image_verify_extent_header(const void *bytes, size_t length, const char **why)
{
    const struct image_extent *e = bytes;
    if (length < sizeof(struct image_extent)) {
        return refuse(FFSHM_BAD_FORMAT, "extent.length", why);
    }
    if (e->magic != IMAGE_EXTENT_MAGIC) {
        return refuse(FFSHM_BAD_FORMAT, "extent.magic", why);
    }
    if (e->endian_tag != IMAGE_ENDIAN_TAG) {
        return refuse(FFSHM_BAD_FORMAT, "extent.endian_tag", why);
    }
    if (e->major != IMAGE_MAJOR) {
        return refuse(FFSHM_BAD_FORMAT, "extent.major", why);
    }
    if (e->header_size != sizeof(struct image_extent)) {
        return refuse(FFSHM_BAD_FORMAT, "extent.header_size", why);
    }
    if (e->header_checksum != hash_bytes(e, offsetof(struct image_extent, header_checksum))) {
        return refuse(FFSHM_BAD_CHECKSUM, "extent.header_checksum", why);
    }
    if (e->file_size != length || e->file_size > IMAGE_MAX_FILE) {
        return refuse(FFSHM_BAD_STRUCTURE, "extent.file_size", why);
    }
    /* One bit for each line before the bitmap, no word more. */
    const uint32_t lines = e->starts_offset / IMAGE_ALIGN;
    if (e->starts_offset % IMAGE_ALIGN != 0 || e->starts_words != (lines + 63) / 64 ||
        !inside(e->starts_offset, e->starts_words, sizeof(uint64_t), sizeof *e, e->file_size)) {
        return refuse(FFSHM_BAD_STRUCTURE, "extent.starts", why);
    }
    if (e->blob_count == 0 || e->blob_count > lines) {
        return refuse(FFSHM_BAD_STRUCTURE, "extent.blob_count", why);
    }
    return FFSHM_OK;
}

/* offset must be below starts_offset. */
static bool starts_at(const struct image_extent *e, uint32_t offset)
{
    const void *const starts = (const uint8_t *)e + e->starts_offset;
    const uint64_t *const words = starts;
    const uint32_t line = offset / IMAGE_ALIGN;
    return offset % IMAGE_ALIGN == 0 && ((words[line / 64] >> (line % 64)) & 1) != 0;
}

int image_verify_extent(const void *bytes, size_t length, const char **why)
{
    const int header = image_verify_extent_header(bytes, length, why);
    if (header != FFSHM_OK) {
        return header;
    }
    const struct image_extent *e = bytes;
    const uint8_t *const base = bytes;
    if (e->payload_checksum != checksum_bytes(base + sizeof *e, length - sizeof *e)) {
        return refuse(FFSHM_BAD_CHECKSUM, "extent.payload_checksum", why);
    }
    uint32_t blobs = 0;
    uint32_t regexes = 0;
    for (uint32_t at = sizeof *e; at < e->starts_offset; blobs++) {
        if (!starts_at(e, at)) {
            return refuse(FFSHM_BAD_STRUCTURE, "extent.starts", why);
        }
        uint32_t count = 0;
        const int error = image_verify_blob_counting(base + at, e->starts_offset - at, &count, why);
        if (error != FFSHM_OK) {
            return error;
        }
        regexes += count; /* each takes bytes of the file: no overflow */
        const void *blob = base + at;
        at += ((const struct image_blob *)blob)->size; /* <= starts_offset - at */
    }
    if (blobs != e->blob_count) {
        return refuse(FFSHM_BAD_STRUCTURE, "extent.blob_count", why);
    }
    if (regexes != e->regex_count) {
        return refuse(FFSHM_BAD_STRUCTURE, "extent.regex_count", why);
    }
    /* Every blob has its bit; as many bits as blobs: no other bit is set. */
    const void *const starts = base + e->starts_offset;
    const uint64_t *const words = starts;
    uint64_t bits = 0;
    for (uint32_t i = 0; i < e->starts_words; i++) {
        bits += (uint64_t)__builtin_popcountll(words[i]);
    }
    return bits == blobs ? FFSHM_OK : refuse(FFSHM_BAD_STRUCTURE, "extent.starts", why);
}

/* The extents are those that the head names, each once, of the same store. */
static int verify_references(const struct image_head *h, const struct image_extent_ref *refs,
                             const struct image_extent *const *extents, const char **why)
{
    for (uint32_t i = 0; i < h->extent_count; i++) {
        const struct image_extent *e = extents[i];
        if (e->id != refs[i].id || e->file_size != refs[i].size ||
            e->header_checksum != refs[i].checksum || e->store_epoch != h->store_epoch) {
            return refuse(FFSHM_BAD_STRUCTURE, "head.extent", why);
        }
        if (refs[i].live_bytes > refs[i].size) {
            return refuse(FFSHM_BAD_STRUCTURE, "head.live_bytes", why);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (refs[j].id == refs[i].id) {
                return refuse(FFSHM_BAD_STRUCTURE, "head.extent", why);
            }
        }
    }
    return FFSHM_OK;
}

static int verify_slots(const struct image_head *h, const struct image_slot *slots,
                        const struct image_extent *const *extents, const char **why)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < h->slot_count; i++) {
        const struct image_slot s = slots[i];
        if (s.offset == 0) {
            continue;
        }
        if (s.extent >= h->extent_count || s.offset >= extents[s.extent]->starts_offset ||
            !starts_at(extents[s.extent], s.offset)) {
            return refuse(FFSHM_BAD_STRUCTURE, "head.slot", why);
        }
        used++;
    }
    return (uint64_t)h->flag_count + h->segment_count == used
               ? FFSHM_OK
               : refuse(FFSHM_BAD_STRUCTURE, "head.flag_count", why);
}

int image_verify_head(const void *bytes, size_t length, const struct image_extent *const *extents,
                      const char **why)
{
    const int header = image_verify_head_header(bytes, length, why);
    if (header != FFSHM_OK) {
        return header;
    }
    const struct image_head *h = bytes;
    const uint8_t *const base = bytes;
    if (h->payload_checksum != checksum_bytes(base + sizeof *h, length - sizeof *h)) {
        return refuse(FFSHM_BAD_CHECKSUM, "head.payload_checksum", why);
    }
    const void *const refs = base + h->extents_offset;
    const void *const slots = base + h->slots_offset;
    int error = verify_references(h, refs, extents, why);
    if (error == FFSHM_OK) {
        error = verify_slots(h, slots, extents, why);
    }
    if (error != FFSHM_OK) {
        return error;
    }
    const struct image_extent *const e = extents[h->index_extent];
    if (h->index_offset >= e->starts_offset || !starts_at(e, h->index_offset)) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.index_offset", why);
    }
    const void *const at = (const uint8_t *)e + h->index_offset;
    const struct image_index *const index = at;
    if (index->blob.kind != IMAGE_INDEX || index->count != h->flag_count) {
        return refuse(FFSHM_BAD_STRUCTURE, "head.index", why);
    }
    return FFSHM_OK;
}
