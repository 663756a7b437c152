/*
 * telemetry_json.h - the compound fields of records as LaunchDarkly's JSON.
 */
#ifndef FFSHM_AGENT_TELEMETRY_JSON_H
#define FFSHM_AGENT_TELEMETRY_JSON_H

#include <jansson.h>

#include "telemetry_fields.h"

/* Each reads one field, and gives what the caller owns; NULL: f is bad (or there is no memory,
   which ends in the same). */

/* {"kind": ..., "key": ...} or {"kind": "multi", ...}; private references in
   _meta.privateAttributes as they were written. */
json_t *telemetry_context(struct telemetry_fields *f);
/* {"kind": "RULE_MATCH", "ruleIndex": 1, ...}; nil is NULL, and f not bad. */
json_t *telemetry_reason(struct telemetry_fields *f);
/* A migration's measurements: "invoked" always, the others when there is something in them. Of an
   origin that was not invoked nothing can have been measured. */
json_t *telemetry_measurements(struct telemetry_fields *f);

#endif
