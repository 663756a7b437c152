/*
 * fleet_view.h - the hosts of a fleet, seen together: what this one counts is added to the fleet's
 * totals, what it is told of is told to the others, and both can be asked for.
 *
 * Only glue: collection, publisher, pipeline -> fleet/, by the connection of fleet_client.h.
 */
#ifndef FFSHM_AGENT_FLEET_VIEW_H
#define FFSHM_AGENT_FLEET_VIEW_H

#include "collection.h"
#include "config.h"
#include "fleet/fleet_hosts.h"
#include "fleet/fleet_sums.h"
#include "fleet/fleet_totals.h"
#include "fleet_client.h"
#include "pipeline.h"

struct fleet_view;

/* Borrowed. */
struct fleet_view_parts {
    const struct config *config;
    struct fleet_client *fleet;
    struct pipeline *pipeline;
    struct publisher *publisher;
    struct collection *collection;
    struct storage *storage; /* the host's own; NULL: nothing is kept */
};

/* NULL: logged why; the agent goes on without. */
struct fleet_view *fleet_view_new(struct event_base *base, const struct fleet_view_parts *parts);
/* Before the fleet's client. NULL is harmless. */
void fleet_view_free(struct fleet_view *v);
/* Something was published. */
void fleet_view_news(struct fleet_view *v);

struct fleet_totals *fleet_view_totals(struct fleet_view *v);
struct fleet_sums *fleet_view_sums(struct fleet_view *v);
struct fleet_hosts *fleet_view_hosts(struct fleet_view *v);

#endif
