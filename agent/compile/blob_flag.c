#include <stdlib.h>
#include <string.h>

#include "../catalog/document.h"
#include "blob_parts.h"
#include "hash.h"

/* A list of `targets` in the order of their variations, then of their places. */
struct by_variation {
    int64_t variation;
    size_t index;
    bool used;
};

static int compare(const void *left, const void *right)
{
    const struct by_variation *const a = left;
    const struct by_variation *const b = right;
    if (a->variation != b->variation) {
        return a->variation < b->variation ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The first of a variation's entries, NULL: none. */
static struct by_variation *first_of(struct by_variation *sorted, size_t count, int64_t variation)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle].variation < variation) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && sorted[low].variation == variation ? &sorted[low] : NULL;
}

/* A target, whose keys it asks for, and the member that it came from. */
struct resolved {
    const struct model_target *target;
    struct model_string kind;
    const char *list;
    size_t index;
};

static bool is_placeholder(const struct model_target *target)
{
    const struct model_string kind = blob_kind(target->context_kind);
    return json_array_size(target->values) == 0 && kind.length == 4 &&
           memcmp(kind.text, "user", 4) == 0;
}

static size_t resolve_placeholders(const struct model_flag *flag, struct by_variation *sorted,
                                   struct resolved *out)
{
    for (size_t i = 0; i < flag->target_count; i++) {
        sorted[i] = (struct by_variation){flag->targets[i].variation, i, false};
    }
    qsort(sorted, flag->target_count, sizeof(*sorted), compare);
    size_t count = 0;
    for (size_t i = 0; i < flag->context_target_count; i++) {
        const struct model_target *const target = &flag->context_targets[i];
        if (!is_placeholder(target)) {
            out[count++] =
                (struct resolved){target, blob_kind(target->context_kind), "contextTargets", i};
            continue;
        }
        struct by_variation *const first = first_of(sorted, flag->target_count, target->variation);
        /* A second placeholder of a variation would ask the same keys again. */
        if (first && !first->used) {
            first->used = true;
            const struct model_target *const found = &flag->targets[first->index];
            /* Users, whatever kind the entry of `targets` may name. */
            out[count++] = (struct resolved){found, blob_kind((struct model_string){0}), "targets",
                                             first->index};
        }
    }
    return count;
}

static void warn_unused(const struct blob_builder *b, const struct model_flag *flag,
                        const struct by_variation *sorted)
{
    const struct member list = {NULL, "targets", 0};
    for (size_t i = 0; i < flag->target_count; i++) {
        if (!sorted[i].used && json_array_size(flag->targets[sorted[i].index].values) > 0) {
            blob_warn(b, &(struct member){&list, NULL, sorted[i].index},
                      "is never looked at: no entry of contextTargets stands for it");
        }
    }
}

/* LaunchDarkly's order: contextTargets when there are any, and through them `targets`. */
static size_t resolve_targets(struct blob_builder *b, const struct model_flag *flag,
                              struct resolved *out)
{
    if (flag->context_target_count == 0) {
        for (size_t i = 0; i < flag->target_count; i++) {
            const struct model_target *const target = &flag->targets[i];
            out[i] = (struct resolved){target, blob_kind(target->context_kind), "targets", i};
        }
        return flag->target_count;
    }
    struct by_variation *const sorted = calloc(flag->target_count + 1, sizeof(*sorted));
    if (!sorted) {
        b->failure = BLOB_NO_MEMORY;
        return 0;
    }
    const size_t count = resolve_placeholders(flag, sorted, out);
    if (b->warn) {
        warn_unused(b, flag, sorted);
    }
    free(sorted);
    return count;
}

static void place_target(struct blob_builder *b, size_t at, const struct resolved *from,
                         size_t variation_count)
{
    const struct model_target *const target = from->target;
    const struct member list = {NULL, from->list, 0};
    const struct member element = {&list, NULL, from->index};
    const struct image_target image = {
        .kind_hash = blob_kind_hash(from->kind),
        .variation = blob_variation(b, target->variation, variation_count,
                                    &(struct member){&element, "variation", 0}),
    };
    blob_write(b, at, &image, sizeof(image));
    blob_set(b, at + offsetof(struct image_target, keys), target->values);
    blob_text_late(b, at + offsetof(struct image_target, kind), from->kind);
}

static void place_targets(struct blob_builder *b, const struct model_flag *flag,
                          struct image_flag *image)
{
    const size_t most =
        flag->context_target_count > 0 ? flag->context_target_count : flag->target_count;
    if (most == 0) {
        return;
    }
    struct resolved *const list = calloc(most, sizeof(*list));
    if (!list) {
        b->failure = BLOB_NO_MEMORY;
        return;
    }
    const size_t count = resolve_targets(b, flag, list);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (json_array_size(list[i].target->values) > 0) {
            list[kept++] = list[i];
        }
    }
    if (kept > 0) {
        image->target_count = (uint32_t)kept;
        image->targets_offset = blob_reserve(b, kept, sizeof(struct image_target), 8);
    }
    for (size_t i = 0; i < kept; i++) {
        place_target(b, image->targets_offset + i * sizeof(struct image_target), &list[i],
                     json_array_size(flag->variations));
    }
    free(list);
}

static void place_prerequisites(struct blob_builder *b, const struct model_flag *flag,
                                struct image_flag *image)
{
    const size_t count = flag->prerequisite_count;
    if (count == 0) {
        return;
    }
    const size_t at = blob_reserve(b, count, sizeof(struct image_prerequisite), 8);
    image->prerequisite_count = (uint32_t)count;
    image->prerequisites_offset = (uint32_t)at;
    const struct member list = {NULL, "prerequisites", 0};
    for (size_t i = 0; i < count; i++) {
        const struct model_prerequisite *const p = &flag->prerequisites[i];
        const size_t here = at + i * sizeof(struct image_prerequisite);
        const struct image_prerequisite prerequisite = {.variation = blob_int32(p->variation)};
        blob_write(b, here, &prerequisite, sizeof(prerequisite));
        blob_slot(b, here + offsetof(struct image_prerequisite, slot), IMAGE_FLAG, p->key);
        blob_name_late(b, here + offsetof(struct image_prerequisite, key), p->key);
        if (p->key.length == b->item->key.length && p->key.text &&
            memcmp(p->key.text, b->item->key.text, p->key.length) == 0) {
            blob_warn(b, &(struct member){&list, NULL, i},
                      "the flag requires itself: it always gives MALFORMED_FLAG while it is on");
        }
    }
}

static void place_rules(struct blob_builder *b, const struct model_flag *flag,
                        struct image_flag *image)
{
    const size_t count = flag->rule_count;
    if (count == 0) {
        return;
    }
    const size_t at = blob_reserve(b, count, sizeof(struct image_rule), 8);
    image->rule_count = (uint32_t)count;
    image->rules_offset = (uint32_t)at;
    const struct member list = {NULL, "rules", 0};
    const struct model_rule *always = NULL;
    for (size_t i = 0; i < count && b->failure == BLOB_MADE; i++) {
        const struct model_rule *const rule = &flag->rules[i];
        const struct member where = {&list, NULL, i};
        const size_t here = at + i * sizeof(struct image_rule);
        struct image_rule placed = {
            .clause_count = (uint32_t)rule->clause_count,
            .flags = rule->track_events ? IMAGE_RULE_TRACK_EVENTS : 0,
        };
        placed.clauses_offset = blob_clauses(b, rule->clauses, rule->clause_count, &where);
        placed.serve = blob_serve(b, &rule->serve, json_array_size(flag->variations), &where);
        blob_write(b, here, &placed, sizeof(placed));
        blob_text_late(b, here + offsetof(struct image_rule, id), rule->id);
        if (always) {
            blob_warn(b, &where, "is never reached: rule %zu has no clauses and matches everybody",
                      (size_t)(always - flag->rules));
        } else if (rule->clause_count == 0) {
            always = rule;
        }
    }
}

/* null, true and false without a detour over document_dump. */
static const char *literal_json(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return "null";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return NULL;
    }
}

static enum image_type type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return IMAGE_OBJECT;
    case JSON_ARRAY:
        return IMAGE_ARRAY;
    case JSON_STRING:
        return IMAGE_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return IMAGE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return IMAGE_BOOL;
    case JSON_NULL:
        break;
    }
    return IMAGE_NULL;
}

static void place_variation(struct blob_builder *b, size_t at, const json_t *value,
                            const json_t *variant)
{
    struct image_variation image = {
        .type = type_of(value),
        .boolean = json_is_true(value),
        .number = json_number_value(value),
    };
    const char *const literal = literal_json(value);
    if (literal) {
        image.json = blob_text(b, literal, strlen(literal));
    } else {
        size_t length = 0;
        char *const dumped = document_dump(value, &length);
        if (!dumped) {
            b->failure = b->failure == BLOB_MADE ? BLOB_NO_MEMORY : b->failure;
            return;
        }
        image.json = blob_text(b, dumped, length);
        free(dumped);
    }
    image.text = json_is_string(value)
                     ? blob_text(b, json_string_value(value), json_string_length(value))
                     : image.json;
    blob_write(b, at, &image, sizeof(image));
    if (json_is_string(variant)) {
        blob_text_late(
            b, at + offsetof(struct image_variation, key),
            (struct model_string){json_string_value(variant), json_string_length(variant)});
    }
}

static void place_tags(struct blob_builder *b, const json_t *tags, struct image_flag *image)
{
    const size_t count = json_array_size(tags);
    if (count == 0) {
        return;
    }
    image->tags_offset = blob_reserve(b, count, sizeof(struct image_string), 8);
    image->tag_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const json_t *const tag = json_array_get(tags, i);
        blob_name_late(b, image->tags_offset + i * sizeof(struct image_string),
                       (struct model_string){json_string_value(tag), json_string_length(tag)});
    }
}

static bool is_experiment(const struct model_serve *serve)
{
    return serve->has_rollout && serve->rollout.experiment;
}

/* May an evaluation tell more than its count, and its prerequisites'? Then readers take their
   slower way at once. */
static bool counts_more(const struct model_flag *flag)
{
    for (size_t i = 0; i < flag->rule_count; i++) {
        if (flag->rules[i].track_events || is_experiment(&flag->rules[i].serve)) {
            return true;
        }
    }
    return flag->track_events || flag->track_events_fallthrough || flag->debug_until_ms != 0 ||
           flag->exclude_from_summaries || flag->sampling_ratio != 1 ||
           is_experiment(&flag->fallthrough);
}

static uint32_t flags_of(const struct model_item *item)
{
    const struct model_flag *const flag = &item->as.flag;
    return (item->overridden ? IMAGE_FLAG_OVERRIDDEN : 0) |
           (counts_more(flag) ? IMAGE_FLAG_COUNTS_MORE : 0) |
           (flag->track_events ? IMAGE_FLAG_TRACK_EVENTS : 0) |
           (flag->track_events_fallthrough ? IMAGE_FLAG_TRACK_FALLTHROUGH : 0) |
           (flag->client_side_id ? IMAGE_FLAG_CLIENT_SIDE_ID : 0) |
           (flag->mobile_key ? IMAGE_FLAG_MOBILE_KEY : 0) |
           (flag->exclude_from_summaries ? IMAGE_FLAG_NO_SUMMARY : 0) |
           (flag->has_migration ? IMAGE_FLAG_MIGRATION : 0);
}

static uint32_t steps_of(const struct model_flag *flag, const struct image_flag *image)
{
    return (flag->on ? 0 : IMAGE_STEP_OFF) |
           (image->prerequisite_count ? IMAGE_STEP_PREREQUISITES : 0) |
           (image->target_count ? IMAGE_STEP_TARGETS : 0) |
           (image->rule_count ? IMAGE_STEP_RULES : 0);
}

int blob_flag(struct blob_builder *b, struct blob *out, struct fault *fault)
{
    const struct model_item *const item = b->item;
    const struct model_flag *const flag = &item->as.flag;
    const size_t variation_count = json_array_size(flag->variations);
    (void)blob_reserve(b, 1, sizeof(struct image_flag), 8);
    struct image_flag image = {
        .blob = {.kind = IMAGE_FLAG, .key_hash = hash_bytes(item->key.text, item->key.length)},
        .off_variation = IMAGE_SERVE_NOTHING,
        .flags = flags_of(item),
        .debug_until_ms = flag->debug_until_ms,
        .sampling_ratio = blob_int32(flag->sampling_ratio),
        .migration_check_ratio = blob_int32(flag->migration_check_ratio),
    };
    image.blob.key = blob_text(b, item->key.text, item->key.length);
    if (variation_count > 0) {
        image.variation_count = (uint32_t)variation_count;
        image.variations_offset =
            blob_reserve(b, variation_count, sizeof(struct image_variation), 8);
    }
    if (flag->has_off_variation) {
        image.off_variation = blob_variation(b, flag->off_variation, variation_count,
                                             &(struct member){NULL, "offVariation", 0});
    }
    image.fallthrough = blob_serve(b, &flag->fallthrough, variation_count,
                                   &(struct member){NULL, "fallthrough", 0});
    place_prerequisites(b, flag, &image);
    place_rules(b, flag, &image);
    place_targets(b, flag, &image);
    for (size_t i = 0; i < variation_count && b->failure == BLOB_MADE; i++) {
        place_variation(b, image.variations_offset + i * sizeof(struct image_variation),
                        json_array_get(flag->variations, i), json_array_get(flag->variants, i));
    }
    place_tags(b, flag->tags, &image);
    image.steps = steps_of(flag, &image);
    blob_write(b, 0, &image, sizeof(image));
    return blob_builder_finish(b, offsetof(struct image_flag, digest),
                               offsetof(struct image_flag, provenance), out, fault);
}
