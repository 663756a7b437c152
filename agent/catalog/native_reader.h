/*
 * native_reader.h - typed members of a native document, strictly: an unknown member or a wrong type
 * is a fault with the place, what is there, and the next step. null counts as not given.
 *
 * The first fault sticks; later ones are dropped, so that a lowering may read on and ask once.
 */
#ifndef FFSHM_AGENT_NATIVE_READER_H
#define FFSHM_AGENT_NATIVE_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "member.h"

struct native_reference;

/* One lowering. */
struct native {
    int64_t now_ms;
    int64_t next_ms; /* the earliest scheduled change after now_ms, 0: none */
    json_t *flags;   /* of the document; NULL: none */
    json_t *segments;
    struct native_reference *references; /* see native_lowering.h */
    size_t reference_count;
    size_t reference_capacity;
    struct fault *fault;
    bool failed;
};

/* Always false. */
bool native_fault(struct native *n, const struct member *where, const char *hint,
                  const char *cause_format, ...) __attribute__((format(printf, 4, 5)));
bool native_no_memory(struct native *n);

/* "must be a list, not a text"; false. */
bool native_wrong_type(struct native *n, const struct member *where, const json_t *value,
                       const char *expected);

/* names: what is allowed, NULL-terminated. true: object is one and has no other members. */
bool native_object(struct native *n, const struct member *where, const json_t *object,
                   const char *const *names);

/* The nearest of the names to a misspelt one (or to what other systems call it); NULL: none. */
const char *native_nearest(const char *word, const char *const *names);

/* The member, NULL when it is not there or null. */
json_t *native_member(const json_t *object, const char *name);

/* The member when it has the type, NULL otherwise; absent is no fault. `where` is the object. A
   name is a text that is not empty and has no NUL in it. */
json_t *native_text(struct native *n, const struct member *where, const json_t *object,
                    const char *name);
json_t *native_name(struct native *n, const struct member *where, const json_t *object,
                    const char *name);
json_t *native_list(struct native *n, const struct member *where, const json_t *object,
                    const char *name);
json_t *native_names(struct native *n, const struct member *where, const json_t *object,
                     const char *name); /* a list of names */
bool native_bool(struct native *n, const struct member *where, const json_t *object,
                 const char *name, bool fallback);

/* Is this value, at `where`, a name? */
bool native_is_name(struct native *n, const struct member *where, const json_t *value);

/* A context kind: a name of letters, digits, '.', '_' and '-'. */
json_t *native_kind(struct native *n, const struct member *where, const json_t *object);

/* An attribute: a name, or when it begins with '/' a path into nested attributes. */
json_t *native_attribute(struct native *n, const struct member *where, const json_t *object,
                         const char *name);

/* A percentage as a weight, 0 to 100000. */
bool native_percentage(struct native *n, const struct member *where, const json_t *value,
                       int64_t *weight);

/* Build the result. value is taken over; NULL is "no memory". */
void native_put(struct native *n, json_t *object, const char *name, json_t *value);
void native_append(struct native *n, json_t *list, json_t *value);

#endif
