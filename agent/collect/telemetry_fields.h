/*
 * telemetry_fields.h - the fields of a record's payload, one after the other, each of the type that
 * it has to be. The payload is unpacked by msgpack-c after a check that bounds what that can cost.
 */
#ifndef FFSHM_AGENT_TELEMETRY_FIELDS_H
#define FFSHM_AGENT_TELEMETRY_FIELDS_H

#include <jansson.h>
#include <msgpack/object.h>
#include <msgpack/zone.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry_file.h"

/* What one payload needs, used again for the next one. */
struct telemetry_scratch {
    msgpack_zone *zone;
    /* Copies of strings, with a NUL each. A string's copy is no longer than the string was packed,
       so those of one payload always fit. */
    char text[TELEMETRY_RECORD_MOST];
    size_t text_used;
};

/* false: no memory. */
bool telemetry_scratch_init(struct telemetry_scratch *s);
void telemetry_scratch_free(struct telemetry_scratch *s);

/* An array being read. After the first field that is not what it has to be, `bad` stays set and
   every field is empty. Further elements than those that are asked for are a later version's. */
struct telemetry_fields {
    struct telemetry_scratch *scratch;
    const msgpack_object *next;
    size_t left;
    bool bad;
};

/* The payload as its outermost array; forgets what the scratch had. bad: it is none, is cut, goes
   on, nests deeper than any record, or has maps or extensions. */
struct telemetry_fields telemetry_fields(struct telemetry_scratch *s, const void *bytes,
                                         size_t length);
/* The next field, an array of at least `least` and at most `most` elements. */
struct telemetry_fields telemetry_field_array(struct telemetry_fields *f, size_t least,
                                              size_t most);

/* NULL: none are left, and f is bad. */
const msgpack_object *telemetry_field(struct telemetry_fields *f);
bool telemetry_field_bool(struct telemetry_fields *f);
int64_t telemetry_field_int(struct telemetry_fields *f, int64_t least, int64_t most);
/* nil is none. */
int64_t telemetry_field_int_or(struct telemetry_fields *f, int64_t least, int64_t most,
                               int64_t none);
/* A finite number; nil is false, and f not bad. */
bool telemetry_field_number(struct telemetry_fields *f, double *number);
/* UTF-8 without NUL, of 1 to `most` bytes; in the scratch. NULL: bad. */
const char *telemetry_field_text(struct telemetry_fields *f, size_t most);
/* The same, may be empty; nil is NULL, and f not bad. */
const char *telemetry_field_text_or_nil(struct telemetry_fields *f, size_t most);
/* A JSON value, of its text; the caller owns it. nil is NULL, and f not bad. */
json_t *telemetry_field_json(struct telemetry_fields *f);

/* A value of a context's attribute. NULL: not one. */
json_t *telemetry_value(const msgpack_object *o);

#endif
