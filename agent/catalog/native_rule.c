/* Targeting rules: which contexts a rule takes, and how it divides them. */
#include <stdio.h>

#include "native_lowering.h"

json_t *native_weighted(struct native *n, int64_t variation, int64_t weight)
{
    json_t *weighted = json_object();
    native_put(n, weighted, "variation", json_integer(variation));
    native_put(n, weighted, "weight", json_integer(weight));
    return weighted;
}

void native_serve(struct native_flag *f, const struct member *where, json_t *target,
                  json_t *weights, int64_t sum, json_t *kind, json_t *bucket_by)
{
    struct native *n = f->n;
    if (sum > NATIVE_WHOLE) {
        (void)native_fault(n, where, "", "the percentages add up to %g, more than 100",
                           (double)sum / 1000);
    } else if (sum < NATIVE_WHOLE && f->default_index < 0) {
        (void)native_fault(n, where, "raise them to 100, or give a default_variant for the rest",
                           "the percentages add up to %g", (double)sum / 1000);
    } else if (sum < NATIVE_WHOLE) {
        native_append(n, weights, native_weighted(n, f->default_index, NATIVE_WHOLE - sum));
    }
    if (json_array_size(weights) == 1) { /* nothing to divide */
        json_t *only = json_object_get(json_array_get(weights, 0), "variation");
        native_put(n, target, "variation", json_incref(only));
        json_decref(weights);
        return;
    }
    json_t *rollout = json_object();
    native_put_attribute(n, rollout, "contextKind", kind, "bucketBy", bucket_by);
    if (f->seed != NULL) {
        native_put(n, rollout, "seed", json_incref(f->seed));
    }
    native_put(n, rollout, "variations", weights);
    native_put(n, target, "rollout", rollout);
}

/* "percentages": {variant: percentage}. Empty shares are left out: whoever comes last in a rollout
   also gets what rounding leaves over. */
static void split(struct native_flag *f, const struct member *where, const json_t *rule,
                  json_t *target)
{
    struct native *n = f->n;
    const struct member at = {where, "percentages", 0};
    json_t *shares = native_member(rule, "percentages");
    if (!json_is_object(shares)) {
        (void)native_wrong_type(n, &at, shares, "an object of variants and percentages");
        return;
    }
    json_t *weights = json_array();
    int64_t sum = 0;
    const char *name;
    json_t *share;
    json_object_foreach(shares, name, share)
    {
        const struct member place = {&at, name, 0};
        json_t *variant = json_string(name);
        const int64_t index = native_variant(f, &place, variant);
        json_decref(variant);
        int64_t weight = 0;
        if (index < 0 || !native_percentage(n, &place, share, &weight)) {
            break;
        }
        if (weight > 0) {
            native_append(n, weights, native_weighted(n, index, weight));
        }
        sum += weight;
    }
    native_serve(f, &at, target, weights, sum, native_kind(n, where, rule),
                 native_attribute(n, where, rule, "bucket_by"));
}

/* The share of the matching contexts that the rule takes, as one more clause. */
static void limit(struct native *n, const struct member *where, const json_t *rule, json_t *id,
                  json_t *clauses)
{
    const json_t *percentage = native_member(rule, "percentage");
    const struct member at = {where, "percentage", 0};
    int64_t weight = NATIVE_WHOLE;
    if (percentage == NULL || !native_percentage(n, &at, percentage, &weight) ||
        weight == NATIVE_WHOLE) {
        return;
    }
    json_t *bucket_by = native_attribute(n, where, rule, "bucket_by");
    json_t *attribute = bucket_by != NULL ? json_incref(bucket_by) : json_string("key");
    json_t *clause = json_object();
    if (attribute == NULL) {
        (void)native_no_memory(n);
    }
    native_put_attribute(n, clause, "contextKind", native_kind(n, where, rule), "attribute",
                         attribute);
    json_decref(attribute);
    native_put(n, clause, "op", json_string("bucketBelow"));
    native_put(n, clause, "values", json_pack("[I, O]", (json_int_t)weight, id));
    native_put(n, clause, "negate", json_false());
    native_append(n, clauses, clause);
}

static json_t *rule_id(struct native *n, const struct member *where, const json_t *rule)
{
    json_t *name = native_name(n, where, rule, "name");
    if (name != NULL) {
        return json_incref(name);
    }
    char text[32];
    (void)snprintf(text, sizeof text, "rule-%zu", where->index);
    return json_string(text);
}

static void serve(struct native_flag *f, const struct member *where, const json_t *rule,
                  json_t *target)
{
    const json_t *variant = native_member(rule, "variant");
    const json_t *percentages = native_member(rule, "percentages");
    if ((variant == NULL) == (percentages == NULL)) {
        (void)native_fault(f->n, where, "variant serves one, percentages divide",
                           variant == NULL ? "needs variant or percentages"
                                           : "has both variant and percentages");
    } else if (percentages != NULL) {
        split(f, where, rule, target);
    } else {
        const struct member at = {where, "variant", 0};
        native_put(f->n, target, "variation", json_integer(native_variant(f, &at, variant)));
    }
}

static json_t *lower_rule(struct native_flag *f, const struct member *where, const json_t *rule)
{
    static const char *const members[] = {"name",        "conditions", "variant", "percentage",
                                          "percentages", "bucket_by",  "kind",    NULL};
    struct native *n = f->n;
    if (!native_object(n, where, rule, members)) {
        return NULL;
    }
    json_t *lowered = json_object();
    json_t *id = rule_id(n, where, rule);
    json_t *clauses = native_conditions(n, where, rule, NULL, NULL);
    (void)native_kind(n, where, rule);
    (void)native_attribute(n, where, rule, "bucket_by");
    if (id != NULL && clauses != NULL) {
        limit(n, where, rule, id, clauses);
    }
    native_put(n, lowered, "id", id);
    native_put(n, lowered, "clauses", clauses);
    serve(f, where, rule, lowered);
    return lowered;
}

json_t *native_rules(struct native_flag *f)
{
    const struct member *holder = native_holder(f, "targeting_rules");
    const struct member at = {holder, "targeting_rules", 0};
    const json_t *rules = native_list(f->n, holder, f->members, "targeting_rules");
    json_t *lowered = json_array();
    for (size_t i = 0; i < json_array_size(rules) && !f->n->failed; i++) {
        const struct member element = {&at, NULL, i};
        native_append(f->n, lowered, lower_rule(f, &element, json_array_get(rules, i)));
    }
    return lowered;
}
