/*
 * routes_changes.h - GET /changes: server-sent events, one for every publish, with what changed.
 */
#ifndef FFSHM_AGENT_ROUTES_CHANGES_H
#define FFSHM_AGENT_ROUTES_CHANGES_H

#include "../admin/admin_server.h"
#include "../pipeline.h"
#include "../publish/publisher.h"
#include "../storage/state_file.h"

#define ROUTES_CHANGES_STREAMS 64u       /* at once; more are answered 503 */
#define ROUTES_CHANGES_BYTES (64u << 10) /* of one event, about; what is not listed is counted */

struct routes_changes;

/* Borrows all. NULL: no memory. */
struct routes_changes *routes_changes_new(struct event_base *base, struct pipeline *pipeline,
                                          struct publisher *publisher, struct state_file *state);
/* After the server, which ends its streams. NULL is harmless. */
void routes_changes_free(struct routes_changes *c);

/* 0, or -1: no memory. */
int routes_changes_add(struct routes_changes *c, struct admin_server *server);

#endif
