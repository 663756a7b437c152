/*
 * override_fleet.h - kill switches of a host that is one of a fleet: in force here at once, whether
 * the fleet can be reached or not; then brought into the fleet, which keeps them.
 *
 * Until then they are rows of the host's own state file, and what they say wins here. The fleet's
 * override of a flag that was set later than ours stays, and ours goes.
 */
#ifndef FFSHM_AGENT_OVERRIDE_FLEET_H
#define FFSHM_AGENT_OVERRIDE_FLEET_H

#include "../storage/turns.h"
#include "override_keeper.h"

struct override_fleet;

/* host: the host's own (its operations are not the fleet's), loaded already; fleet: the fleet's.
   All are borrowed. NULL: no memory. */
struct override_fleet *override_fleet_new(struct event_base *base, struct override_keeper *host,
                                          struct override_keeper *fleet,
                                          const struct operations *host_operations,
                                          const struct operations *fleet_operations,
                                          const struct turns *turns, const char *host_name);
void override_fleet_free(struct override_fleet *o);

/* The fleet can be reached: what waits is brought. Also after a kill. */
void override_fleet_bring(struct override_fleet *o);
/* A row of the fleet's came: it is in force, unless the host's own is. */
void override_fleet_renew(struct override_fleet *o, const char *key);
/* All of them did. */
void override_fleet_reload(struct override_fleet *o);
/* How many wait. */
size_t override_fleet_waiting(const struct override_fleet *o);

#endif
