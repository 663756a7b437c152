/*
 * routes_evaluate.h - evaluations over the API: /evaluate and /explain, with libffshm's evaluator
 * on the store that the agent publishes.
 */
#ifndef FFSHM_AGENT_ROUTES_EVALUATE_H
#define FFSHM_AGENT_ROUTES_EVALUATE_H

#include "../admin/admin_server.h"
#include "evaluate_store.h"

/* Must stay. 0, or -1: no memory. evaluate_store_close in the end. */
int routes_evaluate_add(struct evaluate_store *store, struct admin_server *server);

#endif
