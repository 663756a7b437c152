/*
 * What the API promises, done one change at a time: versions, bodies, overrides, and what a flag
 * then serves. Nothing of the agent's own code is in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "writers.h"

#define DEPTH_MOST 64 /* of prerequisites and segments; circles are refused */

const char *const came_names[] = {"put", "archived", "deleted"};

const struct model_version *model_now(const struct write_model *m, unsigned key)
{
    const struct model_key *k = &m->keys[key];
    const struct model_version *newest = k->count ? &k->versions[k->count - 1] : NULL;
    return newest && newest->came != CAME_DELETED ? newest : NULL;
}

/* ---- changes -------------------------------------------------------------------------------- */

/* RFC 7396, of what is written here: members are replaced, null takes them out. */
static json_t *patched(const json_t *body, json_t *patch)
{
    const char *name;
    json_t *value;
    json_t *result = json_copy((json_t *)body);
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(result, name);
        } else {
            json_object_set(result, name, value);
        }
    }
    return result;
}

bool model_result(const struct write_model *m, const struct op *op,
                  const struct model_version *before, json_t **body, enum came *came)
{
    const struct model_version *source = op->verb == V_COPY ? model_now(m, op->key) : before;
    *came = op->verb == V_ARCHIVE ? CAME_ARCHIVED : op->verb == V_DELETE ? CAME_DELETED : CAME_PUT;
    *body = NULL;
    if (op->verb == V_PUT) {
        *body = json_incref(op->body);
        return true;
    }
    if (!source || source->came == CAME_DELETED || (op->verb == V_COPY && before)) {
        return false;
    }
    if (op->verb == V_PATCH) {
        *body = patched(source->body, op->body);
    } else if (op->verb == V_ENABLE || op->verb == V_DISABLE) {
        json_t *patch = json_pack("{s:b}", "enabled", op->verb == V_ENABLE);
        *body = patched(source->body, patch);
        json_decref(patch);
    } else if (op->verb != V_DELETE) {
        *body = json_incref(source->body);
    }
    return true;
}

static void add_version(struct model_key *k, enum came came, json_t *body, int64_t audit)
{
    if (k->count == k->room) {
        k->room = k->room ? k->room * 2 : 16;
        k->versions = realloc(k->versions, k->room * sizeof *k->versions);
        if (!k->versions) {
            abort();
        }
    }
    k->versions[k->count++] = (struct model_version){came, body, audit};
}

static void set_override(struct model_key *k, const struct op *op, const char *reason)
{
    json_decref(k->override);
    k->override = NULL;
    if (op->verb != V_REVIVE) {
        k->override =
            json_pack("{s:s, s:s}", "kind", op->verb == V_PIN ? "pin" : "kill", "reason", reason);
        json_object_update(k->override, op->body);
    }
}

void model_apply(struct write_model *m, const struct op *op, const char *reason, int64_t audit)
{
    const unsigned key = op->verb == V_COPY ? op->to : op->key;
    json_t *body;
    enum came came;
    if (op->verb == V_KILL || op->verb == V_PIN || op->verb == V_REVIVE) {
        set_override(&m->keys[key], op, reason);
    } else if (model_result(m, op, model_now(m, key), &body, &came)) {
        add_version(&m->keys[key], came, body, audit);
    } else {
        wrong("%s: done to what is not there", reason);
    }
}

void model_free(struct write_model *m)
{
    for (size_t i = 0; i < write_key_count; i++) {
        struct model_key *k = &m->keys[i];
        for (size_t n = 0; n < k->count; n++) {
            json_decref(k->versions[n].body);
        }
        free(k->versions);
        json_decref(k->override);
    }
}

/* ---- what is served ------------------------------------------------------------------------- */

static const json_t *served(const struct write_model *m, const char *name, unsigned *key)
{
    for (*key = 0; *key < write_key_count; (*key)++) {
        if (strcmp(write_keys[*key].name, name) == 0) {
            const struct model_version *now = model_now(m, *key);
            return now && now->came == CAME_PUT ? now->body : NULL;
        }
    }
    return NULL;
}

static const char *text(const json_t *object, const char *member)
{
    const char *value = json_string_value(json_object_get(object, member));
    return value ? value : "";
}

static bool is_in(const struct write_model *m, const char *segment, unsigned depth);

/* Of conditions that are all in_segment. */
static bool all_hold(const struct write_model *m, const json_t *conditions, unsigned depth)
{
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        if (!is_in(m, text(json_array_get(conditions, i), "value"), depth)) {
            return false;
        }
    }
    return true;
}

static bool is_in(const struct write_model *m, const char *segment, unsigned depth)
{
    unsigned key;
    const json_t *body = served(m, segment, &key);
    const json_t *rules = json_object_get(body, "rules");
    if (!body || depth == DEPTH_MOST) {
        return false;
    }
    if (strcmp(json_string_value(json_array_get(json_object_get(body, "included"), 0)), WHO) == 0) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (all_hold(m, json_object_get(json_array_get(rules, i), "conditions"), depth + 1)) {
            return true;
        }
    }
    return false;
}

/* Is there such a variant? Then *value is its value. */
static bool variant(const json_t *body, const char *name, json_t **value)
{
    const json_t *variants = json_object_get(body, "variants");
    for (size_t i = 0; i < json_array_size(variants); i++) {
        const json_t *one = json_array_get(variants, i);
        if (strcmp(text(one, "key"), name) == 0) {
            *value = json_object_get(one, "value");
            return true;
        }
    }
    return false;
}

static const char *off(const json_t *body)
{
    return text(body,
                json_object_get(body, "fallback_variant") ? "fallback_variant" : "default_variant");
}

/* The variant that a flag serves; *on: it was not off, by whomever. */
static const char *decide(const struct write_model *m, unsigned key, const json_t *body, bool *on,
                          unsigned depth)
{
    const json_t *override = m->keys[key].override;
    const json_t *prerequisites = json_object_get(body, "prerequisites");
    const json_t *rules = json_object_get(body, "targeting_rules");
    json_t *value;
    if (override) {
        *on = strcmp(text(override, "kind"), "pin") == 0 &&
              variant(body, text(override, "variant"), &value);
        return *on ? text(override, "variant") : off(body);
    }
    *on = !json_is_false(json_object_get(body, "enabled"));
    if (!*on) {
        return off(body);
    }
    for (size_t i = 0; i < json_array_size(prerequisites); i++) {
        const json_t *needs = json_array_get(prerequisites, i);
        unsigned other;
        bool other_on = false;
        const json_t *of = served(m, text(needs, "flag"), &other);
        if (!of || depth == DEPTH_MOST ||
            strcmp(decide(m, other, of, &other_on, depth + 1), text(needs, "variant")) != 0 ||
            !other_on) {
            return off(body);
        }
    }
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        if (all_hold(m, json_object_get(rule, "conditions"), 0)) {
            return text(rule, "variant");
        }
    }
    return text(body, "default_variant");
}

json_t *model_value(const struct write_model *m, unsigned key)
{
    unsigned same;
    bool on;
    json_t *value = NULL;
    const json_t *body = served(m, write_keys[key].name, &same);
    if (!body) {
        return NULL;
    }
    variant(body, decide(m, key, body, &on, 0), &value);
    return json_incref(value);
}
