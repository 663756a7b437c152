#include <stdlib.h>
#include <string.h>

#include "blob_builder.h"

#define SMALLEST 8u /* entries: one cache line */

int blob_index(const struct index_key *keys, size_t count, struct blob *out, struct fault *fault)
{
    *out = (struct blob){0};
    if (count > IMAGE_MAX_SLOTS) {
        fault_set(fault, "", "remove flags that are not used",
                  "too many flags: %zu, and at most %u fit", count, IMAGE_MAX_SLOTS);
        return -1;
    }
    size_t capacity = SMALLEST;
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    const size_t table = capacity * sizeof(struct image_index_entry);
    const size_t size = sizeof(struct image_index) + table + IMAGE_TAIL;
    uint8_t *const bytes = aligned_alloc(IMAGE_ALIGN, size);
    if (!bytes) {
        fault_set(fault, "", "", "not enough memory");
        return -1;
    }
    memset(bytes, 0, size);
    const struct image_index header = {
        .blob = {.size = (uint32_t)size, .kind = IMAGE_INDEX},
        .capacity = (uint32_t)capacity,
        .count = (uint32_t)count,
        .entries_offset = sizeof(struct image_index),
    };
    memcpy(bytes, &header, sizeof(header));
    struct image_index_entry *const entries =
        (struct image_index_entry *)(void *)(bytes + sizeof(header));
    for (size_t i = 0; i < capacity; i++) {
        entries[i].slot = IMAGE_NO_SLOT;
    }
    for (size_t i = 0; i < count; i++) {
        size_t place = keys[i].hash & (capacity - 1);
        while (entries[place].slot != IMAGE_NO_SLOT) {
            place = (place + 1) & (capacity - 1);
        }
        entries[place] = (struct image_index_entry){(uint32_t)(keys[i].hash >> 32), keys[i].slot};
    }
    out->bytes = bytes;
    out->size = (uint32_t)size;
    return 0;
}
