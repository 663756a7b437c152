#include <string.h>

#include "blob_parts.h"
#include "regex.h"
#include "semver.h"
#include "timestamp.h"

#define SET_ABOVE 8 /* more strings than this are a set */

static const struct {
    const char *name;
    enum image_op op;
} operators[] = {
    {"in", IMAGE_OP_IN},
    {"segmentMatch", IMAGE_OP_SEGMENT_MATCH},
    {"startsWith", IMAGE_OP_STARTS_WITH},
    {"endsWith", IMAGE_OP_ENDS_WITH},
    {"contains", IMAGE_OP_CONTAINS},
    {"matches", IMAGE_OP_MATCHES},
    {"lessThan", IMAGE_OP_LESS},
    {"lessThanOrEqual", IMAGE_OP_LESS_OR_EQUAL},
    {"greaterThan", IMAGE_OP_GREATER},
    {"greaterThanOrEqual", IMAGE_OP_GREATER_OR_EQUAL},
    {"before", IMAGE_OP_BEFORE},
    {"after", IMAGE_OP_AFTER},
    {"semVerEqual", IMAGE_OP_SEMVER_EQUAL},
    {"semVerLessThan", IMAGE_OP_SEMVER_LESS},
    {"semVerGreaterThan", IMAGE_OP_SEMVER_GREATER},
    {"exists", IMAGE_OP_EXISTS},
    {"bucketBelow", IMAGE_OP_BUCKET_BELOW},
};

static enum image_op op_of(struct model_string name)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (strlen(operators[i].name) == name.length &&
            memcmp(operators[i].name, name.text, name.length) == 0) {
            return operators[i].op;
        }
    }
    return IMAGE_OP_NEVER;
}

/* A value that was left out, and why. */
static void dropped(const struct blob_builder *b, const struct member *values, size_t index,
                    const char *why)
{
    blob_warn(b, &(struct member){values, NULL, index}, "can never match: %s", why);
}

static void add_text(struct blob_builder *b, enum image_value_type type, const json_t *value)
{
    const struct image_string text =
        blob_text(b, json_string_value(value), json_string_length(value));
    blob_value(b,
               &(struct image_value){.type = type, .length = text.length, .offset = text.offset});
}

static void add_number(struct blob_builder *b, const json_t *value)
{
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_NUMBER,
                                        .as.number = json_number_value(value)});
}

static void add_equals(struct blob_builder *b, const json_t *value, bool in_set,
                       const struct member *values, size_t index)
{
    if (json_is_string(value)) {
        if (!in_set) {
            add_text(b, IMAGE_VALUE_STRING, value);
        }
    } else if (json_is_number(value)) {
        add_number(b, value);
    } else if (json_is_boolean(value)) {
        blob_value(b, &(struct image_value){.type = IMAGE_VALUE_BOOL,
                                            .as.number = json_is_true(value) ? 1 : 0});
    } else {
        dropped(b, values, index, "null, lists and objects equal nothing");
    }
}

static void add_pattern(struct blob_builder *b, const json_t *value, const struct member *values,
                        size_t index)
{
    char why[128];
    size_t at = 0;
    /* A pattern that does not compile is kept: whether it does is the matter of a library's version
       on the reader's host, and must not change the digest. */
    if (b->warn &&
        !regex_valid(json_string_value(value), json_string_length(value), why, sizeof(why), &at)) {
        blob_warn(b, &(struct member){values, NULL, index},
                  "can never match: the regular expression does not compile: %s at offset %zu", why,
                  at);
    }
    add_text(b, IMAGE_VALUE_REGEX, value);
    b->regex_count++;
}

static void add_instant(struct blob_builder *b, const json_t *value, const struct member *values,
                        size_t index)
{
    struct instant at;
    if (json_is_number(value)) {
        at = timestamp_of_ms(json_number_value(value));
    } else if (!json_is_string(value) ||
               !timestamp_parse(json_string_value(value), json_string_length(value), &at)) {
        dropped(b, values, index,
                "neither a date as in 2026-01-31T12:00:00Z nor milliseconds since 1970");
        return;
    }
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_INSTANT,
                                        .as.seconds = at.seconds,
                                        .offset = at.nanoseconds});
}

static void add_version(struct blob_builder *b, const json_t *value, const struct member *values,
                        size_t index)
{
    struct semver version;
    if (!json_is_string(value) ||
        !semver_parse(json_string_value(value), json_string_length(value), &version)) {
        dropped(b, values, index, "not a semantic version as in 2.1.0-rc.1");
        return;
    }
    struct image_semver placed = {version.major, version.minor, version.patch, {0, 0}};
    const uint32_t at = blob_reserve(b, 1, sizeof(placed), 8);
    if (version.prerelease_length > 0) {
        placed.prerelease = blob_text(b, version.prerelease, version.prerelease_length);
    }
    blob_write(b, at, &placed, sizeof(placed));
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_SEMVER, .offset = at});
}

static bool is_itself(const struct blob_builder *b, const json_t *key)
{
    const struct model_item *const item = b->item;
    return item->kind == IMAGE_SEGMENT && json_string_length(key) == item->key.length &&
           memcmp(json_string_value(key), item->key.text, item->key.length) == 0;
}

/* The slot is taken when the value has its place; until then length tells which JSON value it is.
 */
static void add_segment(struct blob_builder *b, const json_t *value, const struct member *values,
                        size_t index)
{
    if (!json_is_string(value) ||
        memchr(json_string_value(value), '\0', json_string_length(value))) {
        dropped(b, values, index, "not the key of a segment");
        return;
    }
    if (is_itself(b, value)) {
        blob_warn(b, &(struct member){values, NULL, index},
                  "the segment refers to itself: evaluations that reach it give MALFORMED_FLAG");
    }
    const struct image_string key =
        blob_text(b, json_string_value(value), json_string_length(value));
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_SEGMENT,
                                        .length = (uint32_t)index,
                                        .offset = key.offset});
}

static void add_value(struct blob_builder *b, enum image_op op, const json_t *value, bool in_set,
                      const struct member *values, size_t index)
{
    switch (op) {
    case IMAGE_OP_IN:
        add_equals(b, value, in_set, values, index);
        break;
    case IMAGE_OP_STARTS_WITH:
    case IMAGE_OP_ENDS_WITH:
    case IMAGE_OP_CONTAINS:
    case IMAGE_OP_MATCHES:
        if (!json_is_string(value)) {
            dropped(b, values, index, "the operator compares strings");
        } else if (op == IMAGE_OP_MATCHES) {
            add_pattern(b, value, values, index);
        } else {
            add_text(b, IMAGE_VALUE_STRING, value);
        }
        break;
    case IMAGE_OP_LESS:
    case IMAGE_OP_LESS_OR_EQUAL:
    case IMAGE_OP_GREATER:
    case IMAGE_OP_GREATER_OR_EQUAL:
        if (json_is_number(value)) {
            add_number(b, value);
        } else {
            dropped(b, values, index, "the operator compares numbers");
        }
        break;
    case IMAGE_OP_BEFORE:
    case IMAGE_OP_AFTER:
        add_instant(b, value, values, index);
        break;
    case IMAGE_OP_SEMVER_EQUAL:
    case IMAGE_OP_SEMVER_LESS:
    case IMAGE_OP_SEMVER_GREATER:
        add_version(b, value, values, index);
        break;
    case IMAGE_OP_SEGMENT_MATCH:
        add_segment(b, value, values, index);
        break;
    default:
        break;
    }
}

/* The strings of an `in` clause as a set, when they are many. */
static bool add_set(struct blob_builder *b, const json_t *values)
{
    size_t strings = 0;
    for (size_t i = 0; i < json_array_size(values) && strings <= SET_ABOVE; i++) {
        strings += json_is_string(json_array_get(values, i));
    }
    if (strings <= SET_ABOVE) {
        return false;
    }
    const uint32_t at = blob_reserve(b, 1, sizeof(struct image_set), 8);
    blob_set(b, at, values);
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_SET, .offset = at});
    return true;
}

/* Ours: [weight, salt]. Anything else never matches, like other malformed values. */
static void add_share(struct blob_builder *b, const struct model_clause *clause,
                      const struct member *where)
{
    const json_t *const weight = json_array_get(clause->values, 0);
    const json_t *const salt = json_array_get(clause->values, 1);
    if (json_array_size(clause->values) != 2 || !json_is_number(weight) ||
        !(json_number_value(weight) >= 0 && json_number_value(weight) <= 100000) ||
        !json_is_string(salt)) {
        blob_warn(b, &(struct member){where, "values", 0},
                  "can never match: bucketBelow needs a weight from 0 to 100000 and a salt");
        return;
    }
    const uint32_t at =
        blob_share(b, clause->context_kind, clause->attribute,
                   (struct model_string){json_string_value(salt), json_string_length(salt)},
                   (float)json_number_value(weight), NULL);
    blob_value(b, &(struct image_value){.type = IMAGE_VALUE_ROLLOUT, .offset = at});
}

/* Writes the scratch values where `image`, which will stand at `at`, is to find them. */
static void place_values(struct blob_builder *b, size_t at, const struct model_clause *clause,
                         struct image_clause *image)
{
    const size_t count = b->value_count;
    if (count == 0 || b->failure != BLOB_MADE) {
        return;
    }
    image->value_count = (uint32_t)count;
    image->values_offset = count == 1 ? (uint32_t)(at + offsetof(struct image_clause, first))
                                      : blob_reserve(b, count, sizeof(struct image_value), 8);
    for (size_t i = 0; i < count; i++) {
        struct image_value *const value = &b->values[i];
        if (value->type == IMAGE_VALUE_SEGMENT) {
            const json_t *const key = json_array_get(clause->values, value->length);
            value->length = 0;
            blob_slot(
                b, image->values_offset + i * sizeof(*value) + offsetof(struct image_value, length),
                IMAGE_SEGMENT,
                (struct model_string){json_string_value(key), json_string_length(key)});
        }
    }
    if (count == 1) {
        image->first = b->values[0];
    } else {
        blob_write(b, image->values_offset, b->values, count * sizeof(struct image_value));
    }
}

/* Once all of the clause is written. */
static void mark_plain(struct blob_builder *b, size_t at)
{
    struct image_clause *const written = blob_bytes(b, at);
    if (written) {
        written->plain = IMAGE_CLAUSE_IS_PLAIN(written);
    }
}

static void place_clause(struct blob_builder *b, size_t at, const struct model_clause *clause,
                         const struct member *where)
{
    const enum image_op op = op_of(clause->op);
    struct image_clause image = {.op = (uint8_t)op, .negate = clause->negate};
    const struct member values = {where, "values", 0};
    b->value_count = 0;
    if (op == IMAGE_OP_NEVER) {
        blob_warn(b, &(struct member){where, "op", 0},
                  "there is no operator \"%s\": no value "
                  "matches",
                  clause->op.text ? clause->op.text : "");
    } else if (op == IMAGE_OP_BUCKET_BELOW) {
        add_share(b, clause, where);
    } else {
        const bool in_set = op == IMAGE_OP_IN && add_set(b, clause->values);
        for (size_t i = 0; i < json_array_size(clause->values); i++) {
            add_value(b, op, json_array_get(clause->values, i), in_set, &values, i);
        }
    }
    place_values(b, at, clause, &image);
    blob_write(b, at, &image, sizeof(image));
    const bool by_key = op == IMAGE_OP_BUCKET_BELOW && clause->attribute.length == 0;
    const struct member attribute = {where, "attribute", 0};
    blob_selector(b, at + offsetof(struct image_clause, by), clause->context_kind,
                  by_key ? (struct model_string){"key", 3} : clause->attribute,
                  op == IMAGE_OP_SEGMENT_MATCH ? NULL : &attribute);
    mark_plain(b, at);
    blob_text_late(b, at + offsetof(struct image_clause, op_name), clause->op);
}

uint32_t blob_clauses(struct blob_builder *b, const struct model_clause *clauses, size_t count,
                      const struct member *where)
{
    if (count == 0) {
        return 0;
    }
    const struct member list = {where, "clauses", 0};
    const uint32_t at = blob_reserve(b, count, sizeof(struct image_clause), 8);
    for (size_t i = 0; i < count && b->failure == BLOB_MADE; i++) {
        place_clause(b, at + i * sizeof(struct image_clause), &clauses[i],
                     &(struct member){&list, NULL, i});
    }
    return at;
}
