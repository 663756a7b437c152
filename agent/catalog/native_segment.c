/* A segment -> LaunchDarkly's segment. */
#include <stdio.h>
#include <string.h>

#include "native_lowering.h"

/* Keys of users have members of their own. */
static void put_keys(struct native *n, const struct member *where, json_t *definition, json_t *kind,
                     const char *name, const char *contexts_name, json_t *segment)
{
    json_t *keys = native_names(n, where, definition, name);
    const bool user = kind == NULL || strcmp(json_string_value(kind), "user") == 0;
    json_t *given = keys == NULL ? json_array() : json_incref(keys);
    if (user) {
        native_put(n, segment, name, given);
        native_put(n, segment, contexts_name, json_array());
        return;
    }
    json_t *entry = json_object();
    native_put(n, entry, "contextKind", json_incref(kind));
    native_put(n, entry, "values", given);
    json_t *contexts = json_array();
    native_append(n, contexts, entry);
    native_put(n, segment, name, json_array());
    native_put(n, segment, contexts_name, contexts);
}

static json_t *lower_rule(struct native *n, const struct member *where, json_t *rule, json_t *kind,
                          const char *key)
{
    static const char *const members[] = {"name", "conditions", "percentage", "bucket_by", NULL};
    if (!native_object(n, where, rule, members)) {
        return NULL;
    }
    json_t *lowered = json_object();
    json_t *name = native_name(n, where, rule, "name");
    char id[32];
    (void)snprintf(id, sizeof id, "rule-%zu", where->index);
    native_put(n, lowered, "id", name != NULL ? json_incref(name) : json_string(id));
    native_put(n, lowered, "clauses", native_conditions(n, where, rule, kind, key));
    json_t *bucket_by = native_attribute(n, where, rule, "bucket_by");
    const json_t *percentage = native_member(rule, "percentage");
    const struct member at = {where, "percentage", 0};
    int64_t weight = NATIVE_WHOLE;
    if (percentage != NULL && native_percentage(n, &at, percentage, &weight) &&
        weight < NATIVE_WHOLE) {
        native_put(n, lowered, "weight", json_integer(weight));
        native_put_attribute(n, lowered, "rolloutContextKind", kind, "bucketBy", bucket_by);
    }
    return lowered;
}

static json_t *additions(struct native *n, const struct member *where, const json_t *definition)
{
    static const char *const texts[] = {"name", "description", "owner"};
    json_t *ours = json_object();
    json_t *tags = native_names(n, where, definition, "tags");
    native_put(n, ours, "tags", tags == NULL ? json_array() : json_incref(tags));
    native_put(n, ours, "autoVersion", json_true());
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *text = native_text(n, where, definition, texts[i]);
        if (text != NULL) {
            native_put(n, ours, texts[i], json_incref(text));
        }
    }
    return ours;
}

json_t *native_lower_segment(struct native *n, const char *key, json_t *definition)
{
    static const char *const members[] = {"name",     "description", "tags",  "owner", "kind",
                                          "included", "excluded",    "rules", "salt",  NULL};
    static const struct member segments = {NULL, "segments", 0};
    const struct member where = {&segments, key, 0};
    const struct member at = {&where, "rules", 0};
    if (!native_object(n, &where, definition, members)) {
        return NULL;
    }
    json_t *segment = json_object();
    json_t *kind = native_kind(n, &where, definition);
    native_put(n, segment, "key", json_string(key));
    json_t *salt = native_text(n, &where, definition, "salt");
    native_put(n, segment, "salt", salt != NULL ? json_incref(salt) : json_string(key));
    put_keys(n, &where, definition, kind, "included", "includedContexts", segment);
    put_keys(n, &where, definition, kind, "excluded", "excludedContexts", segment);
    const json_t *rules = native_list(n, &where, definition, "rules");
    json_t *lowered = json_array();
    for (size_t i = 0; i < json_array_size(rules) && !n->failed; i++) {
        const struct member element = {&at, NULL, i};
        native_append(n, lowered, lower_rule(n, &element, json_array_get(rules, i), kind, key));
    }
    native_put(n, segment, "rules", lowered);
    native_put(n, segment, "ffshm", additions(n, &where, definition));
    if (n->failed) {
        json_decref(segment);
        return NULL;
    }
    return segment;
}
