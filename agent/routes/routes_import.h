/*
 * routes_import.h - everything that is kept here as one native document, and back: many definitions
 * in one change.
 */
#ifndef FFSHM_AGENT_ROUTES_IMPORT_H
#define FFSHM_AGENT_ROUTES_IMPORT_H

#include "routes_definitions.h"

/* 0, or -1: no memory. */
int routes_import_add(struct routes_definitions *d, struct admin_server *server);
int routes_export_add(struct routes_definitions *d, struct admin_server *server);

#endif
