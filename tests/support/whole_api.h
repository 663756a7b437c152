/*
 * whole_api.h - the agent's HTTP API with all that is behind it, in this process and without a
 * network: a store on tmpfs, a state file in memory, four flags and a segment as from a file.
 *
 * The same code that ffagent runs, and made as ffagent makes it (loop.c).
 */
#ifndef FFSHM_TESTS_WHOLE_API_H
#define FFSHM_TESTS_WHOLE_API_H

#include "admin_api.h"
#include "live_store.h"

struct whole_api {
    struct event_base *base;
    struct config config;
    struct live_store store;
    struct pipeline *pipeline;
    struct state_file state;
    struct override_keeper *overrides;
    struct definition_keeper *definitions;
    struct schedule_keeper *schedules;
    struct admin_api *api;
    struct admin_server *server; /* the api's */
};

/* Prints and exits when it cannot be made. */
void whole_api_open(struct whole_api *w);
void whole_api_close(struct whole_api *w);

#endif
