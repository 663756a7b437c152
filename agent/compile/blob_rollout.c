#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "blob_parts.h"

#define WHOLE 100000 /* the weight that is everybody */

int32_t blob_int32(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

int32_t blob_variation(struct blob_builder *b, int64_t variation, size_t variation_count,
                       const struct member *where)
{
    if (variation >= 0 && (uint64_t)variation < variation_count) {
        return (int32_t)variation;
    }
    blob_warn(b, where,
              "there is no variation %" PRId64 " (%zu variations): evaluations that "
              "reach it give MALFORMED_FLAG",
              variation, variation_count);
    return IMAGE_SERVE_MALFORMED;
}

/* "key.salt.": what is hashed before a context's value. */
static struct image_string place_prefix(struct blob_builder *b, struct model_string salt)
{
    const struct model_string key = b->item->key;
    const size_t length = key.length + 1 + salt.length + 1;
    const uint32_t at = blob_reserve(b, length + 1, 1, 1);
    blob_write(b, at, key.text, key.length);
    blob_write(b, at + key.length, ".", 1);
    blob_write(b, at + key.length + 1, salt.text, salt.length);
    blob_write(b, at + length - 1, ".", 1);
    return (struct image_string){at, (uint32_t)length};
}

/* That of the item's own salt is placed once. */
static struct image_string item_prefix(struct blob_builder *b)
{
    if (b->prefix.length == 0) {
        const struct model_item *const item = b->item;
        b->prefix =
            place_prefix(b, item->kind == IMAGE_FLAG ? item->as.flag.salt : item->as.segment.salt);
    }
    return b->prefix;
}

static const struct model_string the_key = {"key", 3};

uint32_t blob_share(struct blob_builder *b, struct model_string kind, struct model_string bucket_by,
                    struct model_string salt, float weight, const struct member *where)
{
    const uint32_t at = blob_reserve(b, 1, sizeof(struct image_rollout), 8);
    /* As in LaunchDarkly's own service: a float32 division. */
    struct image_rollout rollout = {.below = weight / 100000.0f};
    const struct model_string own =
        b->item->kind == IMAGE_SEGMENT ? b->item->as.segment.salt : b->item->as.flag.salt;
    const bool same = salt.text == own.text && salt.length == own.length;
    rollout.prefix = same ? item_prefix(b) : place_prefix(b, salt);
    blob_write(b, at, &rollout, sizeof(rollout));
    blob_selector(b, at + offsetof(struct image_rollout, by), kind,
                  bucket_by.length > 0 ? bucket_by : the_key, where);
    return at;
}

static void place_weighted(struct blob_builder *b, const struct model_rollout *rollout,
                           size_t variation_count, uint32_t at, const struct member *where)
{
    const struct member list = {where, "variations", 0};
    float sum = 0;
    int64_t total = 0;
    for (size_t i = 0; i < rollout->variation_count; i++) {
        const struct model_weighted *const w = &rollout->variations[i];
        const struct member element = {&list, NULL, i};
        const struct member place = {&element, "variation", 0};
        /* LaunchDarkly's order of operations: float32 division, then float32 addition. */
        sum += (float)w->weight / 100000.0f;
        total += blob_int32(w->weight);
        const struct image_weighted weighted = {
            .variation = blob_variation(b, w->variation, variation_count, &place),
            .upper = sum,
            .weight = blob_int32(w->weight),
            .untracked = w->untracked,
        };
        blob_write(b, at + i * sizeof(weighted), &weighted, sizeof(weighted));
    }
    if (total != WHOLE) {
        blob_warn(b, where, "the weights add up to %" PRId64 ", not to %d: %s", total, WHOLE,
                  total < WHOLE ? "the last variation takes what is missing"
                                : "what lies beyond 100000 is never served");
    }
}

static uint32_t place_rollout(struct blob_builder *b, const struct model_rollout *model,
                              size_t variation_count, const struct member *where)
{
    const uint32_t at = blob_reserve(b, 1, sizeof(struct image_rollout), 8);
    struct image_rollout rollout = {
        .experiment = model->experiment,
        .count = (uint32_t)model->variation_count,
        .weighted_offset =
            blob_reserve(b, model->variation_count, sizeof(struct image_weighted), 8),
    };
    if (model->has_seed) {
        char seed[24];
        const int n = snprintf(seed, sizeof(seed), "%" PRId64 ".", model->seed);
        rollout.prefix = blob_text(b, seed, (size_t)n);
    } else {
        rollout.prefix = item_prefix(b);
    }
    blob_write(b, at, &rollout, sizeof(rollout));
    place_weighted(b, model, variation_count, rollout.weighted_offset, where);
    const bool by_key = model->experiment || model->bucket_by.length == 0;
    blob_selector(b, at + offsetof(struct image_rollout, by), model->context_kind,
                  by_key ? the_key : model->bucket_by, &(struct member){where, "bucketBy", 0});
    return at;
}

struct image_serve blob_serve(struct blob_builder *b, const struct model_serve *serve,
                              size_t variation_count, const struct member *where)
{
    if (serve->has_variation) {
        const struct member place = {where, "variation", 0};
        return (struct image_serve){blob_variation(b, serve->variation, variation_count, &place),
                                    0};
    }
    const struct member place = {where, "rollout", 0};
    if (serve->has_rollout && serve->rollout.variation_count > 0) {
        const uint32_t rollout = place_rollout(b, &serve->rollout, variation_count, &place);
        return (struct image_serve){IMAGE_SERVE_ROLLOUT, rollout};
    }
    blob_warn(
        b, serve->has_rollout ? &place : where, "%s: evaluations that reach it give MALFORMED_FLAG",
        serve->has_rollout ? "a rollout without variations" : "neither a variation nor a rollout");
    return (struct image_serve){IMAGE_SERVE_MALFORMED, 0};
}
