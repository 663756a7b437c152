/* Clauses -> conditions, rollouts -> percentages, rules -> rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native_operator.h"
#include "native_raising.h"
#include "semver.h"
#include "timestamp.h"

/* ---- values -------------------------------------------------------------------------------- */

/* Can the attribute of anybody be this, to the operator? What cannot be matches nothing, and is
   left out. */
static bool means_something(enum native_operand operand, const json_t *value)
{
    struct instant instant;
    struct semver version;
    const char *text = json_string_value(value);
    switch (operand) {
    case NATIVE_SCALAR:
    case NATIVE_SCALARS:
        return text != NULL || json_is_number(value) || json_is_boolean(value);
    case NATIVE_NUMBER:
        return json_is_number(value);
    case NATIVE_INSTANT:
        return json_is_number(value) ||
               (text != NULL && timestamp_parse(text, json_string_length(value), &instant));
    case NATIVE_VERSION:
        return text != NULL && semver_parse(text, json_string_length(value), &version);
    case NATIVE_SEGMENTS:
        return text != NULL && *text != '\0' && strlen(text) == json_string_length(value);
    default:
        return text != NULL;
    }
}

/* One value as it is, several as a list. NULL: refused. */
static json_t *raise_value(struct raising *r, const struct native_operator *o, const json_t *values,
                           bool negate)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *value = json_array_get(values, i);
        if (means_something(o->operand, value) && !raise_append(r, list, json_incref(value))) {
            break;
        }
    }
    if (json_array_size(list) == 0) {
        (void)raise_refuse(r, "a clause with %s has no value that could match: it %s", o->op,
                           negate ? "holds wherever the attribute is there" : "never holds");
        json_decref(list);
        return NULL;
    }
    if (json_array_size(list) > 1) {
        return list;
    }
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}

/* ---- clauses ------------------------------------------------------------------------------- */

/* The operator of this name in LaunchDarkly's terms; of `in` the one for as many values. */
static const struct native_operator *find_operator(const char *op, bool negate, bool many)
{
    for (const struct native_operator *o = native_operators; o->name != NULL; o++) {
        if (strcmp(o->op, op) == 0 && o->negate == negate &&
            (strcmp(op, "in") != 0 || (o->operand == NATIVE_SCALARS) == many)) {
            return o;
        }
    }
    return NULL;
}

static bool put_attribute(struct raising *r, const json_t *clause, json_t *condition,
                          const char *default_kind)
{
    const json_t *context_kind = json_object_get(clause, "contextKind");
    const char *kind = raise_kind(r, context_kind);
    const char *given = json_string_value(context_kind);
    json_t *attribute = kind != NULL ? raise_attribute(r, json_object_get(clause, "attribute"),
                                                       given == NULL || *given == '\0')
                                     : NULL;
    if (attribute == NULL) {
        return false;
    }
    if (strcmp(kind, default_kind) != 0 && !raise_put(r, condition, "kind", json_string(kind))) {
        json_decref(attribute);
        return false;
    }
    return raise_put(r, condition, "attribute", attribute);
}

static bool put_operator(struct raising *r, const json_t *clause, json_t *condition)
{
    const json_t *values = json_object_get(clause, "values");
    const char *op = json_string_value(json_object_get(clause, "op"));
    const bool negate = json_is_true(json_object_get(clause, "negate"));
    const struct native_operator *o = op != NULL ? find_operator(op, negate, true) : NULL;
    if (o == NULL) {
        return raise_refuse(r, "there is no operator \"%.60s\"", op != NULL ? op : "");
    }
    json_t *value = NULL;
    if (o->operand != NATIVE_NONE) {
        value = raise_value(r, o, values, negate);
        if (value == NULL) {
            return false;
        }
        o = find_operator(op, negate, json_is_array(value));
    }
    if (!raise_put(r, condition, "operator", json_string(o->name))) {
        json_decref(value);
        return false;
    }
    return value == NULL || raise_put(r, condition, "value", value);
}

static bool is_segment_match(const json_t *clause)
{
    const char *op = json_string_value(json_object_get(clause, "op"));
    return op != NULL && strcmp(op, "segmentMatch") == 0;
}

static json_t *raise_clause(struct raising *r, const json_t *clause, const char *default_kind)
{
    json_t *condition = json_object();
    if ((is_segment_match(clause) || put_attribute(r, clause, condition, default_kind)) &&
        put_operator(r, clause, condition)) {
        return condition;
    }
    json_decref(condition);
    return NULL;
}

json_t *raise_conditions(struct raising *r, const json_t *clauses, const char *default_kind)
{
    json_t *conditions = json_array();
    for (size_t i = 0; i < json_array_size(clauses); i++) {
        json_t *condition = raise_clause(r, json_array_get(clauses, i), default_kind);
        if (condition == NULL || !raise_append(r, conditions, condition)) {
            json_decref(conditions);
            return NULL;
        }
    }
    return conditions;
}

/* ---- rollouts ------------------------------------------------------------------------------ */

json_t *raise_percent(json_int_t weight)
{
    return weight % 1000 == 0 ? json_integer(weight / 1000) : json_real((double)weight / 1000);
}

static bool put_bucket(struct raising *r, const json_t *object, const char *kind_member,
                       json_t *target)
{
    const json_t *context_kind = json_object_get(object, kind_member);
    const json_t *by = json_object_get(object, "bucketBy");
    const char *given = json_string_value(context_kind);
    const char *kind = raise_kind(r, context_kind);
    const char *name = json_string_value(by);
    if (kind == NULL) {
        return false;
    }
    if (name != NULL && *name != '\0' && strcmp(name, "key") != 0) {
        json_t *attribute = raise_attribute(r, by, given == NULL || *given == '\0');
        if (attribute == NULL || !raise_put(r, target, "bucket_by", attribute)) {
            return false;
        }
    }
    return strcmp(kind, "user") == 0 || raise_put(r, target, "kind", json_string(kind));
}

static bool note_seed(struct raising *r, const json_t *rollout)
{
    const json_t *seed = json_object_get(rollout, "seed");
    if (!json_is_integer(seed)) {
        r->divides = true;
    } else if (r->seeded && r->seed != json_integer_value(seed)) {
        return raise_refuse(r, "its rollouts have different seeds");
    } else {
        r->seeded = true;
        r->seed = json_integer_value(seed);
    }
    return !(r->seeded && r->divides) || raise_refuse(r, "some of its rollouts have a seed");
}

/* Whoever comes last also gets what the weights leave over. */
static bool read_shares(struct raising *r, const json_t *entries, struct raise_share *shares,
                        size_t *count)
{
    json_int_t sum = 0;
    *count = 0;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const bool last = i + 1 == json_array_size(entries);
        const json_int_t weight = json_integer_value(json_object_get(entry, "weight"));
        const json_t *variation = json_object_get(entry, "variation");
        json_t *key = raise_variant(r, variation);
        json_decref(key);
        if (key == NULL) {
            return false;
        }
        if (weight < 0 || weight > RAISE_WHOLE - sum) {
            return raise_refuse(r, "the weights of a rollout are not from 0 to %d", RAISE_WHOLE);
        }
        sum += weight;
        const json_int_t share = weight + (last ? RAISE_WHOLE - sum : 0);
        if (share > 0) {
            shares[(*count)++] = (struct raise_share){json_integer_value(variation), share};
        }
    }
    return *count > 0 || raise_refuse(r, "a rollout has no variations");
}

bool raise_rollout(struct raising *r, const json_t *rollout, json_t *target,
                   struct raise_share *shares, size_t *count)
{
    const char *kind = json_string_value(json_object_get(rollout, "kind"));
    if (kind != NULL && strcmp(kind, "experiment") == 0) {
        return raise_refuse(r, "it has an experiment");
    }
    if (!read_shares(r, json_object_get(rollout, "variations"), shares, count)) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (shares[i].variation == shares[k].variation) {
                return raise_refuse(r, "a rollout has the same variation twice");
            }
        }
    }
    if (*count > 1) {
        return note_seed(r, rollout) && put_bucket(r, rollout, "contextKind", target);
    }
    json_t *unused = json_object(); /* nothing is divided, but what is malformed stays so */
    const bool good = put_bucket(r, rollout, "contextKind", unused);
    json_decref(unused);
    return good;
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Ours, as the lowering writes it: the last clause, [weight, the rule's name]. */
static const json_t *share_clause(const json_t *clauses)
{
    const size_t count = json_array_size(clauses);
    const json_t *last = count > 0 ? json_array_get(clauses, count - 1) : NULL;
    const char *op = json_string_value(json_object_get(last, "op"));
    return op != NULL && strcmp(op, "bucketBelow") == 0 ? last : NULL;
}

static bool put_limit(struct raising *r, const json_t *clause, const json_t *id, json_t *rule)
{
    const json_t *values = json_object_get(clause, "values");
    const json_t *weight = json_array_get(values, 0);
    const json_t *context_kind = json_object_get(clause, "contextKind");
    const char *given = json_string_value(context_kind);
    const char *kind = raise_kind(r, context_kind);
    if (!json_is_integer(weight) || !json_equal(json_array_get(values, 1), id) ||
        json_is_true(json_object_get(clause, "negate"))) {
        return raise_refuse(r, "a rule's bucketBelow is not by the rule's own name");
    }
    if (json_array_size(values) != 2 || json_integer_value(weight) < 0 ||
        json_integer_value(weight) >= RAISE_WHOLE) {
        return raise_refuse(r, "a rule's bucketBelow has no weight below %d", RAISE_WHOLE);
    }
    json_t *attribute = kind != NULL ? raise_attribute(r, json_object_get(clause, "attribute"),
                                                       given == NULL || *given == '\0')
                                     : NULL;
    if (attribute == NULL) {
        return false;
    }
    if (strcmp(json_string_value(attribute), "key") == 0) {
        json_decref(attribute);
    } else if (!raise_put(r, rule, "bucket_by", attribute)) {
        return false;
    }
    return (strcmp(kind, "user") == 0 || raise_put(r, rule, "kind", json_string(kind))) &&
           raise_put(r, rule, "percentage", raise_percent(json_integer_value(weight)));
}

static bool put_split(struct raising *r, const struct raise_share *shares, size_t count,
                      json_t *rule)
{
    json_t *percentages = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *index = json_integer(shares[i].variation);
        json_t *key = raise_variant(r, index);
        json_decref(index);
        if (key == NULL ||
            !raise_put(r, percentages, json_string_value(key), raise_percent(shares[i].weight))) {
            json_decref(key);
            json_decref(percentages);
            return false;
        }
        json_decref(key);
    }
    return raise_put(r, rule, "percentages", percentages);
}

static bool same(const json_t *a, const json_t *b, const char *member)
{
    const json_t *of_a = json_object_get(a, member);
    const json_t *of_b = json_object_get(b, member);
    return of_a == of_b || json_equal(of_a, of_b) != 0;
}

static bool put_served(struct raising *r, const json_t *from, json_t *rule)
{
    const json_t *variation = json_object_get(from, "variation");
    const json_t *rollout = json_object_get(from, "rollout");
    if (json_is_integer(variation)) {
        json_t *key = raise_variant(r, variation);
        return key != NULL && raise_put(r, rule, "variant", key);
    }
    if (!json_is_object(rollout)) {
        return raise_refuse(r, "a rule serves nothing");
    }
    const size_t room = json_array_size(json_object_get(rollout, "variations"));
    struct raise_share *shares = calloc(room + 1, sizeof *shares);
    size_t count = 0;
    json_t *bucket = json_object();
    bool good = shares != NULL && raise_rollout(r, rollout, bucket, shares, &count);
    const bool limited = json_object_get(rule, "percentage") != NULL;
    if (good && count == 1) {
        json_t *index = json_integer(shares[0].variation);
        json_t *key = raise_variant(r, index);
        json_decref(index);
        good = key != NULL && raise_put(r, rule, "variant", key);
    } else if (good) {
        good = (!limited || (same(rule, bucket, "bucket_by") && same(rule, bucket, "kind")) ||
                raise_refuse(r, "a rule divides by two attributes")) &&
               json_object_update(rule, bucket) == 0 && put_split(r, shares, count, rule);
    }
    json_decref(bucket);
    free(shares);
    return good;
}

json_t *raise_rule(struct raising *r, const json_t *from)
{
    json_t *rule = json_object();
    json_t *id = json_object_get(from, "id");
    json_t *clauses = json_copy(json_object_get(from, "clauses"));
    const json_t *limit = share_clause(clauses);
    const char *name = json_string_value(id);
    bool good = name == NULL || *name == '\0' || strlen(name) != json_string_length(id) ||
                raise_put(r, rule, "name", json_incref(id));
    good = good && (limit == NULL || put_limit(r, limit, id, rule));
    if (limit != NULL) {
        (void)json_array_remove(clauses, json_array_size(clauses) - 1);
    }
    json_t *conditions = good ? raise_conditions(r, clauses, "user") : NULL;
    good = conditions != NULL && raise_put(r, rule, "conditions", conditions) &&
           put_served(r, from, rule);
    json_decref(clauses);
    if (!good) {
        json_decref(rule);
        return NULL;
    }
    return rule;
}
