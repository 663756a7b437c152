/*
 * admin_token_storage.h - tokens in the agent's state file: each change with its audit entry in one
 * durable transaction.
 */
#ifndef FFSHM_AGENT_ADMIN_TOKEN_STORAGE_H
#define FFSHM_AGENT_ADMIN_TOKEN_STORAGE_H

#include "../storage/state_file.h"
#include "admin_token.h"

/* The store's functions, on the file, which must stay. */
void admin_token_storage(struct state_file *file, struct admin_token_store *store);

#endif
