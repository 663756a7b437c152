/*
 * json_same.c - are two JSON values the same, whatever their spelling? See json.h.
 *
 * Objects are walked side by side: nearly always their members come in one order. Where they do
 * not, each member is looked up in the other object. A pair of values is compared once, so that
 * nesting does not multiply the work.
 */
#include <string.h>

#include "json.h"

static bool strings_equal(const struct json_slice *a, const struct json_slice *b)
{
    char buffer[FFSHM_JSON_ESCAPED];
    const char *text;
    size_t length;
    if (a->length == b->length && memcmp(a->text, b->text, a->length) == 0) {
        return true;
    }
    if (json_escaped(a) && !json_escaped(b)) {
        const struct json_slice *const plain = b;
        b = a;
        a = plain;
    }
    return json_string(a, buffer, sizeof buffer, &text, &length) && json_equals(b, text, length);
}

/* The last member of that name, as json_member. */
static struct json_slice member_like(const struct json_slice *object, const struct json_slice *name)
{
    struct json_slice found = {JSON_END, NULL, 0};
    struct json_slice member;
    struct json_slice value;
    size_t cursor = 0;
    while (json_next(object, &cursor, &member, &value)) {
        if (strings_equal(&member, name)) {
            found = value;
        }
    }
    return found;
}

static bool arrays_equal(const struct json_slice *a, const struct json_slice *b)
{
    struct json_slice x;
    struct json_slice y;
    size_t at = 0;
    size_t in_b = 0;
    while (json_next(a, &at, NULL, &x)) {
        if (!json_next(b, &in_b, NULL, &y) || !json_same(&x, &y)) {
            return false;
        }
    }
    return !json_next(b, &in_b, NULL, &y);
}

static bool same_order(const struct json_slice *a, const struct json_slice *b)
{
    struct json_slice name;
    struct json_slice other;
    struct json_slice value;
    size_t at = 0;
    size_t in_b = 0;
    while (json_next(a, &at, &name, &value)) {
        if (!json_next(b, &in_b, &other, &value) || !strings_equal(&name, &other)) {
            return false;
        }
    }
    return !json_next(b, &in_b, &other, &value);
}

static bool ordered_equal(const struct json_slice *a, const struct json_slice *b)
{
    struct json_slice name;
    struct json_slice x;
    struct json_slice y;
    size_t at = 0;
    size_t in_b = 0;
    while (json_next(a, &at, &name, &x) && json_next(b, &in_b, NULL, &y)) {
        /* A member that is there again later does not count. */
        if (!json_same(&x, &y) && member_like(a, &name).text == x.text) {
            return false;
        }
    }
    return true;
}

static bool unordered_equal(const struct json_slice *a, const struct json_slice *b)
{
    struct json_slice name;
    struct json_slice x;
    size_t cursor = 0;
    while (json_next(b, &cursor, &name, &x)) {
        if (member_like(a, &name).type == JSON_END) {
            return false;
        }
    }
    cursor = 0;
    while (json_next(a, &cursor, &name, &x)) {
        const struct json_slice last = member_like(a, &name);
        const struct json_slice y = member_like(b, &name);
        if (last.type == JSON_END || last.text != x.text) {
            continue;
        }
        if (y.type == JSON_END || !json_same(&last, &y)) {
            return false;
        }
    }
    return true;
}

bool json_same(const struct json_slice *a, const struct json_slice *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case JSON_NUMBER:
        return json_number(a) == json_number(b);
    case JSON_STRING:
        return strings_equal(a, b);
    case JSON_ARRAY:
        return arrays_equal(a, b);
    case JSON_OBJECT:
        return same_order(a, b) ? ordered_equal(a, b) : unordered_equal(a, b);
    default:
        return true;
    }
}
