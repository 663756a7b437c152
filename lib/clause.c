#include "clause.h"

#include "regex.h"
#include "semver.h"
#include "timestamp.h"

/* Longest decoded JSON string in an attribute: context.h promises that nothing longer gets in. */
#define SCRATCH (FFSHM_JSON_ESCAPED + 1)

static bool equal(const struct snapshot *snapshot, const void *blob, const struct image_value *v,
                  const struct context_value *a)
{
    switch (v->type) {
    case IMAGE_VALUE_STRING:
        return a->type == CONTEXT_STRING && a->length == v->length &&
               text_equal(a->as.text, image_at(blob, v->offset), v->length);
    case IMAGE_VALUE_NUMBER:
        return a->type == CONTEXT_NUMBER && a->as.number == v->as.number;
    case IMAGE_VALUE_BOOL:
        return a->type == CONTEXT_BOOL && a->as.number == v->as.number;
    case IMAGE_VALUE_SET:
        return a->type == CONTEXT_STRING &&
               clause_set_has(blob, image_at(blob, v->offset),
                              hash_member(a->as.text, a->length, snapshot->set_seed));
    default:
        return false;
    }
}

static bool text_matches(uint8_t op, const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (b_length > a_length) {
        return false;
    }
    switch (op) {
    case IMAGE_OP_STARTS_WITH:
        return text_equal(a, b, b_length);
    case IMAGE_OP_ENDS_WITH:
        return text_equal(a + a_length - b_length, b, b_length);
    default:
        return memmem(a, a_length, b, b_length) != NULL;
    }
}

static bool number_matches(uint8_t op, double a, double b)
{
    switch (op) {
    case IMAGE_OP_LESS:
        return a < b;
    case IMAGE_OP_LESS_OR_EQUAL:
        return a <= b;
    case IMAGE_OP_GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

static bool any_instant(const struct image_clause *clause, const struct image_value *values,
                        const struct context_value *a)
{
    struct instant at;
    if (a->type == CONTEXT_NUMBER) {
        at = timestamp_of_ms(a->as.number);
    } else if (a->type != CONTEXT_STRING || !timestamp_parse(a->as.text, a->length, &at)) {
        return false;
    }
    for (uint32_t i = 0; i < clause->value_count; i++) {
        int order = timestamp_compare(at, (struct instant){values[i].as.seconds, values[i].offset});
        if (clause->op == IMAGE_OP_BEFORE ? order < 0 : order > 0) {
            return true;
        }
    }
    return false;
}

static bool any_semver(const void *blob, const struct image_clause *clause,
                       const struct image_value *values, const struct context_value *a)
{
    struct semver version;
    if (a->type != CONTEXT_STRING || !semver_parse(a->as.text, a->length, &version)) {
        return false;
    }
    for (uint32_t i = 0; i < clause->value_count; i++) {
        const struct image_semver *s = image_at(blob, values[i].offset);
        const struct semver wanted = {s->major, s->minor, s->patch, image_text(blob, s->prerelease),
                                      s->prerelease.length};
        int order = semver_compare(&version, &wanted);
        if (clause->op == IMAGE_OP_SEMVER_EQUAL  ? order == 0
            : clause->op == IMAGE_OP_SEMVER_LESS ? order < 0
                                                 : order > 0) {
            return true;
        }
    }
    return false;
}

static bool any_text(const struct snapshot *snapshot, struct snapshot_blob where,
                     const struct image_clause *clause, const struct image_value *values,
                     const struct context_value *a)
{
    if (a->type != CONTEXT_STRING) {
        return false;
    }
    const uint8_t *extent = snapshot->bases[where.extent];
    uint32_t blob_offset = (uint32_t)((const uint8_t *)where.blob - extent);
    for (uint32_t i = 0; i < clause->value_count; i++) {
        const struct image_value *v = &values[i];
        bool matched = v->type == IMAGE_VALUE_REGEX
                           ? regex_match(snapshot->regexes[where.extent], blob_offset + v->offset,
                                         a->as.text, a->length)
                           : text_matches(clause->op, a->as.text, a->length,
                                          image_at(where.blob, v->offset), v->length);
        if (matched) {
            return true;
        }
    }
    return false;
}

bool clause_scalar(const struct snapshot *snapshot, struct snapshot_blob where,
                   const struct image_clause *clause, const struct context_value *a)
{
    const struct image_value *values = image_at(where.blob, clause->values_offset);
    switch (clause->op) {
    case IMAGE_OP_IN:
        for (uint32_t i = 0; i < clause->value_count; i++) {
            if (equal(snapshot, where.blob, &values[i], a)) {
                return true;
            }
        }
        return false;
    case IMAGE_OP_STARTS_WITH:
    case IMAGE_OP_ENDS_WITH:
    case IMAGE_OP_CONTAINS:
    case IMAGE_OP_MATCHES:
        return any_text(snapshot, where, clause, values, a);
    case IMAGE_OP_LESS:
    case IMAGE_OP_LESS_OR_EQUAL:
    case IMAGE_OP_GREATER:
    case IMAGE_OP_GREATER_OR_EQUAL:
        for (uint32_t i = 0; a->type == CONTEXT_NUMBER && i < clause->value_count; i++) {
            if (number_matches(clause->op, a->as.number, values[i].as.number)) {
                return true;
            }
        }
        return false;
    case IMAGE_OP_BEFORE:
    case IMAGE_OP_AFTER:
        return any_instant(clause, values, a);
    case IMAGE_OP_SEMVER_EQUAL:
    case IMAGE_OP_SEMVER_LESS:
    case IMAGE_OP_SEMVER_GREATER:
        return any_semver(where.blob, clause, values, a);
    default:
        return false;
    }
}

bool clause_any(const struct snapshot *snapshot, struct snapshot_blob where,
                const struct image_clause *clause, const struct context_value *value)
{
    if (value->type < CONTEXT_STRINGS) {
        return clause_scalar(snapshot, where, clause, value);
    }
    char scratch[SCRATCH];
    struct context_value element;
    size_t cursor = 0;
    while (context_element(value, &cursor, &element, scratch, sizeof(scratch))) {
        if (clause_scalar(snapshot, where, clause, &element)) {
            return true;
        }
    }
    return false;
}
