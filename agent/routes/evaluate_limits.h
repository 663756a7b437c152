/*
 * evaluate_limits.h - what somebody with limits may see of a snapshot: by its keys and tags.
 */
#ifndef FFSHM_AGENT_EVALUATE_LIMITS_H
#define FFSHM_AGENT_EVALUATE_LIMITS_H

#include "../admin/admin_answer.h"
#include "ffshm.h"
#include "image.h"

/* May the actor see this flag or segment? Segments have no tags in a snapshot. */
bool limits_show(const struct admin_actor *actor, const struct image_blob *blob);
/* The same of a key; of one that no flag has, by the key alone. */
bool limits_show_key(const struct admin_actor *actor, const struct ffshm_view *view,
                     const char *key);
/* The same; else it is answered. */
bool limits_allow(const struct ffshm_view *view, const char *key,
                  const struct admin_request *request, struct admin_answer *answer);

#endif
