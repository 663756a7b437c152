/* context_equal.c - deep equality of contexts. See ffshm_context_equal. */
#include <string.h>

#include "context.h"
#include "json.h"

/* ---- attributes ---------------------------------------------------------------------------- */

static bool texts_equal(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static struct context_value value_at(const struct ffshm_context *c, unsigned i)
{
    struct context_value v = {.type = c->attributes[i].type, .length = c->attributes[i].length};
    v.as.texts = c->attributes[i].value.texts;
    return v;
}

static struct json_slice container(const struct context_value *v)
{
    return (struct json_slice){*v->as.text == '{' ? JSON_OBJECT : JSON_ARRAY, v->as.text,
                               v->length};
}

/* NULL stands for JSON's null. */
static bool both_strings(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool lists_equal(const struct context_value *a, const struct context_value *b)
{
    for (uint32_t i = 0; a->length == b->length && i < a->length; i++) {
        if (!both_strings(a->as.texts[i], b->as.texts[i])) {
            return false;
        }
    }
    return a->length == b->length;
}

/* A list of strings, and an array as JSON. */
static bool list_is_array(const struct context_value *list, const struct context_value *json)
{
    const struct json_slice array = container(json);
    struct json_slice element;
    size_t cursor = 0;
    if (array.type != JSON_ARRAY) {
        return false;
    }
    for (uint32_t i = 0; i < list->length; i++) {
        const char *const text = list->as.texts[i];
        if (!json_next(&array, &cursor, NULL, &element) ||
            element.type != (text ? JSON_STRING : JSON_NULL) ||
            (text && !json_equals(&element, text, strlen(text)))) {
            return false;
        }
    }
    return !json_next(&array, &cursor, NULL, &element);
}

static bool values_equal(const struct context_value *a, const struct context_value *b)
{
    if (a->type == CONTEXT_STRINGS && b->type == CONTEXT_JSON) {
        return list_is_array(a, b);
    }
    if (a->type == CONTEXT_JSON && b->type == CONTEXT_STRINGS) {
        return list_is_array(b, a);
    }
    if (a->type != b->type) {
        return false;
    }
    if (a->type == CONTEXT_STRING) {
        return texts_equal(a->as.text, a->length, b->as.text, b->length);
    }
    if (a->type == CONTEXT_STRINGS) {
        return lists_equal(a, b);
    }
    if (a->type == CONTEXT_JSON) {
        const struct json_slice x = container(a);
        const struct json_slice y = container(b);
        return json_same(&x, &y);
    }
    return a->as.number == b->as.number;
}

/* The hash says kind and name; the name is compared too, lest two hashes be equal by chance. */
static bool has_attribute(const struct ffshm_context *c, const struct ffshm_context *other,
                          unsigned i)
{
    const struct context_value wanted = value_at(other, i);
    for (unsigned k = 0; k < c->attribute_count; k++) {
        if (c->hashes[k] == other->hashes[i]) {
            const struct context_value v = value_at(c, k);
            return texts_equal(c->attributes[k].name, c->attributes[k].name_length,
                               other->attributes[i].name, other->attributes[i].name_length) &&
                   values_equal(&v, &wanted);
        }
    }
    return false;
}

/* ---- private references -------------------------------------------------------------------- */

enum { REFERENCE_END = -1, REFERENCE_STEP = -2 };

/* A reference as the names that it steps through: "a", "/a" and a literal name "a" are one. */
struct reference {
    const char *at;
    bool is_path;
};

static struct reference reference_of(const struct ffshm_context *c, unsigned i)
{
    const char *const text = c->privates[i].reference;
    const bool is_path = *text == '/' && !(c->privates[i].kind & CONTEXT_PRIVATE_LITERAL);
    return (struct reference){text + is_path, is_path};
}

static int next_of(struct reference *r)
{
    const char c = *r->at;
    if (c == 0) {
        return REFERENCE_END;
    }
    r->at++;
    if (r->is_path && c == '/') {
        return REFERENCE_STEP;
    }
    if (r->is_path && c == '~' && (*r->at == '0' || *r->at == '1')) {
        return *r->at++ == '0' ? '~' : '/';
    }
    return (unsigned char)c;
}

static bool references_equal(struct reference a, struct reference b)
{
    int x;
    int y;
    do {
        x = next_of(&a);
        y = next_of(&b);
    } while (x == y && x != REFERENCE_END);
    return x == y;
}

static unsigned kind_of_private(const struct ffshm_context *c, unsigned i)
{
    return c->privates[i].kind & ~CONTEXT_PRIVATE_LITERAL;
}

static bool has_private(const struct ffshm_context *c, const struct ffshm_context *other,
                        unsigned i)
{
    const uint64_t kind = other->kinds[kind_of_private(other, i)].kind_hash;
    for (unsigned k = 0; k < c->private_count; k++) {
        if (c->kinds[kind_of_private(c, k)].kind_hash == kind &&
            references_equal(reference_of(c, k), reference_of(other, i))) {
            return true;
        }
    }
    return false;
}

static bool has_privates(const struct ffshm_context *c, const struct ffshm_context *other)
{
    for (unsigned i = 0; i < other->private_count; i++) {
        if (!has_private(c, other, i)) {
            return false;
        }
    }
    return true;
}

/* ---- whole contexts ------------------------------------------------------------------------ */

static bool has_kind(const struct ffshm_context *c, const struct ffshm_context *other, unsigned i)
{
    const int k = context_kind(c, other->kinds[i].kind_hash);
    if (k < 0) {
        return false;
    }
    const char *const a = c->kinds[k].name;
    const char *const b = other->kinds[i].name;
    return texts_equal(c->kinds[k].kind, c->kinds[k].kind_length, other->kinds[i].kind,
                       other->kinds[i].kind_length) &&
           texts_equal(c->kinds[k].key, c->kinds[k].key_length, other->kinds[i].key,
                       other->kinds[i].key_length) &&
           c->kinds[k].anonymous == other->kinds[i].anonymous && !a == !b &&
           (!a || texts_equal(a, c->kinds[k].name_length, b, other->kinds[i].name_length));
}

bool ffshm_context_equal(const struct ffshm_context *a, const struct ffshm_context *b)
{
    if (!context_valid(a) || !context_valid(b) || a->kind_count != b->kind_count ||
        a->attribute_count != b->attribute_count) {
        return false;
    }
    for (unsigned i = 0; i < a->kind_count; i++) {
        if (!has_kind(b, a, i)) {
            return false;
        }
    }
    /* Both have as many, and none twice: what all of one are in the other, all of the other are. */
    for (unsigned i = 0; i < a->attribute_count; i++) {
        if (!has_attribute(b, a, i)) {
            return false;
        }
    }
    return has_privates(a, b) && has_privates(b, a);
}
