/*
 * routes_snapshots.h - GET /snapshots: what was published when, and which audit entries it came of.
 */
#ifndef FFSHM_AGENT_ROUTES_SNAPSHOTS_H
#define FFSHM_AGENT_ROUTES_SNAPSHOTS_H

#include "../admin/admin_server.h"
#include "../publish/publisher.h"
#include "../storage/state_file.h"

/* What the route looks at; borrowed, must stay. */
struct routes_snapshots {
    struct publisher *publisher;
    struct state_file *state;
};

/* 0, or -1: no memory. */
int routes_snapshots_add(struct routes_snapshots *r, struct admin_server *server);

#endif
