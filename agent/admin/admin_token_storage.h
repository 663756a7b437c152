/*
 * admin_token_storage.h - tokens in the agent's state file: each change with its audit entry in one
 * durable transaction.
 */
#ifndef FFSHM_AGENT_ADMIN_TOKEN_STORAGE_H
#define FFSHM_AGENT_ADMIN_TOKEN_STORAGE_H

#include "../storage/storage_admin.h"
#include "admin_token.h"

/* Where they are. */
struct admin_token_storage {
    struct storage *storage; /* open already, and somebody else's to close; else NULL */
    const char *path;        /* of the file; NULL: nothing is kept */
    struct storage *own;     /* opened here, when the first token is made */
};

/* The store's functions, on t, which must stay. A file that is not there is not made before there
   is something to keep. 0; or -1 with *fault: there is one, and it cannot be opened. */
int admin_token_storage_open(struct admin_token_storage *t, struct admin_token_store *store,
                             struct fault *fault);
void admin_token_storage_close(struct admin_token_storage *t);

#endif
