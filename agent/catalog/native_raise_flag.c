/* A flag in LaunchDarkly's terms -> a native one. */
#include <stdlib.h>
#include <string.h>

#include "native_raising.h"

/* ---- variants ------------------------------------------------------------------------------ */

static bool put_variants(struct raising *r, const json_t *flag, json_t *definition)
{
    const json_t *variations = json_object_get(flag, "variations");
    json_t *variants = json_array();
    if (json_array_size(variations) == 0) {
        json_decref(variants);
        return raise_refuse(r, "it has no variations");
    }
    for (size_t i = 0; i < json_array_size(variations); i++) {
        json_t *variant = json_pack("{s:O, s:O}", "key", json_array_get(r->variants, i), "value",
                                    json_array_get(variations, i));
        if (!raise_append(r, variants, variant)) {
            json_decref(variants);
            return false;
        }
    }
    return raise_put(r, definition, "variants", variants);
}

static bool put_percentage(struct raising *r, json_t *definition, json_int_t variation,
                           json_int_t weight)
{
    return raise_put(r, json_array_get(json_object_get(definition, "variants"), (size_t)variation),
                     "percentage", raise_percent(weight));
}

/* ---- what is served when nothing else decides ---------------------------------------------- */

/* Without an off variation there must be no default variant: it would be served while it is off. */
static bool put_single(struct raising *r, const json_t *variation, bool has_off, json_t *definition)
{
    json_t *key = raise_variant(r, variation);
    if (key == NULL) {
        return false;
    }
    if (has_off) {
        return raise_put(r, definition, "default_variant", key);
    }
    json_decref(key);
    return put_percentage(r, definition, json_integer_value(variation), RAISE_WHOLE);
}

/* Percentages are laid out in the order of the variants, and what they leave over, which is the
   default variant's, behind them. */
static bool put_shares(struct raising *r, const struct raise_share *shares, size_t count,
                       bool has_off, json_t *definition)
{
    const size_t given = has_off ? count - 1 : count;
    for (size_t i = 0; i < given; i++) {
        if (i > 0 && shares[i].variation < shares[i - 1].variation) {
            return raise_refuse(r, "its rollout is in another order than its variations%s",
                                has_off ? "" : ", and it has no off variation");
        }
        if (!put_percentage(r, definition, shares[i].variation, shares[i].weight)) {
            return false;
        }
    }
    if (!has_off) {
        return true;
    }
    json_t *index = json_integer(shares[count - 1].variation);
    json_t *key = raise_variant(r, index);
    json_decref(index);
    return key != NULL && raise_put(r, definition, "default_variant", key);
}

static bool put_fallthrough(struct raising *r, const json_t *flag, bool has_off, json_t *definition)
{
    const json_t *served = json_object_get(flag, "fallthrough");
    const json_t *variation = json_object_get(served, "variation");
    const json_t *rollout = json_object_get(served, "rollout");
    if (json_is_integer(variation)) {
        return put_single(r, variation, has_off, definition);
    }
    if (!json_is_object(rollout)) {
        return raise_refuse(r, "its fallthrough serves nothing");
    }
    const size_t room = json_array_size(json_object_get(rollout, "variations"));
    struct raise_share *shares = calloc(room + 1, sizeof *shares);
    size_t count = 0;
    bool good = shares != NULL && raise_rollout(r, rollout, definition, shares, &count);
    if (good && count == 1) {
        json_t *index = json_integer(shares[0].variation);
        good = put_single(r, index, has_off, definition);
        json_decref(index);
    } else if (good) {
        good = put_shares(r, shares, count, has_off, definition);
    }
    free(shares);
    return good;
}

static bool put_off(struct raising *r, const json_t *flag, json_t *definition, bool *has_off)
{
    const json_t *off = json_object_get(flag, "offVariation");
    *has_off = off != NULL && !json_is_null(off);
    if (!*has_off) {
        return true;
    }
    json_t *key = raise_variant(r, off);
    return key != NULL && raise_put(r, definition, "fallback_variant", key);
}

/* ---- targets ------------------------------------------------------------------------------- */

static bool put_target(struct raising *r, const json_t *target, const char *kind, json_t *targets)
{
    json_t *keys = json_object_get(target, "values");
    json_t *variant = raise_variant(r, json_object_get(target, "variation"));
    if (variant == NULL) {
        return false;
    }
    json_t *made = json_pack("{s:o, s:O?}", "variant", variant, "keys", keys);
    if (strcmp(kind, "user") != 0 && !raise_put(r, made, "kind", json_string(kind))) {
        json_decref(made);
        return false;
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        if (key == NULL || *key == '\0') {
            json_decref(made);
            return raise_refuse(r, "a target's key is empty, or no text");
        }
    }
    return raise_append(r, targets, made);
}

/* The users of the variation, whom an empty entry of contextTargets stands for; NULL: there are
   none, or they were asked for before. */
static const json_t *users_of(const json_t *flag, const json_t *entry, json_t *used)
{
    size_t i;
    json_t *target;
    json_array_foreach(json_object_get(flag, "targets"), i, target)
    {
        if (json_equal(json_object_get(target, "variation"), json_object_get(entry, "variation")) !=
            0) {
            const bool first = json_is_null(json_array_get(used, i));
            (void)json_array_set_new(used, i, json_true());
            return first ? target : NULL;
        }
    }
    return NULL;
}

static bool put_context_target(struct raising *r, const json_t *flag, const json_t *entry,
                               json_t *used, json_t *targets)
{
    const char *kind = raise_kind(r, json_object_get(entry, "contextKind"));
    if (kind == NULL) {
        return false;
    }
    if (json_array_size(json_object_get(entry, "values")) > 0) {
        return put_target(r, entry, kind, targets);
    }
    const json_t *users = strcmp(kind, "user") == 0 ? users_of(flag, entry, used) : NULL;
    return users == NULL || json_array_size(json_object_get(users, "values")) == 0 ||
           put_target(r, users, "user", targets);
}

static bool add_targets(struct raising *r, const json_t *flag, json_t *targets)
{
    const json_t *entries = json_object_get(flag, "contextTargets");
    const json_t *users = json_object_get(flag, "targets");
    bool good = true;
    if (json_array_size(entries) == 0) {
        for (size_t i = 0; i < json_array_size(users) && good; i++) {
            const json_t *target = json_array_get(users, i);
            const char *kind = raise_kind(r, json_object_get(target, "contextKind"));
            good = kind != NULL && (json_array_size(json_object_get(target, "values")) == 0 ||
                                    put_target(r, target, kind, targets));
        }
        return good;
    }
    json_t *used = json_array();
    for (size_t i = 0; i < json_array_size(users); i++) {
        (void)json_array_append_new(used, json_null());
    }
    for (size_t i = 0; i < json_array_size(entries) && good; i++) {
        good = put_context_target(r, flag, json_array_get(entries, i), used, targets);
    }
    json_decref(used);
    return good;
}

static bool put_targets(struct raising *r, const json_t *flag, json_t *definition)
{
    json_t *targets = json_array();
    const bool good = add_targets(r, flag, targets);
    if (!good || json_array_size(targets) == 0) {
        json_decref(targets);
        return good;
    }
    return raise_put(r, definition, "targets", targets);
}

/* ---- prerequisites and rules --------------------------------------------------------------- */

/* By the name of its variant, or by its index where the other flag is not in the document. */
static json_t *raise_prerequisite(struct raising *r, const json_t *from)
{
    json_t *key = json_object_get(from, "key");
    json_t *variation = json_object_get(from, "variation");
    json_t *names = json_is_string(key) ? json_object_get(r->names, json_string_value(key)) : NULL;
    if (!json_is_string(key) || json_string_length(key) == 0 || !json_is_integer(variation) ||
        json_integer_value(variation) < 0) {
        (void)raise_refuse(r, "a prerequisite names no flag, or no variation");
        return NULL;
    }
    if (strcmp(json_string_value(key), r->key) == 0) {
        (void)raise_refuse(r, "it is its own prerequisite");
        return NULL;
    }
    json_t *name = json_array_get(names, (size_t)json_integer_value(variation));
    if (names != NULL && name == NULL) {
        (void)raise_refuse(r, "a prerequisite names a variation that %.100s does not have",
                           json_string_value(key));
        return NULL;
    }
    return json_pack("{s:O, s:O}", "flag", key, "variant", name != NULL ? name : variation);
}

typedef json_t *part_fn(struct raising *r, const json_t *part);

/* A list, part by part; none where there is none. */
static bool put_parts(struct raising *r, const json_t *parts, part_fn *raise, const char *member,
                      json_t *definition)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(parts); i++) {
        json_t *part = raise(r, json_array_get(parts, i));
        if (part == NULL || !raise_append(r, list, part)) {
            json_decref(list);
            return false;
        }
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        return true;
    }
    return raise_put(r, definition, member, list);
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* What people were divided by there. */
static bool put_salt(struct raising *r, const json_t *flag, json_t *definition)
{
    const json_t *salt = json_object_get(flag, "salt");
    const char *text = json_string_value(salt);
    if (r->seeded) {
        return raise_put(r, definition, "seed", json_integer(r->seed));
    }
    if (!r->divides || (text != NULL && strcmp(text, r->key) == 0)) {
        return true;
    }
    return raise_put(r, definition, "salt", json_string(text != NULL ? text : ""));
}

static bool put_all(struct raising *r, const json_t *flag, json_t *definition)
{
    bool has_off;
    return raise_texts(r, flag, definition) &&
           (json_is_true(json_object_get(flag, "on")) ||
            raise_put(r, definition, "enabled", json_false())) &&
           put_variants(r, flag, definition) && put_off(r, flag, definition, &has_off) &&
           put_fallthrough(r, flag, has_off, definition) &&
           put_parts(r, json_object_get(flag, "prerequisites"), raise_prerequisite, "prerequisites",
                     definition) &&
           put_targets(r, flag, definition) &&
           put_parts(r, json_object_get(flag, "rules"), raise_rule, "targeting_rules",
                     definition) &&
           put_salt(r, flag, definition);
}

json_t *raise_flag(struct raising *r, const json_t *flag)
{
    json_t *definition = json_object();
    if (!json_is_object(flag)) {
        (void)raise_refuse(r, "it is no object");
    } else if (definition == NULL) {
        (void)raise_refuse(r, "out of memory");
    } else if (put_all(r, flag, definition)) {
        return definition;
    }
    json_decref(definition);
    return NULL;
}
