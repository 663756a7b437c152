/*
 * routes_overrides.h - kill switches over the API: /flags/{key}/kill and /revive, /overrides.
 */
#ifndef FFSHM_AGENT_ROUTES_OVERRIDES_H
#define FFSHM_AGENT_ROUTES_OVERRIDES_H

#include "../admin/admin_server.h"
#include "../operate/override_fleet.h"

/* What the routes work on; borrowed, must stay. */
struct routes_overrides {
    struct pipeline *pipeline;
    struct override_keeper *keeper;
    struct override_keeper
        *host; /* of a fleet's host: what it kills by itself; NULL: keeper does */
    struct override_fleet *fleet;     /* NULL: there is none */
    bool (*reached)(const void *arg); /* can the fleet be reached? */
    const void *arg;
};

/* 0, or -1: no memory. */
int routes_overrides_add(struct routes_overrides *o, struct admin_server *server);

#endif
