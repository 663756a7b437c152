/*
 * memory_image.h - definitions -> an image in memory, with the agent's compiler: no files, no
 * agent.
 */
#ifndef FFSHM_TESTS_MEMORY_IMAGE_H
#define FFSHM_TESTS_MEMORY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "catalog/model.h"
#include "compile/assemble.h"
#include "ffshm.h"

struct memory_image {
    struct assembled head;
    struct assembled extent;
    struct ffshm *store; /* borrows both */
};

/* Compiles the items (tombstones are skipped) and opens the image. false: *fault. An image that the
   verifier refuses is a bug of the compiler: prints why and aborts. */
bool memory_image_make(struct model_item *const *items, size_t count, struct memory_image *out,
                       struct fault *fault);
/* The same from a file; prints and exits on failure. */
void memory_image_load(const char *path, struct memory_image *out);
void memory_image_free(struct memory_image *image);

/* Evaluates every flag of the store for every one of the contexts, and touches all that a caller
   may; then again narrated, and aborts when that does otherwise. Returns a digest of the outcomes.
 */
uint64_t memory_image_evaluate(struct ffshm *store, const struct ffshm_context *contexts,
                               size_t count);

/* Contexts that reach the rules of tests/data/rich.json. Static storage. */
const struct ffshm_context *memory_image_contexts(size_t *count);

#endif
