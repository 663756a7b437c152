/*
 * model_reader.h - typed members of a JSON object, with LaunchDarkly's leniency: absent and null
 * give the default, another JSON type is a fault that names the member.
 *
 * The first fault sticks; after it every function gives its default, so that a parser can read on
 * and ask once at the end.
 */
#ifndef FFSHM_AGENT_MODEL_READER_H
#define FFSHM_AGENT_MODEL_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "member.h"
#include "model.h"

/* Memory that is freed all at once. */
struct model_arena;
struct model_arena *model_arena_new(void);
void model_arena_free(struct model_arena *arena);

struct model_reader {
    struct model_arena *arena;
    struct fault *fault;
    bool failed;
};

/* `where` is the member that `object` is. */
bool model_read_bool(struct model_reader *r, const struct member *where, const json_t *object,
                     const char *name, bool fallback);
/* *present, unless NULL, tells a given value from the fallback. */
int64_t model_read_integer(struct model_reader *r, const struct member *where, const json_t *object,
                           const char *name, int64_t fallback, bool *present);
struct model_string model_read_string(struct model_reader *r, const struct member *where,
                                      const json_t *object, const char *name);
/* A string that names something: one with a NUL inside is a fault. */
struct model_string model_read_name(struct model_reader *r, const struct member *where,
                                    const json_t *object, const char *name);
json_t *model_read_object(struct model_reader *r, const struct member *where, const json_t *object,
                          const char *name);
json_t *model_read_array(struct model_reader *r, const struct member *where, const json_t *object,
                         const char *name);
/* An array of which every element is a string. */
json_t *model_read_strings(struct model_reader *r, const struct member *where, const json_t *object,
                           const char *name);

/* Zeroed memory for count elements; NULL when there are none or the reader has failed. */
void *model_read_allocate(struct model_reader *r, size_t count, size_t size);

/* Calls read(r, place, object, element of the result) for each element of the array `name`, which
   must be an object each. The elements, *count of them. */
typedef void model_read_fn(struct model_reader *r, const struct member *where, const json_t *object,
                           void *element);
void *model_read_elements(struct model_reader *r, const struct member *where, const json_t *object,
                          const char *name, size_t size, model_read_fn *read, size_t *count);

void model_read_fault(struct model_reader *r, const struct member *where, const char *hint,
                      const char *cause);

#endif
