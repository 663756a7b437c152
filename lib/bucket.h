/*
 * bucket.h - which part of the traffic a context is in: LaunchDarkly's bucketing, bit for bit.
 *
 * bucket = float32(n) / float32(2^60 - 1), n the first 60 bits of SHA-1(prefix + value); float32
 * throughout, in the order of operations of LaunchDarkly's own service.
 */
#ifndef FFSHM_BUCKET_H
#define FFSHM_BUCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "context.h"
#include "image.h"
#include "sha1.h"
#include "snapshot.h"

#define BUCKET_TEXT 24 /* bytes that an integer needs, NUL included */

enum bucket_result {
    BUCKET_OK = 0,
    BUCKET_NO_KIND = 1,       /* the context lacks the kind: bucket 0 */
    BUCKET_NO_VALUE = 2,      /* attribute missing or not a string or integer: bucket 0 */
    BUCKET_BAD_REFERENCE = 3, /* MALFORMED_FLAG */
};

/* The bucket of c for a rollout inside blob. */
enum bucket_result bucket_of(const struct ffshm_context *c, const void *blob,
                             const struct image_rollout *rollout, float *bucket);

/* The text that is hashed for v: strings as they are, integers in decimal into buffer. false: v has
 * none. */
bool bucket_text(const struct context_value *v, char buffer[BUCKET_TEXT], const char **text,
                 size_t *length);

/* The order of operations of LaunchDarkly's Go SDK: each side rounds to float32 before the
 * division. */
static inline float bucket_of_hash(uint64_t first60)
{
    return (float)(int64_t)first60 / (float)0xfffffffffffffffll;
}

/* The same as bucket_of, for a rollout by the key of a kind that the context has: nearly all are.
   false: it is another one. */
static inline bool bucket_of_key(const struct ffshm_context *c, const void *blob,
                                 const struct image_rollout *rollout, float *bucket)
{
    const int kind = context_kind(c, rollout->by.kind_hash);
    if (__builtin_expect(rollout->by.attribute != IMAGE_ATTRIBUTE_KEY || kind < 0, 0)) {
        return false;
    }
    *bucket = bucket_of_hash(sha1_first60(image_text(blob, rollout->prefix), rollout->prefix.length,
                                          c->kinds[kind].key, c->kinds[kind].key_length));
    return true;
}

/* Which of a rollout's variations a bucket falls into; past the sum of the weights it is the last
   one. */
static inline const struct image_weighted *
bucket_weighted(const void *blob, const struct image_rollout *rollout, float bucket)
{
    const struct image_weighted *weighted = image_at(blob, rollout->weighted_offset);
    uint32_t i = 0;
    while (i + 1 < rollout->count && !(bucket < weighted[i].upper)) {
        i++;
    }
    return &weighted[i];
}

#endif
