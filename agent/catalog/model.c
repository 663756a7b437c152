#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "model_reader.h"

static void read_clause(struct model_reader *r, const struct member *at, const json_t *json,
                        void *element)
{
    struct model_clause *const clause = element;
    clause->context_kind = model_read_string(r, at, json, "contextKind");
    clause->attribute = model_read_string(r, at, json, "attribute");
    clause->op = model_read_string(r, at, json, "op");
    clause->values = model_read_array(r, at, json, "values");
    clause->negate = model_read_bool(r, at, json, "negate", false);
}

static void read_weighted(struct model_reader *r, const struct member *at, const json_t *json,
                          void *element)
{
    struct model_weighted *const weighted = element;
    weighted->variation = model_read_integer(r, at, json, "variation", 0, NULL);
    weighted->weight = model_read_integer(r, at, json, "weight", 0, NULL);
    weighted->untracked = model_read_bool(r, at, json, "untracked", false);
}

static bool string_is(struct model_string s, const char *text)
{
    return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static void read_rollout(struct model_reader *r, const struct member *at, const json_t *json,
                         struct model_rollout *rollout)
{
    const struct model_string kind = model_read_string(r, at, json, "kind");
    rollout->experiment = kind.text && string_is(kind, "experiment");
    rollout->context_kind = model_read_string(r, at, json, "contextKind");
    rollout->bucket_by = model_read_string(r, at, json, "bucketBy");
    rollout->seed = model_read_integer(r, at, json, "seed", 0, &rollout->has_seed);
    rollout->variations =
        model_read_elements(r, at, json, "variations", sizeof(*rollout->variations), read_weighted,
                            &rollout->variation_count);
}

static void read_serve(struct model_reader *r, const struct member *at, const json_t *json,
                       struct model_serve *serve)
{
    serve->variation = model_read_integer(r, at, json, "variation", 0, &serve->has_variation);
    const json_t *const rollout = model_read_object(r, at, json, "rollout");
    if (rollout) {
        serve->has_rollout = true;
        read_rollout(r, &(struct member){at, "rollout", 0}, rollout, &serve->rollout);
    }
}

static void read_rule(struct model_reader *r, const struct member *at, const json_t *json,
                      void *element)
{
    struct model_rule *const rule = element;
    rule->id = model_read_string(r, at, json, "id");
    read_serve(r, at, json, &rule->serve);
    rule->clauses = model_read_elements(r, at, json, "clauses", sizeof(*rule->clauses), read_clause,
                                        &rule->clause_count);
    rule->track_events = model_read_bool(r, at, json, "trackEvents", false);
}

static void read_target(struct model_reader *r, const struct member *at, const json_t *json,
                        void *element)
{
    struct model_target *const target = element;
    target->context_kind = model_read_string(r, at, json, "contextKind");
    target->variation = model_read_integer(r, at, json, "variation", 0, NULL);
    target->values = model_read_strings(r, at, json, "values");
}

static void read_prerequisite(struct model_reader *r, const struct member *at, const json_t *json,
                              void *element)
{
    struct model_prerequisite *const prerequisite = element;
    prerequisite->key = model_read_name(r, at, json, "key");
    prerequisite->variation = model_read_integer(r, at, json, "variation", 0, NULL);
    prerequisite->variant = model_read_string(r, at, json, "variant");
}

static void read_segment_rule(struct model_reader *r, const struct member *at, const json_t *json,
                              void *element)
{
    struct model_segment_rule *const rule = element;
    rule->id = model_read_string(r, at, json, "id");
    rule->clauses = model_read_elements(r, at, json, "clauses", sizeof(*rule->clauses), read_clause,
                                        &rule->clause_count);
    rule->weight = model_read_integer(r, at, json, "weight", 0, &rule->has_weight);
    rule->bucket_by = model_read_string(r, at, json, "bucketBy");
    rule->rollout_context_kind = model_read_string(r, at, json, "rolloutContextKind");
}

/* Absent: mobile clients see the flag, browsers where the deprecated "clientSide" says so. */
static void read_availability(struct model_reader *r, const json_t *json, struct model_flag *flag)
{
    const bool client_side = model_read_bool(r, NULL, json, "clientSide", false);
    const json_t *const given = model_read_object(r, NULL, json, "clientSideAvailability");
    if (!given) {
        flag->mobile_key = true;
        flag->client_side_id = client_side;
        return;
    }
    const struct member at = {NULL, "clientSideAvailability", 0};
    flag->mobile_key = model_read_bool(r, &at, given, "usingMobileKey", false);
    flag->client_side_id = model_read_bool(r, &at, given, "usingEnvironmentId", false);
}

/* A list of names, each a string without NUL, or null where that is allowed. */
static json_t *read_names(struct model_reader *r, const struct member *where, const json_t *json,
                          const char *name, bool null_allowed)
{
    json_t *const list = model_read_array(r, where, json, name);
    const struct member at = {where, name, 0};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const element = json_array_get(list, i);
        const struct member place = {&at, NULL, i};
        if (json_is_null(element) && null_allowed) {
            continue;
        }
        if (!json_is_string(element)) {
            model_read_fault(r, &place, "", "must be a string");
        } else if (memchr(json_string_value(element), '\0', json_string_length(element))) {
            model_read_fault(r, &place, "remove \\u0000", "must not contain a NUL character");
        }
    }
    return r->failed ? NULL : list;
}

static void read_flag(struct model_reader *r, const json_t *json, const json_t *additions,
                      struct model_flag *flag)
{
    flag->on = model_read_bool(r, NULL, json, "on", false);
    flag->salt = model_read_string(r, NULL, json, "salt");
    flag->variations = model_read_array(r, NULL, json, "variations");
    flag->off_variation =
        model_read_integer(r, NULL, json, "offVariation", 0, &flag->has_off_variation);
    const json_t *const fallthrough = model_read_object(r, NULL, json, "fallthrough");
    if (fallthrough) {
        read_serve(r, &(struct member){NULL, "fallthrough", 0}, fallthrough, &flag->fallthrough);
    }
    flag->prerequisites =
        model_read_elements(r, NULL, json, "prerequisites", sizeof(*flag->prerequisites),
                            read_prerequisite, &flag->prerequisite_count);
    flag->targets = model_read_elements(r, NULL, json, "targets", sizeof(*flag->targets),
                                        read_target, &flag->target_count);
    flag->context_targets =
        model_read_elements(r, NULL, json, "contextTargets", sizeof(*flag->context_targets),
                            read_target, &flag->context_target_count);
    flag->rules = model_read_elements(r, NULL, json, "rules", sizeof(*flag->rules), read_rule,
                                      &flag->rule_count);
    flag->track_events = model_read_bool(r, NULL, json, "trackEvents", false);
    flag->track_events_fallthrough =
        model_read_bool(r, NULL, json, "trackEventsFallthrough", false);
    read_availability(r, json, flag);
    flag->exclude_from_summaries = model_read_bool(r, NULL, json, "excludeFromSummaries", false);
    const json_t *const migration = model_read_object(r, NULL, json, "migration");
    flag->has_migration = migration != NULL;
    flag->migration_check_ratio = model_read_integer(r, &(struct member){NULL, "migration", 0},
                                                     migration, "checkRatio", 1, NULL);
    flag->debug_until_ms = model_read_integer(r, NULL, json, "debugEventsUntilDate", 0, NULL);
    flag->sampling_ratio = model_read_integer(r, NULL, json, "samplingRatio", 1, NULL);
    const struct member at = {NULL, "ffshm", 0};
    flag->variants = read_names(r, &at, additions, "variants", true);
    flag->tags = read_names(r, &at, additions, "tags", false);
}

static void read_segment(struct model_reader *r, const json_t *json, struct model_segment *segment)
{
    segment->salt = model_read_string(r, NULL, json, "salt");
    segment->included = model_read_strings(r, NULL, json, "included");
    segment->excluded = model_read_strings(r, NULL, json, "excluded");
    segment->included_contexts =
        model_read_elements(r, NULL, json, "includedContexts", sizeof(*segment->included_contexts),
                            read_target, &segment->included_context_count);
    segment->excluded_contexts =
        model_read_elements(r, NULL, json, "excludedContexts", sizeof(*segment->excluded_contexts),
                            read_target, &segment->excluded_context_count);
    segment->rules = model_read_elements(r, NULL, json, "rules", sizeof(*segment->rules),
                                         read_segment_rule, &segment->rule_count);
    segment->unbounded = model_read_bool(r, NULL, json, "unbounded", false);
    segment->unbounded_context_kind = model_read_string(r, NULL, json, "unboundedContextKind");
    segment->generation =
        model_read_integer(r, NULL, json, "generation", 0, &segment->has_generation);
}

/* The outer key is the identity; the inner one counts only where there is no other. */
static void read_key(struct model_reader *r, const char *key, struct model_item *item)
{
    struct model_string inner = model_read_name(r, NULL, item->json, "key");
    const struct member at = {NULL, "key", 0};
    if (!key && !inner.text) {
        model_read_fault(r, &at, "give it a \"key\"", "is missing");
        return;
    }
    const struct model_string name = key ? (struct model_string){key, strlen(key)} : inner;
    if (name.length == 0) {
        model_read_fault(r, key ? NULL : &at, "give it a name", "the key is empty");
        return;
    }
    char *const copy = model_read_allocate(r, name.length + 1, 1);
    if (copy) {
        memcpy(copy, name.text, name.length);
        item->key = (struct model_string){copy, name.length};
    }
}

static void read_item(struct model_reader *r, const char *key, struct model_item *item)
{
    if (!json_is_object(item->json)) {
        model_read_fault(r, NULL, "", "must be an object");
        return;
    }
    read_key(r, key, item);
    item->version = model_read_integer(r, NULL, item->json, "version", 0, NULL);
    item->deleted = model_read_bool(r, NULL, item->json, "deleted", false);
    const json_t *const additions = model_read_object(r, NULL, item->json, "ffshm");
    item->auto_version =
        model_read_bool(r, &(struct member){NULL, "ffshm", 0}, additions, "autoVersion", false);
    if (item->deleted) {
        return;
    }
    if (item->kind == IMAGE_FLAG) {
        read_flag(r, item->json, additions, &item->as.flag);
    } else {
        read_segment(r, item->json, &item->as.segment);
    }
}

struct model_item *model_parse(enum image_blob_kind kind, const char *key, json_t *json,
                               const char *provenance, struct fault *fault)
{
    struct model_item *const item = calloc(1, sizeof(*item));
    struct model_arena *const arena = model_arena_new();
    char *const origin = provenance ? strdup(provenance) : NULL;
    if (!item || !arena || (provenance && !origin)) {
        fault_set(fault, "", "", "not enough memory");
        free(item);
        model_arena_free(arena);
        free(origin);
        return NULL;
    }
    item->kind = kind;
    item->arena = arena;
    item->json = json_incref(json);
    item->provenance = (struct model_string){origin, origin ? strlen(origin) : 0};
    struct model_reader reader = {.arena = arena, .fault = fault};
    read_item(&reader, key, item);
    if (reader.failed) {
        model_free(item);
        return NULL;
    }
    return item;
}

void model_free(struct model_item *item)
{
    if (!item) {
        return;
    }
    /* model_string borrows by const; this one string is the item's own. */
    free((void *)(uintptr_t)item->provenance.text);
    json_decref(item->json);
    model_arena_free(item->arena);
    free(item);
}
