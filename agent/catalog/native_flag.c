/* A flag as it stands at one moment -> LaunchDarkly's flag. */
#include <stdio.h>
#include <string.h>

#include "native_lowering.h"

const char *const native_flag_members[] = {"name",
                                           "description",
                                           "tags",
                                           "owner",
                                           "temporary",
                                           "enabled",
                                           "variants",
                                           "default_variant",
                                           "fallback_variant",
                                           "prerequisites",
                                           "targets",
                                           "targeting_rules",
                                           "bucket_by",
                                           "kind",
                                           "seed",
                                           "salt",
                                           NULL};

const struct member *native_holder(const struct native_flag *f, const char *name)
{
    const json_t *change = json_object_get(f->changed_by, name);
    return change == NULL ? f->where : &f->changes[json_integer_value(change)].place;
}

/* ---- variants ----------------------------------------------------------------------------- */

int64_t native_variant(const struct native_flag *f, const struct member *where, const json_t *name)
{
    if (!native_is_name(f->n, where, name)) {
        return -1;
    }
    const json_t *index = json_object_get(f->indexes, json_string_value(name));
    if (index != NULL) {
        return json_integer_value(index);
    }
    char hint[sizeof f->n->fault->hint];
    size_t used = (size_t)snprintf(hint, sizeof hint, "the variants are");
    for (size_t i = 0; i < json_array_size(f->keys) && used < sizeof hint; i++) {
        used += (size_t)snprintf(hint + used, sizeof hint - used, "%s %s", i > 0 ? "," : "",
                                 json_string_value(json_array_get(f->keys, i)));
    }
    (void)native_fault(f->n, where, hint, "there is no variant \"%.80s\"", json_string_value(name));
    return -1;
}

static bool read_variant(struct native_flag *f, const struct member *where, json_t *variant,
                         json_t *variations)
{
    static const char *const members[] = {"key",  "value",       "percentage",
                                          "name", "description", NULL};
    struct native *n = f->n;
    if (!native_object(n, where, variant, members)) {
        return false;
    }
    const struct member at = {where, "key", 0};
    json_t *key = native_name(n, where, variant, "key");
    if (key == NULL) {
        return native_fault(n, &at, "", "is missing");
    }
    const json_t *first = json_object_get(f->indexes, json_string_value(key));
    if (first != NULL) {
        return native_fault(n, &at, "every variant needs a key of its own",
                            "\"%.80s\" is also the key of variants[%" JSON_INTEGER_FORMAT "]",
                            json_string_value(key), json_integer_value(first));
    }
    json_t *value = json_object_get(variant, "value");
    if (value == NULL) {
        const struct member place = {where, "value", 0};
        return native_fault(n, &place, "any JSON value; null is one too", "is missing");
    }
    (void)native_text(n, where, variant, "name");
    (void)native_text(n, where, variant, "description");
    native_put(n, f->indexes, json_string_value(key),
               json_integer((json_int_t)json_array_size(f->keys)));
    native_append(n, f->keys, json_incref(key));
    native_append(n, variations, json_incref(value));
    return !n->failed;
}

/* Returns the values; f->variants and f->keys are filled in. */
static json_t *read_variants(struct native_flag *f)
{
    struct native *n = f->n;
    const struct member *holder = native_holder(f, "variants");
    const struct member at = {holder, "variants", 0};
    f->variants = native_list(n, holder, f->members, "variants");
    f->keys = json_array();
    f->indexes = json_object();
    json_t *variations = json_array();
    const size_t count = json_array_size(f->variants);
    if (f->keys == NULL || f->indexes == NULL || variations == NULL) {
        (void)native_no_memory(n);
    } else if (count == 0) {
        (void)native_fault(n, &at,
                           "as in [{key: \"on\", value: true}, {key: \"off\", value: false}]",
                           f->variants == NULL ? "are missing" : "must not be empty");
    } else if (count > NATIVE_MAX_VARIANTS) {
        (void)native_fault(n, &at, "", "%zu variants; %u are allowed", count, NATIVE_MAX_VARIANTS);
    }
    for (size_t i = 0; i < count && !n->failed; i++) {
        const struct member element = {&at, NULL, i};
        (void)read_variant(f, &element, json_array_get(f->variants, i), variations);
    }
    return variations;
}

/* The index of the variant that the member names, -1: not given. */
static int64_t named_variant(struct native_flag *f, const char *name)
{
    const struct member at = {native_holder(f, name), name, 0};
    const json_t *value = native_member(f->members, name);
    return value == NULL ? -1 : native_variant(f, &at, value);
}

/* ---- what is served ------------------------------------------------------------------------ */

/* "percentage" on variants, in their order, so that raising a share moves only its edge. */
static bool variant_weights(struct native_flag *f, json_t *weights, int64_t *sum)
{
    const struct member at = {native_holder(f, "variants"), "variants", 0};
    bool any = false;
    for (size_t i = 0; i < json_array_size(f->variants); i++) {
        const json_t *percentage = native_member(json_array_get(f->variants, i), "percentage");
        const struct member element = {&at, NULL, i};
        const struct member place = {&element, "percentage", 0};
        int64_t weight = 0;
        if (percentage == NULL) {
            continue;
        }
        any = true;
        if (!native_percentage(f->n, &place, percentage, &weight)) {
            return any;
        }
        if (weight > 0) {
            native_append(f->n, weights, native_weighted(f->n, (int64_t)i, weight));
        }
        *sum += weight;
    }
    return any;
}

static json_t *fallthrough(struct native_flag *f)
{
    struct native *n = f->n;
    const struct member variants = {native_holder(f, "variants"), "variants", 0};
    json_t *kind = native_kind(n, native_holder(f, "kind"), f->members);
    json_t *bucket_by = native_attribute(n, native_holder(f, "bucket_by"), f->members, "bucket_by");
    json_t *served = json_object();
    json_t *weights = json_array();
    int64_t sum = 0;
    if (variant_weights(f, weights, &sum)) {
        native_serve(f, &variants, served, weights, sum, kind, bucket_by);
        return served;
    }
    json_decref(weights);
    if (f->default_index < 0) {
        const struct member at = {native_holder(f, "default_variant"), "default_variant", 0};
        (void)native_fault(n, &at, "name the variant that is served when no rule matches",
                           "is missing");
    }
    native_put(n, served, "variation", json_integer(f->default_index));
    return served;
}

/* ---- targets and prerequisites ------------------------------------------------------------- */

static json_t *lower_target(struct native_flag *f, const struct member *where, json_t *target,
                            bool *other_kind)
{
    static const char *const members[] = {"variant", "keys", "kind", NULL};
    struct native *n = f->n;
    if (!native_object(n, where, target, members)) {
        return NULL;
    }
    const struct member at = {where, "variant", 0};
    const struct member place = {where, "keys", 0};
    const json_t *variant = native_member(target, "variant");
    json_t *keys = native_names(n, where, target, "keys");
    json_t *kind = native_kind(n, where, target);
    if (variant == NULL) {
        (void)native_fault(n, &at, "", "is missing");
        return NULL;
    }
    if (keys == NULL) {
        (void)native_fault(n, &place, "a list of context keys", "are missing");
        return NULL;
    }
    json_t *lowered = json_object();
    const bool user = kind == NULL || strcmp(json_string_value(kind), "user") == 0;
    *other_kind = *other_kind || !user;
    native_put(n, lowered, "contextKind", user ? json_string("user") : json_incref(kind));
    native_put(n, lowered, "variation", json_integer(native_variant(f, &at, variant)));
    native_put(n, lowered, "values", json_incref(keys));
    return lowered;
}

/* Users alone are "targets"; as soon as there is another kind, all are "contextTargets", in order.
 */
static void put_targets(struct native_flag *f, json_t *flag)
{
    struct native *n = f->n;
    const struct member *holder = native_holder(f, "targets");
    const struct member at = {holder, "targets", 0};
    const json_t *targets = native_list(n, holder, f->members, "targets");
    json_t *lowered = json_array();
    bool other_kind = false;
    for (size_t i = 0; i < json_array_size(targets) && !n->failed; i++) {
        const struct member element = {&at, NULL, i};
        json_t *target = lower_target(f, &element, json_array_get(targets, i), &other_kind);
        if (target != NULL && json_array_size(json_object_get(target, "values")) == 0) {
            json_decref(target); /* an empty user target would refer to "targets" */
            continue;
        }
        native_append(n, lowered, target);
    }
    native_put(n, flag, "targets", other_kind ? json_array() : json_incref(lowered));
    native_put(n, flag, "contextTargets", other_kind ? json_incref(lowered) : json_array());
    json_decref(lowered);
}

static json_t *lower_prerequisite(struct native_flag *f, const struct member *where,
                                  json_t *prerequisite)
{
    static const char *const members[] = {"flag", "variant", NULL};
    struct native *n = f->n;
    if (!native_object(n, where, prerequisite, members)) {
        return NULL;
    }
    const struct member at_flag = {where, "flag", 0};
    const struct member at_variant = {where, "variant", 0};
    json_t *key = native_name(n, where, prerequisite, "flag");
    json_t *variant = native_member(prerequisite, "variant");
    if (key == NULL) {
        (void)native_fault(n, &at_flag, "", "is missing");
        return NULL;
    }
    if (strcmp(json_string_value(key), f->key) == 0) {
        (void)native_fault(n, &at_flag, "", "a flag cannot be its own prerequisite");
        return NULL;
    }
    if (variant == NULL) {
        (void)native_fault(n, &at_variant, "name the variant that must be served", "is missing");
        return NULL;
    }
    const bool index = json_is_integer(variant) && json_integer_value(variant) >= 0 &&
                       json_object_get(n->flags, json_string_value(key)) == NULL;
    if (!index && !native_is_name(n, &at_variant, variant)) {
        return NULL;
    }
    json_t *lowered = json_object();
    native_put(n, lowered, "key", json_incref(key));
    native_put(n, lowered, "variation", index ? json_incref(variant) : json_integer(-1));
    const json_t *change = json_object_get(f->changed_by, "prerequisites");
    native_refer(
        n, (struct native_reference){.from = f->key,
                                     .to = key,
                                     .variant = variant,
                                     .lowered = f->current ? lowered : NULL,
                                     .index = where->index,
                                     .change = change == NULL ? -1 : json_integer_value(change)});
    return lowered;
}

static json_t *prerequisites(struct native_flag *f)
{
    struct native *n = f->n;
    const struct member *holder = native_holder(f, "prerequisites");
    const struct member at = {holder, "prerequisites", 0};
    const json_t *list = native_list(n, holder, f->members, "prerequisites");
    json_t *lowered = json_array();
    for (size_t i = 0; i < json_array_size(list) && !n->failed; i++) {
        const struct member element = {&at, NULL, i};
        native_append(n, lowered, lower_prerequisite(f, &element, json_array_get(list, i)));
    }
    return lowered;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* What is ours alone and no part of the evaluation. */
static json_t *additions(struct native_flag *f)
{
    static const char *const texts[] = {"name", "description", "owner"};
    struct native *n = f->n;
    json_t *ours = json_object();
    json_t *tags = native_names(n, native_holder(f, "tags"), f->members, "tags");
    native_put(n, ours, "variants", json_incref(f->keys));
    native_put(n, ours, "tags", tags == NULL ? json_array() : json_incref(tags));
    native_put(n, ours, "autoVersion", json_true());
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_t *text = native_text(n, native_holder(f, texts[i]), f->members, texts[i]);
        if (text != NULL) {
            native_put(n, ours, texts[i], json_incref(text));
        }
    }
    native_put(
        n, ours, "temporary",
        json_boolean(native_bool(n, native_holder(f, "temporary"), f->members, "temporary", true)));
    return ours;
}

static void read_seed(struct native_flag *f)
{
    f->seed = native_member(f->members, "seed");
    if (f->seed != NULL && !json_is_integer(f->seed)) {
        const struct member at = {native_holder(f, "seed"), "seed", 0};
        (void)native_wrong_type(f->n, &at, f->seed, "a whole number");
    }
}

json_t *native_lower_state(struct native_flag *f)
{
    struct native *n = f->n;
    json_t *flag = json_object();
    json_t *variations = read_variants(f);
    native_put(n, flag, "key", json_string(f->key));
    native_put(
        n, flag, "on",
        json_boolean(native_bool(n, native_holder(f, "enabled"), f->members, "enabled", true)));
    json_t *salt = native_text(n, native_holder(f, "salt"), f->members, "salt");
    native_put(n, flag, "salt", salt != NULL ? json_incref(salt) : json_string(f->key));
    native_put(n, flag, "variations", variations);
    if (!n->failed) {
        read_seed(f);
        f->default_index = named_variant(f, "default_variant");
        const int64_t fallback = named_variant(f, "fallback_variant");
        const int64_t off = fallback >= 0 ? fallback : f->default_index;
        native_put(n, flag, "offVariation", off >= 0 ? json_integer(off) : json_null());
        native_put(n, flag, "fallthrough", fallthrough(f));
        native_put(n, flag, "prerequisites", prerequisites(f));
        put_targets(f, flag);
        native_put(n, flag, "rules", native_rules(f));
        native_put(n, flag, "ffshm", additions(f));
    }
    json_decref(f->keys);
    json_decref(f->indexes);
    if (n->failed) {
        json_decref(flag);
        return NULL;
    }
    return flag;
}
