/*
 * routes_audit.h - the audit trail over the API: /audit, as pages or as an export, and
 * /audit/verify.
 */
#ifndef FFSHM_AGENT_ROUTES_AUDIT_H
#define FFSHM_AGENT_ROUTES_AUDIT_H

#include "../admin/admin_server.h"
#include "../storage/state_file.h"

/* What the routes work on; begins with its first two members, which are borrowed and must stay. */
struct routes_audit {
    struct state_file *state;
    struct admin_server *server;
    unsigned lists, exports, verifications; /* under way */
    int64_t synced; /* up to that entry the trail survives a power failure */
};

/* 0, or -1: no memory. */
int routes_audit_add(struct routes_audit *a);

#endif
