/*
 * routes_audit.h - the audit trail over the API: /audit and /audit/verify.
 */
#ifndef FFSHM_AGENT_ROUTES_AUDIT_H
#define FFSHM_AGENT_ROUTES_AUDIT_H

#include "../admin/admin_server.h"
#include "../storage/state_file.h"

/* The file is borrowed, and must stay. 0, or -1: no memory. */
int routes_audit_add(struct state_file *file, struct admin_server *server);

#endif
