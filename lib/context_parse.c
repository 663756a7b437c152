/*
 * context_parse.c - LaunchDarkly's context JSON: one kind, several kinds, or the old user format.
 *
 * Every string is decoded into the caller's scratch memory, with a terminating NUL: it takes at
 * most what it took in the text with its quotes. Arrays and objects stay where they are.
 */
#include <math.h>
#include <string.h>

#include "context.h"
#include "context_build.h"
#include "json.h"

struct parser {
    struct ffshm_context *c;
    char *scratch;
    size_t left;
};

/* A string of the context's own: decoded, NUL-terminated. */
struct text {
    const char *at;
    size_t length;
};

static int take_string(struct parser *p, const struct json_slice *json, struct text *out)
{
    if (!json_string(json, p->scratch, p->left, &out->at, &out->length)) {
        return FFSHM_TOO_SMALL;
    }
    if (out->at != p->scratch) {
        if (!p->scratch || out->length >= p->left) {
            return FFSHM_TOO_SMALL;
        }
        memcpy(p->scratch, out->at, out->length);
        p->scratch[out->length] = 0;
        out->at = p->scratch;
    }
    p->scratch += out->length + 1;
    p->left -= out->length + 1;
    return FFSHM_OK;
}

static int parse_key(struct parser *p, unsigned kind, const struct json_slice *json,
                     bool empty_allowed)
{
    if (json->type != JSON_STRING) {
        return FFSHM_INVALID_CONTEXT;
    }
    struct text key;
    const int error = take_string(p, json, &key);
    if (error != FFSHM_OK) {
        return error;
    }
    p->c->kinds[kind].key = key.at;
    p->c->kinds[kind].key_length = (uint32_t)key.length;
    return key.length > 0 || empty_allowed ? FFSHM_OK : FFSHM_INVALID_CONTEXT;
}

static int parse_name(struct parser *p, unsigned kind, const struct json_slice *json)
{
    if (json->type == JSON_NULL) {
        return FFSHM_OK;
    }
    if (json->type != JSON_STRING) {
        return FFSHM_BAD_JSON;
    }
    struct text name;
    const int error = take_string(p, json, &name);
    if (error == FFSHM_OK) {
        p->c->kinds[kind].name = name.at;
        p->c->kinds[kind].name_length = (uint32_t)name.length;
    }
    return error;
}

static int parse_anonymous(struct parser *p, unsigned kind, const struct json_slice *json,
                           bool null_allowed)
{
    if (json->type != JSON_TRUE && json->type != JSON_FALSE &&
        !(json->type == JSON_NULL && null_allowed)) {
        return FFSHM_BAD_JSON;
    }
    p->c->kinds[kind].anonymous = json->type == JSON_TRUE;
    return FFSHM_OK;
}

/* The references end at their NUL: one with a NUL inside would name another attribute. */
static int parse_private(struct parser *p, unsigned kind, const struct json_slice *json,
                         bool names_only)
{
    struct json_slice element;
    size_t cursor = 0;
    if (json->type == JSON_NULL || json->type == JSON_END) {
        return FFSHM_OK;
    }
    if (json->type != JSON_ARRAY) {
        return FFSHM_BAD_JSON;
    }
    while (json_next(json, &cursor, NULL, &element)) {
        if (element.type != JSON_STRING) {
            return FFSHM_BAD_JSON;
        }
        struct text reference;
        int error = take_string(p, &element, &reference);
        if (error != FFSHM_OK) {
            return error;
        }
        if (strlen(reference.at) != reference.length) {
            return FFSHM_BAD_JSON;
        }
        const bool literal = names_only && reference.at[0] == '/';
        error =
            context_put_private(p->c, kind | (literal ? CONTEXT_PRIVATE_LITERAL : 0), reference.at);
        if (error != FFSHM_OK) {
            return error;
        }
    }
    return FFSHM_OK;
}

static int parse_meta(struct parser *p, unsigned kind, const struct json_slice *json)
{
    static const char member[] = "privateAttributes";
    if (json->type == JSON_NULL) {
        return FFSHM_OK;
    }
    if (json->type != JSON_OBJECT) {
        return FFSHM_BAD_JSON;
    }
    const struct json_slice references = json_member(json, member, sizeof member - 1);
    return parse_private(p, kind, &references, false);
}

/* null and the name "" file nothing. */
static int parse_attribute(struct parser *p, unsigned kind, struct text name,
                           const struct json_slice *json)
{
    struct context_value value;
    if (json->type == JSON_NULL || name.length == 0) {
        return FFSHM_OK;
    }
    if (json->type == JSON_STRING) {
        struct text text;
        const int error = take_string(p, json, &text);
        if (error != FFSHM_OK) {
            return error;
        }
        value.type = CONTEXT_STRING;
        value.length = (uint32_t)text.length;
        value.as.text = text.at;
    } else {
        struct json_slice same;
        if (json_check(json->text, json->length, FFSHM_JSON_ESCAPED, &same, NULL) != FFSHM_OK) {
            return FFSHM_BAD_JSON;
        }
        value = context_of_json(json, NULL, 0);
        if (value.type == CONTEXT_NUMBER && !isfinite(value.as.number)) {
            return FFSHM_BAD_JSON;
        }
    }
    const int error = context_put(p->c, kind, name.at, name.length, value);
    return error == FFSHM_INVALID_ARGUMENT ? FFSHM_BAD_JSON : error;
}

/* The kind was found before its members. A part of a multi-context has its name: if it says its
   kind once more, it must be that one. */
static int check_kind(const struct ffshm_context *c, unsigned kind, const struct json_slice *json)
{
    return json->type == JSON_STRING &&
                   json_equals(json, c->kinds[kind].kind, c->kinds[kind].kind_length)
               ? FFSHM_OK
               : FFSHM_INVALID_CONTEXT;
}

static int parse_member(struct parser *p, unsigned kind, struct text name,
                        const struct json_slice *json)
{
    switch (context_name_of(name.at, name.length)) {
    case CONTEXT_NAME_KEY:
        return parse_key(p, kind, json, false);
    case CONTEXT_NAME_KIND:
        return check_kind(p->c, kind, json);
    case CONTEXT_NAME_NAME:
        return parse_name(p, kind, json);
    case CONTEXT_NAME_ANONYMOUS:
        return parse_anonymous(p, kind, json, false);
    case CONTEXT_NAME_META:
        return parse_meta(p, kind, json);
    case CONTEXT_NAME_CUSTOM:
        break;
    }
    return parse_attribute(p, kind, name, json);
}

/* The members of a single context, or of one part of a multi-context. */
static int parse_single(struct parser *p, struct text kind_name, const struct json_slice *object)
{
    if (object->type != JSON_OBJECT || !context_kind_valid(kind_name.at, kind_name.length)) {
        return FFSHM_INVALID_CONTEXT;
    }
    const int kind = context_add_kind(p->c, kind_name.at, kind_name.length);
    if (kind < 0) {
        return FFSHM_TOO_MANY;
    }
    struct json_slice name;
    struct json_slice value;
    size_t cursor = 0;
    while (json_next(object, &cursor, &name, &value)) {
        struct text text;
        int error = take_string(p, &name, &text);
        if (error == FFSHM_OK) {
            error = parse_member(p, (unsigned)kind, text, &value);
        }
        if (error != FFSHM_OK) {
            return error;
        }
    }
    return p->c->kinds[kind].key_length > 0 ? FFSHM_OK : FFSHM_INVALID_CONTEXT;
}

static int parse_multi(struct parser *p, const struct json_slice *object)
{
    struct json_slice name;
    struct json_slice value;
    size_t cursor = 0;
    while (json_next(object, &cursor, &name, &value)) {
        if (json_equals(&name, "kind", 4)) {
            continue;
        }
        struct text kind;
        int error = take_string(p, &name, &kind);
        if (error == FFSHM_OK) {
            error = parse_single(p, kind, &value);
        }
        if (error != FFSHM_OK) {
            return error;
        }
        const unsigned last = p->c->kind_count - 1u;
        if (context_kind(p->c, p->c->kinds[last].kind_hash) != (int)last) {
            return FFSHM_INVALID_CONTEXT;
        }
    }
    return p->c->kind_count > 0 ? FFSHM_OK : FFSHM_INVALID_CONTEXT;
}

/* ---- the old user format ------------------------------------------------------------------- */

static int parse_custom(struct parser *p, const struct json_slice *json)
{
    struct json_slice name;
    struct json_slice value;
    size_t cursor = 0;
    if (json->type == JSON_NULL) {
        return FFSHM_OK;
    }
    if (json->type != JSON_OBJECT) {
        return FFSHM_BAD_JSON;
    }
    while (json_next(json, &cursor, &name, &value)) {
        struct text text;
        int error = take_string(p, &name, &text);
        if (error == FFSHM_OK && context_name_of(text.at, text.length) == CONTEXT_NAME_CUSTOM) {
            error = parse_attribute(p, 0, text, &value);
        }
        if (error != FFSHM_OK) {
            return error;
        }
    }
    return FFSHM_OK;
}

static bool is_one_of(struct text name, const char *const *names)
{
    while (*names && (strlen(*names) != name.length || memcmp(*names, name.at, name.length) != 0)) {
        names++;
    }
    return *names != NULL;
}

static int parse_user_member(struct parser *p, struct text name, const struct json_slice *json)
{
    static const char *const strings[] = {"firstName", "lastName", "email", "country",
                                          "avatar",    "ip",       NULL};
    static const char *const custom[] = {"custom", NULL};
    static const char *const privates[] = {"privateAttributeNames", NULL};
    switch (context_name_of(name.at, name.length)) {
    case CONTEXT_NAME_KEY:
        return parse_key(p, 0, json, true);
    case CONTEXT_NAME_NAME:
        return parse_name(p, 0, json);
    case CONTEXT_NAME_ANONYMOUS:
        return parse_anonymous(p, 0, json, true);
    default:
        break;
    }
    if (is_one_of(name, strings)) {
        return json->type == JSON_STRING || json->type == JSON_NULL
                   ? parse_attribute(p, 0, name, json)
                   : FFSHM_BAD_JSON;
    }
    if (is_one_of(name, custom)) {
        return parse_custom(p, json);
    }
    return is_one_of(name, privates) ? parse_private(p, 0, json, true) : FFSHM_OK;
}

/* Here alone a key may be empty; it must be there. */
static int parse_user(struct parser *p, const struct json_slice *object)
{
    struct json_slice name;
    struct json_slice value;
    size_t cursor = 0;
    bool has_key = false;
    (void)context_add_kind(p->c, "user", 4);
    while (json_next(object, &cursor, &name, &value)) {
        struct text text;
        int error = take_string(p, &name, &text);
        if (error == FFSHM_OK) {
            has_key = has_key || context_name_of(text.at, text.length) == CONTEXT_NAME_KEY;
            error = parse_user_member(p, text, &value);
        }
        if (error != FFSHM_OK) {
            return error;
        }
    }
    return has_key ? FFSHM_OK : FFSHM_INVALID_CONTEXT;
}

/* -------------------------------------------------------------------------------------------- */

static int parse(struct parser *p, const char *json, size_t length)
{
    struct json_slice root;
    if (length > UINT32_MAX || json_check(json, length, 0, &root, NULL) != FFSHM_OK ||
        root.type != JSON_OBJECT) {
        return FFSHM_BAD_JSON;
    }
    const struct json_slice kind = json_member(&root, "kind", 4);
    if (kind.type == JSON_END) {
        return parse_user(p, &root);
    }
    if (kind.type != JSON_STRING) {
        return FFSHM_INVALID_CONTEXT;
    }
    if (json_equals(&kind, "multi", 5)) {
        return parse_multi(p, &root);
    }
    struct text name;
    const int error = take_string(p, &kind, &name);
    return error == FFSHM_OK ? parse_single(p, name, &root) : error;
}

int ffshm_context_parse(struct ffshm_context *c, const char *json, size_t length, void *scratch,
                        size_t scratch_size)
{
    if (!c) {
        return FFSHM_INVALID_ARGUMENT;
    }
    c->kind_count = 0;
    c->attribute_count = 0;
    c->private_count = 0;
    c->kind_sum = 0;
    c->identity = 0;
    c->error = FFSHM_INVALID_CONTEXT;
    if (!json || (!scratch && scratch_size > 0)) {
        return FFSHM_INVALID_ARGUMENT;
    }
    struct parser p = {c, scratch, scratch_size};
    const int error = parse(&p, json, length);
    if (error == FFSHM_OK) {
        c->error = FFSHM_OK;
        for (unsigned i = 0; i < c->kind_count; i++) {
            const uint64_t kind_hash = c->kinds[i].kind_hash;
            c->kind_sum += kind_hash;
            c->identity += context_identity(c->kinds[i].key, c->kinds[i].key_length, kind_hash);
        }
    }
    return error;
}
