/*
 * routes_schedules.h - dated changes over the API: /flags/{key}/schedule, /schedules.
 */
#ifndef FFSHM_AGENT_ROUTES_SCHEDULES_H
#define FFSHM_AGENT_ROUTES_SCHEDULES_H

#include "../admin/admin_server.h"
#include "../operate/schedule_keeper.h"
#include "routes_definitions.h"

/* What the routes work on; borrowed, must stay. */
struct routes_schedules {
    const struct routes_definitions *definitions;
    struct schedule_keeper *keeper;
};

/* 0, or -1: no memory. */
int routes_schedules_add(struct routes_schedules *r, struct admin_server *server);

#endif
