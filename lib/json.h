/*
 * json.h - reading JSON text in place (RFC 8259): no allocation, no recursion deeper than
 * JSON_MAX_DEPTH.
 */
#ifndef FFSHM_JSON_H
#define FFSHM_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "ffshm.h"

#define JSON_MAX_DEPTH 64

/* The symbol's name: jansson, which the agent links beside us, has another function json_string
   (and a json_equal, which is why json_same is called that). */
#define json_string ffshm_json_string

enum json_type {
    JSON_END,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* One value inside a text: the raw bytes, quotes and brackets included. */
struct json_slice {
    enum json_type type; /* JSON_END: no value */
    const char *text;
    size_t length;
};

/* Checks the whole text (one value, valid UTF-8, depth, strings with escapes of at most max_escaped
   bytes; 0: no limit). On success *out is the value without surrounding white space. Returns
   FFSHM_OK or FFSHM_BAD_JSON; *at, when not NULL, is then the offset of the fault. */
int json_check(const char *text, size_t length, size_t max_escaped, struct json_slice *out,
               size_t *at);

/* The length of the well-formed UTF-8 sequence at text < end; 0: it is none. */
size_t json_utf8(const char *text, const char *end);

/* Below: text that json_check accepted. */

/* Walks an array or object: start with *cursor = 0. false at the end. For objects *name is the
   member's raw string slice, else untouched; name may be NULL for arrays. */
bool json_next(const struct json_slice *container, size_t *cursor, struct json_slice *name,
               struct json_slice *value);

/* A member by its unescaped name; the last one when it is there twice. */
struct json_slice json_member(const struct json_slice *object, const char *name, size_t length);

/* true when the string slice needs decoding (contains a backslash). */
bool json_escaped(const struct json_slice *string);

/* Decodes a string slice: *out and *out_length are its characters, in place where nothing is
   escaped, else in buffer with a terminating NUL. false: it does not fit. */
bool json_string(const struct json_slice *string, char *buffer, size_t capacity, const char **out,
                 size_t *out_length);

/* Are the string's characters these? */
bool json_equals(const struct json_slice *string, const char *text, size_t length);

/* Do both mean the same value? Numbers by value, strings by their characters, objects whatever the
   order of their members (the last one of a name counts; quadratic in members that are ordered
   differently). Strings with escapes must have at most FFSHM_JSON_ESCAPED bytes. Recurses into
   containers: JSON_MAX_DEPTH. */
bool json_same(const struct json_slice *a, const struct json_slice *b);

/* The number, correctly rounded, in any locale. Overflow gives infinity. */
double json_number(const struct json_slice *number);

#endif
