/*
 * blob.h - model -> blob: one flag, segment or key index as the bytes that readers evaluate.
 */
#ifndef FFSHM_AGENT_BLOB_H
#define FFSHM_AGENT_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "../catalog/model.h"
#include "image.h"
#include "slots.h"

struct blob {
    uint8_t *bytes; /* IMAGE_ALIGN-aligned, owned */
    uint32_t size;
    uint32_t regex_count;
    uint32_t *references; /* slots taken (one reference each, owned by the blob's holder),
                             repetitions included */
    size_t reference_count;
    uint64_t digest[2]; /* entry digest, also in the bytes */
};

/* What the compiler noticed but accepted ("rule 2 can never match: ..."), one call each; for lint.
   member is relative to the item. */
typedef void blob_warning_fn(void *arg, const char *member, const char *text);

/* Compiles an item (not a tombstone). Takes a reference on every slot that it names. 0, or -1 with
   *fault: larger than IMAGE_MAX_FILE, out of slots, out of memory. warn may be NULL. Deterministic:
   same model, seed and slots, same bytes. */
int blob_compile(const struct model_item *item, struct slots *slots, uint64_t set_seed,
                 uint64_t now_ms, blob_warning_fn *warn, void *warn_arg, struct blob *out,
                 struct fault *fault);

/* Changes the version in a compiled blob (auto-versioned items; not part of their digest). */
void blob_set_version(struct blob *blob, int64_t version);

/* The key index over count flags. */
struct index_key {
    uint64_t hash;
    uint32_t slot;
};
int blob_index(const struct index_key *keys, size_t count, struct blob *out, struct fault *fault);

/* Frees the bytes and the array; the slot references are the caller's to drop. */
void blob_free(struct blob *blob);

#endif
