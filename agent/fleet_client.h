/*
 * fleet_client.h - the agent as one of a fleet: where operators' changes are kept then, and how
 * what other hosts change is put in force here.
 *
 * Only glue: config -> fleet/ -> operate/ -> pipeline.
 */
#ifndef FFSHM_AGENT_FLEET_CLIENT_H
#define FFSHM_AGENT_FLEET_CLIENT_H

#include "config.h"
#include "fleet/fleet.h"
#include "operate/definition_keeper.h"
#include "operate/override_fleet.h"
#include "operate/schedule_keeper.h"
#include "storage/state_file.h"

struct fleet_client;

/* *client NULL and 0: the configuration wants none. -1: logged why. Opens the replica, beside the
   host's state file; no network yet. */
int fleet_client_open(struct event_base *base, const struct config *config,
                      struct fleet_client **client);
void fleet_client_free(struct fleet_client *c);

/* What operators' changes are kept in. */
struct state_file *fleet_client_state(struct fleet_client *c);
/* Has this host ever been with its fleet? Else nobody knows what there is. */
bool fleet_client_known(const struct fleet_client *c);

/* What puts changes in force, all borrowed; the fleet's overrides are loaded, and the host's own
   are then. 0, or -1: no memory. */
struct fleet_client_parts {
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct state_file *own_state;
    struct override_keeper *overrides;
    struct definition_keeper *definitions;
    struct schedule_keeper *schedules;
};
int fleet_client_attach(struct fleet_client *c, struct event_base *base,
                        const struct fleet_client_parts *parts);
/* Called when tokens were changed by other hosts. */
void fleet_client_on_tokens(struct fleet_client *c, void (*tokens)(void *arg), void *arg);
/* Called when the fleet's state is known for the first time. */
void fleet_client_on_known(struct fleet_client *c, void (*known)(void *arg), void *arg);
/* Connects. 0, or -1: logged why. */
int fleet_client_start(struct fleet_client *c);
/* Ends what it has under way; before the keepers are freed. */
void fleet_client_detach(struct fleet_client *c);

const struct turns *fleet_client_turns(const struct fleet_client *c);
struct override_keeper *fleet_client_overrides(struct fleet_client *c); /* the host's own */
struct override_fleet *fleet_client_kills(struct fleet_client *c);
bool fleet_client_reached(const struct fleet_client *c);
struct fleet *fleet_client_fleet(struct fleet_client *c);
json_t *fleet_client_json(const struct fleet_client *c);

#endif
