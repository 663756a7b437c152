/*
 * native.h - native definitions (docs/definitions.md) -> LaunchDarkly's JSON.
 */
#ifndef FFSHM_AGENT_NATIVE_H
#define FFSHM_AGENT_NATIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

/* Lowers a whole native document ({"ffshm": 1, "flags": {...}, "segments": {...}}) as it stands at
   now_ms (schedules applied) to {"flags": {key: LaunchDarkly flag}, "segments": {...}}. *next_ms:
   when a schedule next changes something, 0 for never. NULL and *fault (member relative to the
   document). The caller owns the result. */
json_t *native_lower(json_t *document, int64_t now_ms, int64_t *next_ms, struct fault *fault);

/* The LaunchDarkly JSON of a flag that the same set of definitions holds; NULL: there is none. */
typedef const json_t *native_find_fn(void *arg, const char *key);

/* A prerequisite on a flag of another document names a variant that native_lower does not know: it
   comes out as {"key", "variation": -1, "variant"} and never holds. Fills in what `find` knows.
   false and *fault (member relative to the flag): the other flag has no such variant. */
bool native_link(json_t *flag, native_find_fn *find, void *arg, struct fault *fault);

#endif
