/*
 * blob_builder.h - a blob while it is being made: a growing buffer in which everything is named by
 * offset, and a list of what is only written at the end.
 *
 * Written at the end, after the digest was taken of the rest: slots, the version, the provenance.
 * Strings that only people read ("late": names of operators, ids, keys for explain) are placed
 * after everything that an evaluation touches, each text once.
 *
 * The first failure sticks; after it every function does nothing and gives offset 0, so that only
 * blob_builder_finish needs to be asked.
 */
#ifndef FFSHM_AGENT_BLOB_BUILDER_H
#define FFSHM_AGENT_BLOB_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../catalog/member.h"
#include "blob.h"
#include "image.h"

/* Leaves room in an extent of IMAGE_MAX_FILE for its header and its bitmap (1/512 of the blobs). */
#define BLOB_MAX_SIZE (IMAGE_MAX_FILE - IMAGE_MAX_FILE / 256)

enum blob_failure { BLOB_MADE, BLOB_NO_MEMORY, BLOB_TOO_LARGE, BLOB_NO_SLOT };

struct blob_late {
    uint32_t at; /* of the image_string to be set */
    const char *text;
    size_t length;
};

struct blob_slot {
    uint32_t at;
    uint32_t slot;
};

/* Bytes that depend on the store's seed, and what the digest takes instead of them. */
struct blob_seeded {
    uint32_t offset;
    uint32_t size;
    uint64_t sum[2];
};

#define BLOB_TEXTS 128 /* late texts remembered, to place each only once; power of two */

struct blob_builder {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    enum blob_failure failure;
    const struct model_item *item;
    struct slots *slots;
    uint64_t set_seed;
    uint64_t now_ms;
    blob_warning_fn *warn;
    void *warn_arg;
    uint32_t regex_count;
    struct image_string prefix; /* "key.salt.", once some rollout needed it */
    struct blob_late *late;
    size_t late_count, late_capacity;
    struct blob_slot *taken;
    size_t taken_count, taken_capacity;
    struct blob_seeded *seeded; /* in the order of their offsets */
    size_t seeded_count, seeded_capacity;
    struct image_value *values; /* scratch: one clause's values */
    size_t value_count, value_capacity;
    struct image_string texts[BLOB_TEXTS];
};

/* Zeroed bytes at the end; align is a power of two. Their offset. */
uint32_t blob_reserve(struct blob_builder *b, size_t count, size_t size, size_t align);
/* Overwrites reserved bytes. */
void blob_write(struct blob_builder *b, size_t at, const void *bytes, size_t size);
/* Where reserved bytes are until the next call that adds some; NULL after a failure. */
void *blob_bytes(struct blob_builder *b, size_t at);

/* Appends a string now, NUL-terminated: for what evaluations read. Always a real offset. */
struct image_string blob_text(struct blob_builder *b, const char *text, size_t length);
/* Sets the image_string at `at` to a late string; absent when it is empty. The text must live until
   the builder is finished. */
void blob_text_late(struct blob_builder *b, size_t at, struct model_string text);
/* The same for a name that must be there, even if it is empty. */
void blob_name_late(struct blob_builder *b, size_t at, struct model_string name);

/* Takes the slot of a name, and writes it to `at` in the end. */
void blob_slot(struct blob_builder *b, size_t at, enum image_blob_kind kind,
               struct model_string key);
/* Says that the digest is to skip the `size` bytes at `at`, the last ones reserved, for `sum`. */
void blob_seeded(struct blob_builder *b, uint32_t at, size_t size, const uint64_t sum[2]);
/* Appends to the scratch values. */
void blob_value(struct blob_builder *b, const struct image_value *value);

void blob_warn(const struct blob_builder *b, const struct member *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Closes the blob (its header struct is at offset 0, with the digest at digest_at and the
   provenance at provenance_at), hands it over in *out, and frees the rest. -1: gives the slots
   back, and *fault says why. */
int blob_builder_finish(struct blob_builder *b, size_t digest_at, size_t provenance_at,
                        struct blob *out, struct fault *fault);

#endif
