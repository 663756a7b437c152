/* A segment in LaunchDarkly's terms -> a native one, which is of one kind of contexts. */
#include <string.h>

#include "native_raising.h"

/* All that a segment lists must be of one kind. *kind NULL: not known yet. */
static bool meet_kind(struct raising *r, const char **kind, const char *other)
{
    if (other == NULL) {
        return false;
    }
    if (*kind != NULL && strcmp(*kind, other) != 0) {
        return raise_refuse(r, "it is of several kinds of contexts: %.60s and %.60s", *kind, other);
    }
    *kind = other;
    return true;
}

static bool add_keys(struct raising *r, const json_t *keys, json_t *list)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        json_t *key = json_array_get(keys, i);
        if (!json_is_string(key) || json_string_length(key) == 0) {
            return raise_refuse(r, "a key is empty, or no text");
        }
        if (!raise_append(r, list, json_incref(key))) {
            return false;
        }
    }
    return true;
}

/* Users have a list of their own, other kinds are told. */
static bool put_keys(struct raising *r, const json_t *segment, const char *users,
                     const char *contexts, const char **kind, json_t *definition)
{
    json_t *list = json_array();
    const json_t *entries = json_object_get(segment, contexts);
    const json_t *given = json_object_get(segment, users);
    bool good =
        (json_array_size(given) == 0 || meet_kind(r, kind, "user")) && add_keys(r, given, list);
    for (size_t i = 0; i < json_array_size(entries) && good; i++) {
        const json_t *entry = json_array_get(entries, i);
        const json_t *keys = json_object_get(entry, "values");
        good = json_array_size(keys) == 0 ||
               (meet_kind(r, kind, raise_kind(r, json_object_get(entry, "contextKind"))) &&
                add_keys(r, keys, list));
    }
    if (!good || json_array_size(list) == 0) {
        json_decref(list);
        return good;
    }
    return raise_put(r, definition, users, list);
}

static bool has_share(const json_t *rule)
{
    const json_t *weight = json_object_get(rule, "weight");
    return json_is_number(weight);
}

static bool meet_rules(struct raising *r, const json_t *rules, const char **kind)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        if (has_share(rule) &&
            !meet_kind(r, kind, raise_kind(r, json_object_get(rule, "rolloutContextKind")))) {
            return false;
        }
    }
    return true;
}

static bool put_share(struct raising *r, const json_t *from, json_t *rule)
{
    const json_t *weight = json_object_get(from, "weight");
    const char *by = json_string_value(json_object_get(from, "bucketBy"));
    const char *given = json_string_value(json_object_get(from, "rolloutContextKind"));
    if (!has_share(from)) {
        return true;
    }
    if (!json_is_integer(weight) || json_integer_value(weight) < 0 ||
        json_integer_value(weight) >= RAISE_WHOLE) {
        return raise_refuse(r, "a rule has a weight that is not from 0 to %d", RAISE_WHOLE - 1);
    }
    r->divides = true;
    if (by != NULL && *by != '\0' && strcmp(by, "key") != 0) {
        json_t *attribute =
            raise_attribute(r, json_object_get(from, "bucketBy"), given == NULL || *given == '\0');
        if (attribute == NULL || !raise_put(r, rule, "bucket_by", attribute)) {
            return false;
        }
    }
    return raise_put(r, rule, "percentage", raise_percent(json_integer_value(weight)));
}

static json_t *raise_segment_rule(struct raising *r, const json_t *from, const char *kind)
{
    json_t *rule = json_object();
    json_t *id = json_object_get(from, "id");
    json_t *conditions = raise_conditions(r, json_object_get(from, "clauses"), kind);
    const bool named = json_string_length(id) > 0;
    if (conditions != NULL && (!named || raise_put(r, rule, "name", json_incref(id))) &&
        raise_put(r, rule, "conditions", conditions) && put_share(r, from, rule)) {
        return rule;
    }
    json_decref(rule);
    return NULL;
}

static bool put_rules(struct raising *r, const json_t *from, const char *kind, json_t *definition)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < json_array_size(from); i++) {
        json_t *rule = raise_segment_rule(r, json_array_get(from, i), kind);
        if (rule == NULL || !raise_append(r, rules, rule)) {
            json_decref(rules);
            return false;
        }
    }
    if (json_array_size(rules) == 0) {
        json_decref(rules);
        return true;
    }
    return raise_put(r, definition, "rules", rules);
}

static bool put_salt(struct raising *r, const json_t *segment, json_t *definition)
{
    const char *salt = json_string_value(json_object_get(segment, "salt"));
    return !r->divides || (salt != NULL && strcmp(salt, r->key) == 0) ||
           raise_put(r, definition, "salt", json_string(salt != NULL ? salt : ""));
}

static bool put_all(struct raising *r, const json_t *segment, json_t *definition)
{
    const char *kind = NULL;
    const json_t *rules = json_object_get(segment, "rules");
    if (!raise_texts(r, segment, definition) ||
        !put_keys(r, segment, "included", "includedContexts", &kind, definition) ||
        !put_keys(r, segment, "excluded", "excludedContexts", &kind, definition) ||
        !meet_rules(r, rules, &kind)) {
        return false;
    }
    kind = kind != NULL ? kind : "user";
    return (strcmp(kind, "user") == 0 || raise_put(r, definition, "kind", json_string(kind))) &&
           put_rules(r, rules, kind, definition) && put_salt(r, segment, definition);
}

json_t *raise_segment(struct raising *r, const json_t *segment)
{
    json_t *definition = json_object();
    if (!json_is_object(segment)) {
        (void)raise_refuse(r, "it is no object");
    } else if (json_is_true(json_object_get(segment, "unbounded"))) {
        (void)raise_refuse(r, "it is a big segment: its members are kept elsewhere");
    } else if (definition == NULL) {
        (void)raise_refuse(r, "out of memory");
    } else if (put_all(r, segment, definition)) {
        return definition;
    }
    json_decref(definition);
    return NULL;
}
