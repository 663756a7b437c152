/*
 * fleet_hosts.h - the hosts of a fleet, as each agent tells of itself, in Redis:
 *
 *     {PREFIX:ENVIRONMENT}:hosts         sorted set: id -> when it was heard last, by Redis's clock
 *     {PREFIX:ENVIRONMENT}:host:ID       JSON; for a day
 *     {PREFIX:ENVIRONMENT}:asked         there, for some seconds: somebody asks for readers
 *     {PREFIX:ENVIRONMENT}:readers:ID    JSON; for ten seconds
 *
 * A host tells every FLEET_HOSTS_EVERY_MS, and sooner when something has changed, at most once a
 * second. Looking for a host's readers takes time there, so it is done only when somebody asks.
 */
#ifndef FFSHM_AGENT_FLEET_HOSTS_H
#define FFSHM_AGENT_FLEET_HOSTS_H

#include <event2/event.h>
#include <jansson.h>

#include "fleet_totals.h"

#define FLEET_HOSTS_EVERY_MS 3000
#define FLEET_HOSTS_SILENT_MS 10000 /* not heard for so long: it is silent */
#define FLEET_HOSTS_KEPT_S 86400
#define FLEET_HOSTS_MOST 4096 /* that are told of */
#define FLEET_READERS_WAIT_MS 7000

struct fleet_hosts;

struct fleet_hosts_options {
    fleet_link_fn *link; /* as in fleet_totals.h */
    const char *prefix;
    const char *environment;
    const char *id; /* of this host, the same after a restart */
    /* What it tells of itself; and of its readers. New references; NULL: no memory. */
    json_t *(*describe)(void *arg);
    json_t *(*readers)(void *arg);
    void *arg; /* of all three */
};

struct fleet_hosts *fleet_hosts_new(struct event_base *base,
                                    const struct fleet_hosts_options *options);
void fleet_hosts_free(struct fleet_hosts *h);
/* Something of what it tells has changed. */
void fleet_hosts_news(struct fleet_hosts *h);

/* Every host that was heard in the last day: [{what it told, "id", "heardMs": how long ago,
   "silent", "self"}], in no order; with readers also "readers": what it told of them, null: no
   answer. hosts is borrowed; NULL: there is no answer, *fault says why. */
typedef void fleet_hosts_fn(void *arg, json_t *hosts, const struct fault *fault);
/* 0: fn is called once, later; with readers after up to FLEET_READERS_WAIT_MS. -1 with *fault. */
int fleet_hosts_ask(struct fleet_hosts *h, bool readers, fleet_hosts_fn *fn, void *arg,
                    struct fault *fault);
/* That one does not wait any more. */
void fleet_hosts_forget(struct fleet_hosts *h, const void *arg);

#endif
