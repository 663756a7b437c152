/*
 * routes_backup.h - POST /backup: a copy of the state file, made while the agent goes on.
 */
#ifndef FFSHM_AGENT_ROUTES_BACKUP_H
#define FFSHM_AGENT_ROUTES_BACKUP_H

#include "../admin/admin_server.h"
#include "../storage/state_file.h"

/* What the route works on; begins with all but the last, which are borrowed and must stay. */
struct routes_backup {
    struct state_file *state; /* what is copied */
    struct state_file *own; /* the host's own, whose trail tells of it; where there is no fleet, the
                               same */
    struct admin_server *server;
    const char *dir; /* the store's: no place for a backup */
    bool runs;       /* one at a time */
};

/* 0, or -1: no memory. */
int routes_backup_add(struct routes_backup *b);

#endif
