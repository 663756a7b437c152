/*
 * reason_json.h - an evaluation's reason as LaunchDarkly writes it.
 */
#ifndef FFSHM_TEST_REASON_JSON_H
#define FFSHM_TEST_REASON_JSON_H

#include <jansson.h>

#include "ffshm.h"

/* {"kind": ..., ...}; a new reference. */
json_t *reason_json(const struct ffshm_detail *d);
json_t *reason_json_of_result(const struct ffshm_result *r);

#endif
