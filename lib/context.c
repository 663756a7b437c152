/*
 * context.c - building a context. No allocation; only what is set is touched, for a context is
 * three kilobytes of somebody's stack.
 */
#include "context.h"

#include <math.h>
#include <string.h>

#include "context_build.h"
#include "hash.h"
#include "json.h"
#include "text.h"

enum context_name context_name_of(const char *name, size_t length)
{
    switch (length) {
    case 3:
        return memcmp(name, "key", 3) == 0 ? CONTEXT_NAME_KEY : CONTEXT_NAME_CUSTOM;
    case 4:
        if (memcmp(name, "kind", 4) == 0) {
            return CONTEXT_NAME_KIND;
        }
        return memcmp(name, "name", 4) == 0 ? CONTEXT_NAME_NAME : CONTEXT_NAME_CUSTOM;
    case 5:
        return memcmp(name, "_meta", 5) == 0 ? CONTEXT_NAME_META : CONTEXT_NAME_CUSTOM;
    case 9:
        return memcmp(name, "anonymous", 9) == 0 ? CONTEXT_NAME_ANONYMOUS : CONTEXT_NAME_CUSTOM;
    default:
        return CONTEXT_NAME_CUSTOM;
    }
}

/* ---- kinds --------------------------------------------------------------------------------- */

static bool is_kind_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool context_kind_valid(const char *kind, size_t length)
{
    if (length == 0 || length > UINT16_MAX || (length == 4 && memcmp(kind, "kind", 4) == 0) ||
        (length == 5 && memcmp(kind, "multi", 5) == 0)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_kind_char(kind[i])) {
            return false;
        }
    }
    return true;
}

static void start_kind(struct ffshm_context *c, unsigned kind, const char *text, size_t length,
                       uint64_t hash)
{
    c->kinds[kind].kind_hash = hash;
    c->kinds[kind].kind = text;
    c->kinds[kind].key = "";
    c->kinds[kind].name = NULL;
    c->kinds[kind].key_length = 0;
    c->kinds[kind].name_length = 0;
    c->kinds[kind].kind_length = (uint16_t)length;
    c->kinds[kind].anonymous = false;
}

int context_add_kind(struct ffshm_context *c, const char *kind, size_t length)
{
    if (c->kind_count == FFSHM_CONTEXT_KINDS) {
        return -1;
    }
    start_kind(c, c->kind_count, kind, length, hash_bytes(kind, length));
    return c->kind_count++;
}

static bool is_user(const char *kind)
{
    return !kind || kind[0] == 0 || strcmp(kind, "user") == 0;
}

void ffshm_context_init(struct ffshm_context *c, const char *kind, const char *key)
{
    if (!c) {
        return;
    }
    c->kind_count = 1;
    c->attribute_count = 0;
    c->private_count = 0;
    c->error = FFSHM_OK;
    c->kind_sum = 0;
    c->identity = 0;
    if (is_user(kind)) {
        start_kind(c, 0, "user", 4, HASH_KIND_USER);
    } else {
        const size_t length = text_length(kind);
        start_kind(c, 0, kind, length, hash_bytes(kind, length));
        if (!context_kind_valid(kind, length)) {
            c->error = FFSHM_INVALID_CONTEXT;
        }
    }
    const size_t length = key ? text_length(key) : 0;
    if (length == 0 || length > UINT32_MAX) {
        c->error = FFSHM_INVALID_CONTEXT;
        return;
    }
    c->kinds[0].key = key;
    c->kinds[0].key_length = (uint32_t)length;
    c->kind_sum = c->kinds[0].kind_hash;
    c->identity = context_identity(key, length, c->kind_sum);
}

/* ---- attributes ---------------------------------------------------------------------------- */

static inline int put(struct ffshm_context *c, unsigned kind, const char *name, size_t length,
                      struct context_value value)
{
    if (length == 0 || length > UINT16_MAX) {
        return FFSHM_INVALID_ARGUMENT;
    }
    /* The kind is part of the hash: one comparison tells kind and name. */
    const uint64_t hash = hash_attribute(name, length, c->kinds[kind].kind_hash);
    unsigned i = 0;
    while (i < c->attribute_count && c->hashes[i] != hash) {
        i++;
    }
    if (i == c->attribute_count) {
        if (i == FFSHM_CONTEXT_ATTRIBUTES) {
            return FFSHM_TOO_MANY;
        }
        c->attribute_count++;
        c->hashes[i] = hash;
    }
    c->attributes[i].name = name;
    c->attributes[i].value.texts = value.as.texts;
    c->attributes[i].length = value.length;
    c->attributes[i].name_length = (uint16_t)length;
    c->attributes[i].type = (uint8_t)value.type;
    c->attributes[i].kind = (uint8_t)kind;
    return FFSHM_OK;
}

int context_put(struct ffshm_context *c, unsigned kind, const char *name, size_t length,
                struct context_value value)
{
    return put(c, kind, name, length, value);
}

/* The built-in attributes of the first kind. */
static int put_builtin(struct ffshm_context *c, enum context_name which, struct context_value value)
{
    if (which == CONTEXT_NAME_NAME && value.type == CONTEXT_STRING) {
        c->kinds[0].name = value.as.text;
        c->kinds[0].name_length = value.length;
        return FFSHM_OK;
    }
    if (which == CONTEXT_NAME_ANONYMOUS && value.type == CONTEXT_BOOL) {
        c->kinds[0].anonymous = value.as.number != 0;
        return FFSHM_OK;
    }
    return FFSHM_INVALID_ARGUMENT;
}

/* An attribute of the first kind, as the C API sets them. */
static inline int set(struct ffshm_context *c, const char *name, struct context_value value)
{
    if (!c || !name || c->kind_count == 0) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const size_t length = text_length(name);
    const enum context_name which = context_name_of(name, length);
    if (__builtin_expect(which != CONTEXT_NAME_CUSTOM, 0)) {
        return put_builtin(c, which, value);
    }
    return put(c, 0, name, length, value);
}

/* false: longer than a context can say. */
static bool string_value(const char *text, struct context_value *value)
{
    const size_t length = text_length(text);
    value->type = CONTEXT_STRING;
    value->length = (uint32_t)length;
    value->as.text = text;
    return length <= UINT32_MAX;
}

int ffshm_context_string(struct ffshm_context *c, const char *name, const char *value)
{
    struct context_value v;
    if (!value) {
        return c && name ? FFSHM_OK : FFSHM_INVALID_ARGUMENT;
    }
    return string_value(value, &v) ? set(c, name, v) : FFSHM_INVALID_ARGUMENT;
}

int ffshm_context_bool(struct ffshm_context *c, const char *name, bool value)
{
    const struct context_value v = {.type = CONTEXT_BOOL, .as.number = value ? 1 : 0};
    return set(c, name, v);
}

int ffshm_context_number(struct ffshm_context *c, const char *name, double value)
{
    const struct context_value v = {.type = CONTEXT_NUMBER, .as.number = value};
    return isfinite(value) ? set(c, name, v) : FFSHM_INVALID_ARGUMENT;
}

int ffshm_context_strings(struct ffshm_context *c, const char *name, const char *const *values,
                          size_t count)
{
    if ((!values && count > 0) || count > UINT32_MAX) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const struct context_value v = {
        .type = CONTEXT_STRINGS, .length = (uint32_t)count, .as.texts = values};
    return set(c, name, v);
}

int ffshm_context_json(struct ffshm_context *c, const char *name, const char *json)
{
    if (!c || !name || !json) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const size_t length = strlen(json);
    struct json_slice slice;
    if (length > UINT32_MAX ||
        json_check(json, length, FFSHM_JSON_ESCAPED, &slice, NULL) != FFSHM_OK) {
        return FFSHM_BAD_JSON;
    }
    if (slice.type == JSON_NULL) {
        return FFSHM_OK;
    }
    const struct context_value v = context_of_json(&slice, NULL, 0);
    if (v.type == CONTEXT_MISSING || (v.type == CONTEXT_NUMBER && !isfinite(v.as.number))) {
        return FFSHM_BAD_JSON;
    }
    return set(c, name, v);
}

int ffshm_context_name(struct ffshm_context *c, const char *name)
{
    struct context_value v;
    if (!c || !name) {
        return c ? FFSHM_OK : FFSHM_INVALID_ARGUMENT;
    }
    return c->kind_count > 0 && string_value(name, &v) ? put_builtin(c, CONTEXT_NAME_NAME, v)
                                                       : FFSHM_INVALID_ARGUMENT;
}

void ffshm_context_anonymous(struct ffshm_context *c, bool anonymous)
{
    if (c && c->kind_count > 0) {
        c->kinds[0].anonymous = anonymous;
    }
}

/* ---- private attributes -------------------------------------------------------------------- */

/* "/a/b": no empty component, '~' only in "~0" and "~1". Everything else is a name. */
static bool reference_valid(const char *reference)
{
    if (reference[0] != '/') {
        return reference[0] != 0;
    }
    for (const char *p = reference; *p; p++) {
        if ((*p == '/' && (p[1] == '/' || p[1] == 0)) ||
            (*p == '~' && p[1] != '0' && p[1] != '1')) {
            return false;
        }
    }
    return true;
}

int context_put_private(struct ffshm_context *c, uint32_t kind, const char *reference)
{
    if (c->private_count == FFSHM_CONTEXT_PRIVATE) {
        return FFSHM_TOO_MANY;
    }
    c->privates[c->private_count].reference = reference;
    c->privates[c->private_count].kind = kind;
    c->private_count++;
    return FFSHM_OK;
}

int ffshm_context_private(struct ffshm_context *c, const char *attribute_reference)
{
    if (!c || !attribute_reference || c->kind_count == 0 || !reference_valid(attribute_reference)) {
        return FFSHM_INVALID_ARGUMENT;
    }
    return context_put_private(c, 0, attribute_reference);
}

/* ---- several kinds ------------------------------------------------------------------------- */

static bool share_a_kind(const struct ffshm_context *a, const struct ffshm_context *b)
{
    for (unsigned i = 0; i < b->kind_count; i++) {
        if (context_kind(a, b->kinds[i].kind_hash) >= 0) {
            return true;
        }
    }
    return false;
}

int ffshm_context_add(struct ffshm_context *multi, const struct ffshm_context *one)
{
    if (!multi || !one || multi->error != FFSHM_OK || one->error != FFSHM_OK ||
        one->kind_count == 0 || share_a_kind(multi, one)) {
        return FFSHM_INVALID_ARGUMENT;
    }
    const unsigned first = multi->kind_count;
    if (first + one->kind_count > FFSHM_CONTEXT_KINDS ||
        multi->attribute_count + one->attribute_count > FFSHM_CONTEXT_ATTRIBUTES ||
        multi->private_count + one->private_count > FFSHM_CONTEXT_PRIVATE) {
        return FFSHM_TOO_MANY;
    }
    for (unsigned i = 0; i < one->kind_count; i++) {
        multi->kinds[multi->kind_count++] = one->kinds[i];
    }
    multi->kind_sum += one->kind_sum;
    multi->identity += one->identity;
    for (unsigned i = 0; i < one->attribute_count; i++) {
        const unsigned to = multi->attribute_count++;
        multi->hashes[to] = one->hashes[i];
        multi->attributes[to] = one->attributes[i];
        multi->attributes[to].kind = (uint8_t)(one->attributes[i].kind + first);
    }
    for (unsigned i = 0; i < one->private_count; i++) {
        const unsigned to = multi->private_count++;
        multi->privates[to].reference = one->privates[i].reference;
        multi->privates[to].kind = one->privates[i].kind + first;
    }
    return FFSHM_OK;
}
