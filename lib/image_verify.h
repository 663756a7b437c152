/*
 * image_verify.h - is this image safe to evaluate?
 *
 * Pure functions of (bytes, length, limits): no allocation, no system call, no state. What they
 * accept, the evaluator reads without bounds checks. The agent runs them before it publishes, every
 * reader before it uses. `why`, when not NULL, receives a static text that names the member at
 * fault.
 */
#ifndef FFSHM_IMAGE_VERIFY_H
#define FFSHM_IMAGE_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "image.h"

/* All return an enum ffshm_error: OK, BAD_FORMAT, BAD_CHECKSUM, BAD_STRUCTURE. `bytes` must be
 * 64-aligned. */

/* The first 4096 bytes of ctl. */
int image_verify_control(const void *bytes, size_t length, const char **why);

/* Header only (magic, version, sizes, that the tables are inside, header checksum): constant time.
   `length`, here and below, is that of the whole file. */
int image_verify_head_header(const void *bytes, size_t length, const char **why);
int image_verify_extent_header(const void *bytes, size_t length, const char **why);

/* The extent's checksum, its blob chain, its starts bitmap, and every blob. */
int image_verify_extent(const void *bytes, size_t length, const char **why);

/* One blob of at most `length` bytes. */
int image_verify_blob(const void *bytes, size_t length, const char **why);
/* The same, and how many IMAGE_VALUE_REGEX it has (written when OK). */
int image_verify_blob_counting(const void *bytes, size_t length, uint32_t *regex_count,
                               const char **why);

/* The head's checksum, its tables, and every slot against its extents: extents[i] is the verified
   extent of the i-th reference (their headers must carry the id, size and checksum that the head
   names). Reads the extents' bitmaps, not their blobs, so that a reader pays for the slot table
   only: a slot may be found to hold another kind of blob than expected (snapshot_slot looks), but
   always a verified one. */
int image_verify_head(const void *bytes, size_t length, const struct image_extent *const *extents,
                      const char **why);

#endif
