/*
 * context_build.h - what the ways to build a context have in common: the C API and context JSON.
 */
#ifndef FFSHM_CONTEXT_BUILD_H
#define FFSHM_CONTEXT_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "context.h"
#include "json.h"

/* What an attribute's name stands for. */
enum context_name {
    CONTEXT_NAME_CUSTOM,
    CONTEXT_NAME_KEY,
    CONTEXT_NAME_KIND,
    CONTEXT_NAME_NAME,
    CONTEXT_NAME_ANONYMOUS,
    CONTEXT_NAME_META, /* "_meta": never an attribute */
};
enum context_name context_name_of(const char *name, size_t length);

/* Letters, digits, '.', '_' and '-'; neither "kind" nor "multi". */
bool context_kind_valid(const char *kind, size_t length);

/* Adds a kind with the key "" and nothing else; returns its index, or -1 when the context is full.
   The kind's validity is the caller's business. */
int context_add_kind(struct ffshm_context *c, const char *kind, size_t length);

/* Files an attribute (CONTEXT_NAME_CUSTOM) of a kind, replacing one of the same name. Returns
   FFSHM_OK, FFSHM_INVALID_ARGUMENT (the name is empty or too long) or FFSHM_TOO_MANY. */
int context_put(struct ffshm_context *c, unsigned kind, const char *name, size_t length,
                struct context_value value);

/* Files a reference to a private attribute, NUL-terminated. Returns FFSHM_OK or FFSHM_TOO_MANY. */
int context_put_private(struct ffshm_context *c, uint32_t kind, const char *reference);

/* A JSON value as a context has it: scalars by their types, arrays and objects as they are. null,
   and a string with escapes that does not fit scratch, come as CONTEXT_MISSING. */
struct context_value context_of_json(const struct json_slice *json, char *scratch,
                                     size_t scratch_size);

#endif
