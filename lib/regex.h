/*
 * regex.h - the patterns of one extent, compiled when it is mapped (libpcre2-8), matched without
 * allocation.
 *
 * Compiled from mmap'ed memory, never malloc, so that mapping a snapshot is safe in a signal
 * handler. A pattern that does not compile never matches.
 */
#ifndef FFSHM_REGEX_H
#define FFSHM_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"

#define REGEX_MATCH_LIMIT 10000 /* pcre2_set_match_limit: about 0.15 ms at worst */

struct regexes;

/* Compiles every IMAGE_VALUE_REGEX of a verified extent. jit: may use PCRE2's JIT compiler (takes a
   lock of libpcre2: not from an evaluation). NULL: none (regex_count 0), or no memory. */
struct regexes *regexes_compile(const struct image_extent *extent, bool jit);
void regexes_free(struct regexes *r);
/* The same without that lock: what the JIT compiler made waits for the next of the two above. */
void regexes_free_later(struct regexes *r);

/* Does the pattern whose text begins at `offset` from the extent's first byte match anywhere in the
   subject? false also when it did not compile, or ran into the limit. r may be NULL. */
bool regex_match(const struct regexes *r, uint32_t offset, const char *subject, size_t length);

/* Would it compile? false: *error_text (static or in buffer) and *error_offset say why not. For
 * lint. */
bool regex_valid(const char *pattern, size_t length, char *buffer, size_t capacity,
                 size_t *error_offset);

#endif
