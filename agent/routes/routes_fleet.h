/*
 * routes_fleet.h - /fleet/...: the hosts of a fleet, what they count together, who reads there.
 */
#ifndef FFSHM_AGENT_ROUTES_FLEET_H
#define FFSHM_AGENT_ROUTES_FLEET_H

#include "../admin/admin_server.h"
#include "../fleet/fleet_hosts.h"
#include "../fleet/fleet_sums.h"
#include "evaluate_store.h"

struct routes_fleet {
    struct evaluate_store *store; /* all borrowed */
    struct fleet_hosts *hosts;    /* NULL: there is no fleet */
    struct fleet_sums *sums;
};

/* Must stay. 0, or -1: no memory. */
int routes_fleet_add(struct routes_fleet *r, struct admin_server *server);

#endif
