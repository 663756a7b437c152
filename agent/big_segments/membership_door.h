/*
 * membership_door.h - the doorbell: a datagram socket in the store's directory, at which any
 * process of the host that may read the store asks for a membership, and then waits for it in
 * shared memory. Nothing is answered here, and nothing is believed but that somebody wants to know.
 */
#ifndef FFSHM_AGENT_MEMBERSHIP_DOOR_H
#define FFSHM_AGENT_MEMBERSHIP_DOOR_H

#include <event2/event.h>

#include "../publish/store_files.h"
#include "membership_queries.h"

struct membership_door;

/* Takes the place of an earlier agent's. queries is borrowed. NULL and *fault. */
struct membership_door *membership_door_new(struct event_base *base, const struct store_dir *dir,
                                            struct membership_queries *queries,
                                            struct fault *fault);
/* The socket's name stays until the next agent, or memberships_remove: who rings hears that nobody
   is there. */
void membership_door_free(struct membership_door *d);

#endif
