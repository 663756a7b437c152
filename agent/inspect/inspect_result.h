/*
 * inspect_result.h - what an evaluation gave, as JSON: one text for `ffctl eval --json` and the
 * API.
 */
#ifndef FFSHM_AGENT_INSPECT_RESULT_H
#define FFSHM_AGENT_INSPECT_RESULT_H

#include <stddef.h>
#include <stdio.h>

#include "ffshm.h"

/* The members of an evaluation's result, without braces: "value" (the fallback, JSON text, where
   the result has none; NULL: null), "variation", "variant", "reason", "version", "generation". */
void result_members(FILE *out, const struct ffshm_result *result, const char *fallback,
                    size_t fallback_length);

/* {"flag", the members, "override" (NULL: left out)}. */
void result_object(FILE *out, const char *flag, const struct ffshm_result *result,
                   const char *fallback, size_t fallback_length, const char *override);

#endif
