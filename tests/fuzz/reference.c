#include "reference.h"

#include <jansson.h>

/* Recursion: jansson refuses more than 2048 levels. */
static uint64_t digest(const json_t *value, unsigned depth, unsigned *deepest)
{
    uint64_t sum;
    size_t i;
    const json_t *child;
    const char *name;
    size_t length;
    *deepest = depth > *deepest ? depth : *deepest;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        sum = REFERENCE_OBJECT;
        json_object_keylen_foreach((json_t *)(uintptr_t)value, name, length, child)
        {
            sum +=
                reference_member(reference_text(name, length), digest(child, depth + 1, deepest));
        }
        return sum;
    case JSON_ARRAY:
        sum = REFERENCE_ARRAY;
        json_array_foreach(value, i, child)
        {
            sum = reference_element(sum, digest(child, depth + 1, deepest));
        }
        return sum;
    case JSON_STRING:
        return reference_text(json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
    case JSON_REAL:
        return reference_number(json_number_value(value));
    default:
        return json_is_true(value)    ? REFERENCE_TRUE
               : json_is_false(value) ? REFERENCE_FALSE
                                      : REFERENCE_NULL;
    }
}

struct reference reference_parse(const char *text, size_t length)
{
    json_error_t error;
    struct reference r = {REFERENCE_REFUSED, 0, 0};
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (value) {
        r.verdict = REFERENCE_ACCEPTED;
        r.digest = digest(value, 0, &r.depth);
        json_decref(value);
    } else if (json_error_code(&error) == json_error_numeric_overflow ||
               json_error_code(&error) == json_error_null_byte_in_key ||
               json_error_code(&error) == json_error_stack_overflow) {
        r.verdict = REFERENCE_UNKNOWN;
    }
    return r;
}
