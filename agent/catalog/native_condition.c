/* Conditions -> clauses: the operators, what each may be compared with, and how it is lowered. */
#include <stdio.h>
#include <string.h>

#include "native_lowering.h"
#include "native_operator.h"
#include "semver.h"
#include "timestamp.h"

const struct native_operator native_operators[] = {
    {"equals", "in", false, NATIVE_SCALAR},
    {"not_equals", "in", true, NATIVE_SCALAR},
    {"in", "in", false, NATIVE_SCALARS},
    {"not_in", "in", true, NATIVE_SCALARS},
    {"contains", "contains", false, NATIVE_TEXTS},
    {"not_contains", "contains", true, NATIVE_TEXTS},
    {"starts_with", "startsWith", false, NATIVE_TEXTS},
    {"not_starts_with", "startsWith", true, NATIVE_TEXTS},
    {"ends_with", "endsWith", false, NATIVE_TEXTS},
    {"not_ends_with", "endsWith", true, NATIVE_TEXTS},
    {"matches", "matches", false, NATIVE_PATTERNS},
    {"not_matches", "matches", true, NATIVE_PATTERNS},
    {"greater_than", "greaterThan", false, NATIVE_NUMBER},
    {"not_greater_than", "greaterThan", true, NATIVE_NUMBER},
    {"greater_than_or_equal", "greaterThanOrEqual", false, NATIVE_NUMBER},
    {"not_greater_than_or_equal", "greaterThanOrEqual", true, NATIVE_NUMBER},
    {"less_than", "lessThan", false, NATIVE_NUMBER},
    {"not_less_than", "lessThan", true, NATIVE_NUMBER},
    {"less_than_or_equal", "lessThanOrEqual", false, NATIVE_NUMBER},
    {"not_less_than_or_equal", "lessThanOrEqual", true, NATIVE_NUMBER},
    {"before", "before", false, NATIVE_INSTANT},
    {"not_before", "before", true, NATIVE_INSTANT},
    {"after", "after", false, NATIVE_INSTANT},
    {"not_after", "after", true, NATIVE_INSTANT},
    {"semver_equal", "semVerEqual", false, NATIVE_VERSION},
    {"not_semver_equal", "semVerEqual", true, NATIVE_VERSION},
    {"semver_greater_than", "semVerGreaterThan", false, NATIVE_VERSION},
    {"not_semver_greater_than", "semVerGreaterThan", true, NATIVE_VERSION},
    {"semver_less_than", "semVerLessThan", false, NATIVE_VERSION},
    {"not_semver_less_than", "semVerLessThan", true, NATIVE_VERSION},
    {"exists", "exists", false, NATIVE_NONE},
    {"not_exists", "exists", true, NATIVE_NONE},
    {"in_segment", "segmentMatch", false, NATIVE_SEGMENTS},
    {"not_in_segment", "segmentMatch", true, NATIVE_SEGMENTS},
    {NULL, NULL, false, NATIVE_NONE},
};

const struct native_operator *native_operator_of(const char *name)
{
    const struct native_operator *o = native_operators;
    while (o->name != NULL && strcmp(o->name, name) != 0) {
        o++;
    }
    return o->name != NULL ? o : NULL;
}

static const struct native_operator *find_operator(struct native *n, const struct member *where,
                                                   const json_t *condition)
{
    const struct member at = {where, "operator", 0};
    const json_t *name = native_text(n, where, condition, "operator");
    if (name == NULL) {
        (void)native_fault(n, &at, "equals, in, greater_than, in_segment, ...", "is missing");
        return NULL;
    }
    const char *text = json_string_value(name);
    const char *names[sizeof native_operators / sizeof *native_operators];
    const struct native_operator *known = native_operator_of(text);
    if (known != NULL) {
        return known;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        names[i] = native_operators[i].name;
    }
    char hint[96] = "docs/definitions.md lists them";
    const char *nearest = native_nearest(text, names);
    if (nearest != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean %s?", nearest);
    }
    (void)native_fault(n, &at, hint, "there is no operator \"%.60s\"", text);
    return NULL;
}

/* ---- operands ----------------------------------------------------------------------------- */

static bool check_scalar(struct native *n, const struct member *at, const json_t *value)
{
    return json_is_string(value) || json_is_number(value) || json_is_boolean(value) ||
           native_wrong_type(n, at, value, "a text, a number, true or false");
}

static bool check_text(struct native *n, const struct member *at, const json_t *value)
{
    return json_is_string(value) || native_wrong_type(n, at, value, "a text");
}

static bool check_number(struct native *n, const struct member *at, const json_t *value)
{
    return json_is_number(value) || native_wrong_type(n, at, value, "a number");
}

static bool check_instant(struct native *n, const struct member *at, const json_t *value)
{
    struct instant instant;
    if (json_is_number(value)) {
        return true;
    }
    if (!json_is_string(value)) {
        return native_wrong_type(n, at, value, "a date or a number of milliseconds");
    }
    return timestamp_parse(json_string_value(value), json_string_length(value), &instant) ||
           native_fault(n, at, "RFC 3339, with a time zone: 2026-12-01T09:00:00Z",
                        "\"%.40s\" is not a date", json_string_value(value));
}

static bool check_version(struct native *n, const struct member *at, const json_t *value)
{
    struct semver version;
    if (!json_is_string(value)) {
        return native_wrong_type(n, at, value, "a text");
    }
    return semver_parse(json_string_value(value), json_string_length(value), &version) ||
           native_fault(n, at, "as in \"2.1.0\" or \"2.1.0-beta.1\", without a v",
                        "\"%.40s\" is not a version", json_string_value(value));
}

typedef bool check_fn(struct native *n, const struct member *at, const json_t *value);

/* A list whose elements all pass, not empty. */
static json_t *check_list(struct native *n, const struct member *at, json_t *value, check_fn *check)
{
    const size_t size = json_array_size(value);
    if (size == 0) {
        (void)native_fault(n, at, "remove the condition, or say what it compares with",
                           "must not be empty");
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        const struct member element = {at, NULL, i};
        if (!check(n, &element, json_array_get(value, i))) {
            return NULL;
        }
    }
    return json_incref(value);
}

static json_t *check_one(struct native *n, const struct member *at, json_t *value, check_fn *check)
{
    return check(n, at, value) ? json_pack("[O]", value) : NULL;
}

static json_t *read_scalar(struct native *n, const struct member *at, json_t *value)
{
    if (json_is_array(value)) {
        (void)native_fault(n, at, "a list goes with the operator in, or not_in",
                           "must be one value, not a list");
        return NULL;
    }
    return check_one(n, at, value, check_scalar);
}

static json_t *read_scalars(struct native *n, const struct member *at, json_t *value)
{
    if (!json_is_array(value)) {
        (void)native_wrong_type(n, at, value, "a list");
        return NULL;
    }
    return check_list(n, at, value, check_scalar);
}

static json_t *read_one_or_list(struct native *n, const struct member *at, json_t *value,
                                check_fn *check)
{
    return json_is_array(value) ? check_list(n, at, value, check) : check_one(n, at, value, check);
}

static json_t *read_operand(struct native *n, const struct member *where, const json_t *condition,
                            enum native_operand operand)
{
    const struct member at = {where, "value", 0};
    json_t *value = native_member(condition, "value");
    if (operand == NATIVE_NONE) {
        if (value != NULL) {
            (void)native_fault(n, &at, "remove it", "exists and not_exists take no value");
            return NULL;
        }
        return json_array();
    }
    if (value == NULL) {
        (void)native_fault(n, &at, "", "is missing");
        return NULL;
    }
    switch (operand) {
    case NATIVE_SCALAR:
        return read_scalar(n, &at, value);
    case NATIVE_SCALARS:
        return read_scalars(n, &at, value);
    case NATIVE_TEXTS:
    case NATIVE_PATTERNS:
        return read_one_or_list(n, &at, value, check_text);
    case NATIVE_NUMBER:
        return read_one_or_list(n, &at, value, check_number);
    case NATIVE_INSTANT:
        return read_one_or_list(n, &at, value, check_instant);
    case NATIVE_VERSION:
        return read_one_or_list(n, &at, value, check_version);
    default:
        return read_one_or_list(n, &at, value, native_is_name);
    }
}

/* ---- clauses ------------------------------------------------------------------------------ */

void native_put_attribute(struct native *n, json_t *target, const char *kind_name, json_t *kind,
                          const char *name, json_t *attribute)
{
    const bool path = attribute != NULL && json_string_value(attribute)[0] == '/';
    if (kind != NULL) {
        native_put(n, target, kind_name, json_incref(kind));
    } else if (path) {
        native_put(n, target, kind_name, json_string("user"));
    }
    if (attribute != NULL) {
        native_put(n, target, name, json_incref(attribute));
    }
}

/* Members of a condition on an attribute that mean nothing beside in_segment. */
static void segments_only(struct native *n, const struct member *where, const json_t *condition)
{
    static const char *const names[] = {"attribute", "kind"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (native_member(condition, names[i]) != NULL) {
            const struct member at = {where, names[i], 0};
            (void)native_fault(n, &at, "remove it: a segment knows its kind",
                               "has no meaning with in_segment and not_in_segment");
        }
    }
}

static void refer_segments(struct native *n, const struct member *where, const char *from,
                           const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *to = json_array_get(values, i);
        if (strcmp(json_string_value(to), from) == 0) {
            (void)native_fault(n, where, "", "the segment %.100s refers to itself", from);
        }
        native_refer(n, (struct native_reference){.segment = true, .from = from, .to = to});
    }
}

static json_t *lower_condition(struct native *n, const struct member *where,
                               const json_t *condition, json_t *default_kind, const char *segment)
{
    static const char *const members[] = {"attribute", "operator", "value", "kind", NULL};
    if (!native_object(n, where, condition, members)) {
        return NULL;
    }
    const struct native_operator *row = find_operator(n, where, condition);
    json_t *values = row == NULL ? NULL : read_operand(n, where, condition, row->operand);
    json_t *clause = json_object();
    if (values == NULL || clause == NULL) {
        (void)native_no_memory(n); /* or what was found before */
        json_decref(values);
        return clause;
    }
    if (row->operand == NATIVE_SEGMENTS) {
        segments_only(n, where, condition);
        if (segment != NULL) {
            refer_segments(n, where, segment, values);
        }
        native_put(n, clause, "attribute", json_string(""));
    } else {
        json_t *kind = native_kind(n, where, condition);
        json_t *attribute = native_attribute(n, where, condition, "attribute");
        if (attribute == NULL) {
            const struct member at = {where, "attribute", 0};
            (void)native_fault(n, &at, "", "is missing");
        }
        native_put_attribute(n, clause, "contextKind", kind != NULL ? kind : default_kind,
                             "attribute", attribute);
    }
    native_put(n, clause, "op", json_string(row->op));
    native_put(n, clause, "values", values);
    native_put(n, clause, "negate", json_boolean(row->negate));
    return clause;
}

json_t *native_conditions(struct native *n, const struct member *where, const json_t *rule,
                          json_t *default_kind, const char *segment)
{
    const json_t *conditions = native_list(n, where, rule, "conditions");
    const struct member at = {where, "conditions", 0};
    json_t *clauses = json_array();
    for (size_t i = 0; i < json_array_size(conditions) && !n->failed; i++) {
        const struct member element = {&at, NULL, i};
        native_append(
            n, clauses,
            lower_condition(n, &element, json_array_get(conditions, i), default_kind, segment));
    }
    return clauses;
}
