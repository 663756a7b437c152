/*
 * native.h - native definitions (docs/definitions.md) -> LaunchDarkly's JSON.
 */
#ifndef FFSHM_AGENT_NATIVE_H
#define FFSHM_AGENT_NATIVE_H

#include <jansson.h>
#include <stdint.h>

#include "fault.h"

/* Lowers a whole native document ({"ffshm": 1, "flags": {...}, "segments": {...}}) as it stands at
   now_ms (schedules applied) to {"flags": {key: LaunchDarkly flag}, "segments": {...}}. *next_ms:
   when a schedule next changes something, 0 for never. NULL and *fault (member relative to the
   document). The caller owns the result. */
json_t *native_lower(json_t *document, int64_t now_ms, int64_t *next_ms, struct fault *fault);

#endif
