/*
 * refusal_trail.h - what the API refuses (401, 403), in the log and in the audit trail, as
 * request.refused.
 *
 * At most so much as refusal_counter.h says; and no entry waits for the disk: a power failure may
 * take the last ones away. An entry of several says how many (`times`, from when to when); one says
 * what was left out before it (`suppressed`).
 */
#ifndef FFSHM_AGENT_REFUSAL_TRAIL_H
#define FFSHM_AGENT_REFUSAL_TRAIL_H

#include <event2/event.h>

#include "../admin/admin_auth.h"
#include "../storage/state_file.h"
#include "refusal_counter.h"

struct refusal_trail;

/* Borrows the file. NULL: no memory. */
struct refusal_trail *refusal_trail_new(struct event_base *base, struct state_file *state,
                                        const struct refusal_limits *limits);
/* Tells what was counted so far. */
void refusal_trail_free(struct refusal_trail *t);

/* For admin_options: arg is the trail. */
admin_refused_fn refusal_trail_refused;

#endif
