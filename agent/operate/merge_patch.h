/*
 * merge_patch.h - JSON merge patch (RFC 7396).
 */
#ifndef FFSHM_AGENT_MERGE_PATCH_H
#define FFSHM_AGENT_MERGE_PATCH_H

#include <jansson.h>

/* The target (NULL: nothing) with the patch applied; neither is changed. A new reference; NULL: no
   memory. */
json_t *merge_patch(json_t *target, json_t *patch);

#endif
