#include "blob_parts.h"
#include "hash.h"

static void place_members(struct blob_builder *b, size_t at, struct model_string kind,
                          const json_t *keys)
{
    const struct image_target image = {.kind_hash = blob_kind_hash(kind)};
    blob_write(b, at, &image, sizeof(image));
    blob_set(b, at + offsetof(struct image_target, keys), keys);
    blob_text_late(b, at + offsetof(struct image_target, kind), blob_kind(kind));
}

/* The users' list, then those of other kinds; empty ones are left out. The offset of *count. */
static uint32_t place_lists(struct blob_builder *b, const json_t *users,
                            const struct model_target *contexts, size_t context_count,
                            uint32_t *count)
{
    size_t kept = json_array_size(users) > 0;
    for (size_t i = 0; i < context_count; i++) {
        kept += json_array_size(contexts[i].values) > 0;
    }
    *count = (uint32_t)kept;
    if (kept == 0) {
        return 0;
    }
    const uint32_t offset = blob_reserve(b, kept, sizeof(struct image_target), 8);
    size_t at = offset;
    if (json_array_size(users) > 0) {
        place_members(b, at, (struct model_string){NULL, 0}, users);
        at += sizeof(struct image_target);
    }
    for (size_t i = 0; i < context_count; i++) {
        if (json_array_size(contexts[i].values) > 0) {
            place_members(b, at, contexts[i].context_kind, contexts[i].values);
            at += sizeof(struct image_target);
        }
    }
    return offset;
}

static uint32_t place_rules(struct blob_builder *b, const struct model_segment *segment)
{
    if (segment->rule_count == 0) {
        return 0;
    }
    const uint32_t at = blob_reserve(b, segment->rule_count, sizeof(struct image_segment_rule), 8);
    const struct member list = {NULL, "rules", 0};
    const struct model_segment_rule *always = NULL;
    for (size_t i = 0; i < segment->rule_count && b->failure == BLOB_MADE; i++) {
        const struct model_segment_rule *const rule = &segment->rules[i];
        const struct member where = {&list, NULL, i};
        const size_t here = at + i * sizeof(struct image_segment_rule);
        struct image_segment_rule placed = {
            .clause_count = (uint32_t)rule->clause_count,
            .clauses_offset = blob_clauses(b, rule->clauses, rule->clause_count, &where),
        };
        if (rule->has_weight) {
            placed.rollout =
                blob_share(b, rule->rollout_context_kind, rule->bucket_by, segment->salt,
                           (float)rule->weight, &(struct member){&where, "bucketBy", 0});
        }
        blob_write(b, here, &placed, sizeof(placed));
        blob_text_late(b, here + offsetof(struct image_segment_rule, id), rule->id);
        if (always) {
            blob_warn(b, &where, "is never reached: rule %zu has no clauses and matches everybody",
                      (size_t)(always - segment->rules));
        } else if (rule->clause_count == 0 && !rule->has_weight) {
            always = rule;
        }
    }
    return at;
}

int blob_segment(struct blob_builder *b, struct blob *out, struct fault *fault)
{
    const struct model_item *const item = b->item;
    const struct model_segment *const segment = &item->as.segment;
    (void)blob_reserve(b, 1, sizeof(struct image_segment), 8);
    struct image_segment image = {
        .blob = {.kind = IMAGE_SEGMENT, .key_hash = hash_bytes(item->key.text, item->key.length)},
        .flags = (segment->unbounded ? IMAGE_SEGMENT_UNBOUNDED : 0) |
                 (segment->has_generation ? IMAGE_SEGMENT_HAS_GENERATION : 0),
        .generation = segment->generation,
        .rule_count = (uint32_t)segment->rule_count,
    };
    image.blob.key = blob_text(b, item->key.text, item->key.length);
    image.rules_offset = place_rules(b, segment);
    if (segment->unbounded) {
        /* Membership is in an external store; the lists of a big segment are not looked at. */
        image.unbounded_kind_hash = blob_kind_hash(segment->unbounded_context_kind);
        blob_text_late(b, offsetof(struct image_segment, unbounded_kind),
                       blob_kind(segment->unbounded_context_kind));
    } else {
        image.includes_offset = place_lists(b, segment->included, segment->included_contexts,
                                            segment->included_context_count, &image.include_count);
        image.excludes_offset = place_lists(b, segment->excluded, segment->excluded_contexts,
                                            segment->excluded_context_count, &image.exclude_count);
    }
    blob_write(b, 0, &image, sizeof(image));
    return blob_builder_finish(b, offsetof(struct image_segment, digest),
                               offsetof(struct image_segment, provenance), out, fault);
}
