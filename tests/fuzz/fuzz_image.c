/*
 * fuzz_image.c - a damaged image: the verifier refuses it or every evaluation on it is harmless.
 *
 * The input is a list of patches {u8 which file, u24 offset, u8 count, bytes} to the image of
 * tests/data/rich.json; the checksums are made right again, so that the structural verifier is what
 * stands in the way.
 */
#include <string.h>

#include "fuzz.h"
#include "hash.h"
#include "image.h"
#include "memory_image.h"
#include "store.h"

static struct memory_image image;

static uint8_t *copy_of(const struct assembled *file)
{
    void *copy = NULL;
    FUZZ_REQUIRE(posix_memalign(&copy, IMAGE_ALIGN, file->size) == 0);
    memcpy(copy, file->bytes, file->size);
    return copy;
}

static void seal(uint8_t *bytes, size_t size, size_t header, size_t payload_member,
                 size_t header_member)
{
    uint64_t sum = hash_bytes(bytes + header, size - header);
    memcpy(bytes + payload_member, &sum, sizeof(sum));
    sum = hash_bytes(bytes, header_member);
    memcpy(bytes + header_member, &sum, sizeof(sum));
}

static void seal_both(uint8_t *head, uint8_t *extent)
{
    seal(extent, image.extent.size, sizeof(struct image_extent),
         offsetof(struct image_extent, payload_checksum),
         offsetof(struct image_extent, header_checksum));
    /* Where the head really names its one extent. */
    const struct image_head *original = (const void *)image.head.bytes;
    memcpy(head + original->extents_offset + offsetof(struct image_extent_ref, checksum),
           extent + offsetof(struct image_extent, header_checksum), sizeof(uint64_t));
    seal(head, image.head.size, sizeof(struct image_head),
         offsetof(struct image_head, payload_checksum),
         offsetof(struct image_head, header_checksum));
}

static void patch(uint8_t *head, uint8_t *extent, const uint8_t *data, size_t size)
{
    while (size >= 5) {
        uint8_t *bytes = data[0] % 8 ? extent : head;
        size_t length = data[0] % 8 ? image.extent.size : image.head.size;
        size_t at = (data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16) % length;
        size_t count = data[4] % 17;
        count = count <= size - 5 ? count : size - 5;
        memcpy(bytes + at, data + 5, count <= length - at ? count : length - at);
        data += 5 + count;
        size -= 5 + count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!image.store) {
        memory_image_load(FFSHM_SOURCE_DIR "/tests/data/rich.json", &image);
    }
    uint8_t *head = copy_of(&image.head);
    uint8_t *extent = copy_of(&image.extent);
    patch(head, extent, data, size);
    seal_both(head, extent);
    const char *why = NULL;
    struct ffshm *store = store_of_memory(head, image.head.size, (const void *[]){extent},
                                          &image.extent.size, 1, &why);
    if (store) {
        size_t count;
        const struct ffshm_context *contexts = memory_image_contexts(&count);
        memory_image_evaluate(store, contexts, count);
        ffshm_close(store);
    } else {
        FUZZ_REQUIRE(why && why[0]);
    }
    free(head);
    free(extent);
    return 0;
}
