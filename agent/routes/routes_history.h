/*
 * routes_history.h - what is different between two generations, and the way back to one.
 */
#ifndef FFSHM_AGENT_ROUTES_HISTORY_H
#define FFSHM_AGENT_ROUTES_HISTORY_H

#include "../admin/admin_server.h"
#include "routes_definitions.h"

/* 0, or -1: no memory. */
int routes_history_add(struct routes_definitions *d, struct admin_server *server);

#endif
