/*
 * routes_common.h - what the routes of flags and segments share.
 */
#ifndef FFSHM_AGENT_ROUTES_COMMON_H
#define FFSHM_AGENT_ROUTES_COMMON_H

#include "../admin/admin_answer.h"
#include "../operate/operation.h"

/* The tags of an item in force; NULL: none. */
const json_t *routes_tags(const struct model_item *item);

/* May the actor (who asks) touch this key with these tags (a list of strings, NULL: none)?
   routes_allowed answers if not. */
bool routes_actor_may(const struct admin_actor *actor, const char *key, const json_t *tags);
bool routes_may(const struct admin_request *request, const char *key, const json_t *tags);
bool routes_allowed(const char *key, const json_t *tags, const struct admin_request *request,
                    struct admin_answer *answer);

/* The same of the tags that the changes of a schedule (a list as in files, NULL: none) bring: what
   a token may not make today, it may not make for tomorrow. */
bool routes_schedule_allowed(const char *key, const json_t *schedule,
                             const struct admin_request *request, struct admin_answer *answer);

/* Puts "changed", "generation", "generationText", "digest" and "dryRun" into a body. */
void routes_put_outcome(json_t *body, const struct operation_outcome *outcome, bool dry_run);

/* {"flags": how many, "keys": the first 100 of them} of what references_affected found; NULL: none
   were looked for. */
json_t *routes_affected(const json_t *keys);

/* 0, or -1 with *error (422, "reason_required"): no reason was given, or only white space. */
int routes_need_reason(const struct admin_request *request, const char *what,
                       struct admin_error *error);

/* "admin", "file:PATH", "launchdarkly": where an item comes from. */
json_t *routes_source(const struct model_item *item);

/* The route's fault in the storage, 503. */
void routes_answer_storage(struct admin_answer *answer, const struct fault *fault);

#endif
