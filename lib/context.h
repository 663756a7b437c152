/*
 * context.h - reading a context: what the evaluator asks of struct ffshm_context.
 */
#ifndef FFSHM_CONTEXT_H
#define FFSHM_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ffshm.h"
#include "hash.h"
#include "image.h"

enum context_type { /* of an attribute, as stored in the context and as handed out */
                    CONTEXT_MISSING = 0, /* also JSON null */
                    CONTEXT_BOOL = 1,    /* number is 0 or 1 */
                    CONTEXT_NUMBER = 2,
                    CONTEXT_STRING = 3,  /* text, length */
                    CONTEXT_STRINGS = 4, /* texts, length */
                    CONTEXT_JSON = 5,    /* text, length: an array or object (checked) */
};

/* In privates[].kind beside the index of the kind: the reference is a name, its '/' and '~' are
   themselves. */
#define CONTEXT_PRIVATE_LITERAL 0x80000000u

/* A value borrowed from a context. */
struct context_value {
    uint32_t type; /* enum context_type */
    uint32_t length;
    union {
        double number;
        const char *text;
        const char *const *texts;
    } as;
};

static inline bool context_valid(const struct ffshm_context *c)
{
    return c && c->error == FFSHM_OK && c->kind_count > 0;
}

/* What a kind with its key adds to a context's identity. */
static inline uint64_t context_identity(const char *key, size_t length, uint64_t kind_hash)
{
    return XXH3_64bits_withSeed(key, length, kind_hash);
}

/* The index of the kind, or -1. */
static inline int context_kind(const struct ffshm_context *c, uint64_t kind_hash)
{
    for (unsigned i = 0; i < c->kind_count; i++) {
        if (c->kinds[i].kind_hash == kind_hash) {
            return (int)i;
        }
    }
    return -1;
}

/* A top-level attribute by its selector hash (hash.h: hash_attribute). */
static inline struct context_value context_named(const struct ffshm_context *c, uint64_t hash)
{
    struct context_value v;
    for (unsigned i = 0; i < c->attribute_count; i++) {
        if (c->hashes[i] == hash) {
            v.type = c->attributes[i].type;
            v.length = c->attributes[i].length;
            v.as.texts = c->attributes[i].value.texts;
            _Static_assert(sizeof(v.as) == sizeof(c->attributes[i].value), "same union");
            return v;
        }
    }
    v.type = CONTEXT_MISSING;
    v.length = 0;
    v.as.text = 0;
    return v;
}

/* Whatever a selector names except IMAGE_ATTRIBUTE_KIND and _INVALID: named, path, key, name,
   anonymous. `scratch` holds a decoded string where the value is a JSON string with escapes:
   FFSHM_JSON_ESCAPED bytes suffice, in less it may come as CONTEXT_MISSING. */
struct context_value context_select(const struct ffshm_context *c, const void *blob,
                                    const struct image_selector *by, char *scratch,
                                    size_t scratch_size);

/* Iterates over an array value (CONTEXT_STRINGS, or CONTEXT_JSON that is an array): start with
   *cursor = 0. false at the end, or when v is no array. Elements that are objects, arrays or null
   come as CONTEXT_MISSING. */
bool context_element(const struct context_value *v, size_t *cursor, struct context_value *element,
                     char *scratch, size_t scratch_size);

/* true when v is an array (even an empty one). */
bool context_is_array(const struct context_value *v);

/* The context, which is valid, as compact LaunchDarkly JSON, snprintf conventions. Not for signal
 * handlers. */
size_t context_to_json(const struct ffshm_context *c, char *buffer, size_t capacity);

#endif
