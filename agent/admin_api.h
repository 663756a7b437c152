/*
 * admin_api.h - the agent's HTTP API, as configured: the glue between the configuration, the server
 * (admin/) and what the agent knows of itself.
 */
#ifndef FFSHM_AGENT_ADMIN_API_H
#define FFSHM_AGENT_ADMIN_API_H

#include <event2/event.h>

#include "admin/admin_server.h"
#include "big_segments_client.h"
#include "collection.h"
#include "config.h"
#include "fleet/fleet_hosts.h"
#include "fleet/fleet_sums.h"
#include "fleet_client.h"
#include "launchdarkly_client.h"
#include "operate/definition_keeper.h"
#include "operate/override_keeper.h"
#include "operate/schedule_keeper.h"
#include "pipeline.h"
#include "storage/state_file.h"

struct admin_api;

/* What it looks at; borrowed. */
struct admin_api_agent {
    const struct config *config;
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct launchdarkly_client *client; /* NULL: LaunchDarkly is not in use */
    struct collection *collection;
    struct state_file *state;     /* of operators' changes: the fleet's, where there is one */
    struct state_file *own_state; /* the host's own; the same where there is no fleet */
    struct override_keeper *overrides;
    struct definition_keeper *definitions;
    struct schedule_keeper *schedules;
    struct fleet_client *fleet;               /* NULL: there is none */
    struct big_segments_client *big_segments; /* NULL: there is none */
    struct fleet_hosts *hosts;                /* of it; NULL: there is none */
    struct fleet_sums *sums;
};

/* How the sources fare, as JSON. */
json_t *admin_api_sources(const struct source_states *states);

/* Makes the server with the routes that need nothing else; more may be added before
   admin_api_start. NULL: it is not wanted, or cannot be made (then it is logged why): the agent
   goes on. */
struct admin_api *admin_api_new(struct event_base *base, const struct admin_api_agent *agent);
void admin_api_free(struct admin_api *api);

struct admin_server *admin_api_server(struct admin_api *api);

/* Listens. What cannot be listened on is logged, with the reason. */
void admin_api_start(struct admin_api *api);
/* Tokens were changed by other hosts. */
void admin_api_tokens(struct admin_api *api);
/* Reads the certificate again. */
void admin_api_reload(struct admin_api *api);

#endif
