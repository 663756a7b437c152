#include "blob_parts.h"
#include "hash.h"

/* Up to here at most half full: probing is short, and the bytes do not matter. */
#define SMALL_SET 65536u

/* The power of two for at most count members; above count, so that probing ends. */
static size_t capacity_for(size_t count)
{
    size_t capacity = 2;
    while (count > SMALL_SET ? capacity / 10 * 7 < count : capacity < 2 * count) {
        capacity *= 2;
    }
    return capacity;
}

/* true: it was not there yet. */
static bool add(struct image_set_entry *entries, size_t mask, struct hash128 hash)
{
    for (size_t i = hash.lo & mask;; i = (i + 1) & mask) {
        if (entries[i].lo == hash.lo && entries[i].hi == hash.hi) {
            return false;
        }
        if ((entries[i].lo | entries[i].hi) == 0) {
            entries[i] = (struct image_set_entry){hash.lo, hash.hi};
            return true;
        }
    }
}

void blob_set(struct blob_builder *b, size_t at, const json_t *strings)
{
    size_t count = 0;
    const size_t n = json_array_size(strings);
    for (size_t i = 0; i < n; i++) {
        count += json_is_string(json_array_get(strings, i));
    }
    if (count == 0) {
        return;
    }
    if (count > BLOB_MAX_SIZE / sizeof(struct image_set_entry)) {
        b->failure = b->failure == BLOB_MADE ? BLOB_TOO_LARGE : b->failure;
        return;
    }
    const size_t capacity = capacity_for(count);
    const uint32_t offset = blob_reserve(b, capacity, sizeof(struct image_set_entry), 16);
    struct image_set_entry *const entries = blob_bytes(b, offset);
    if (!entries) {
        return;
    }
    uint64_t sum[2] = {0, 0};
    uint32_t members = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *const element = json_array_get(strings, i);
        if (!json_is_string(element)) {
            continue;
        }
        const char *const text = json_string_value(element);
        const size_t length = json_string_length(element);
        if (add(entries, capacity - 1, hash_member(text, length, b->set_seed))) {
            /* Unseeded: for the digest, the same on every host, a sum modulo 2^128. */
            const XXH128_hash_t plain = XXH3_128bits(text, length);
            sum[0] += plain.low64;
            sum[1] += plain.high64 + (sum[0] < plain.low64);
            members++;
        }
    }
    const struct image_set set = {members, (uint32_t)capacity, offset, 0};
    blob_write(b, at, &set, sizeof(set));
    blob_seeded(b, offset, capacity * sizeof(struct image_set_entry), sum);
}
