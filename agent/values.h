/*
 * values.h - the values of flags by key, version and variation, for events that speak of a version
 * which may have been replaced meanwhile.
 */
#ifndef FFSHM_AGENT_VALUES_H
#define FFSHM_AGENT_VALUES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VALUES_VERSIONS 4      /* of one flag */
#define VALUES_KEPT_MS 600000u /* after they were replaced */

struct values;

struct values *values_new(void);
void values_free(struct values *v);

/* The version that is in force from now on; `variations` is an array, of which a reference is
   taken. Without memory nothing is kept. now_ms: any monotonic clock. */
void values_put(struct values *v, const char *key, size_t length, int64_t version,
                json_t *variations, uint64_t now_ms);

/* A new reference, or NULL: not known (any more). */
json_t *values_get(const struct values *v, const char *key, int64_t version, int64_t variation);

/* Forgets the versions of flags that are `gone`, and those that were replaced, too long ago. */
void values_gone(struct values *v, const char *key, size_t length, uint64_t now_ms);
void values_tidy(struct values *v, uint64_t now_ms);

#endif
