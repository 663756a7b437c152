/*
 * fleet.h - one state for the agents of many hosts, in Redis: definitions, overrides, schedules,
 * tokens and the audit that tells of them.
 *
 * Every change is a record (fleet_record.h) with a number. A script appends it to the fleet's log
 * if its writer has seen all before it, and to nobody else's disadvantage; else the writer catches
 * up and tries again. Every agent reads the log and applies each record to a storage of its own,
 * its replica, from which it serves: Redis may be slow, away, full or emptied, and no evaluation
 * notices (docs/redis.md).
 *
 * What is kept here is put back where it is missing: a Redis that was emptied, or has lost its
 * newest records, gets them from the agents. A Redis that has another fleet's history changes
 * nothing here.
 */
#ifndef FFSHM_AGENT_FLEET_H
#define FFSHM_AGENT_FLEET_H

#include <event2/event.h>
#include <jansson.h>

#include "../redis/redis_link.h"
#include "../redis/redis_url.h"
#include "../storage/turns.h"
#include "fleet_record.h"

struct fleet;

struct fleet_owner {
    rows_fn *changed;             /* a row was changed, by whomever; then applied */
    void (*applied)(void *arg);   /* what was told so far is to be in force now */
    void (*replaced)(void *arg);  /* every row may be another one */
    void (*following)(void *arg); /* connected, and up to date */
    void (*leading)(void *arg);   /* this is the host that runs what is to be run once */
    void *arg;
};

struct fleet_options {
    const struct redis_url *url;
    const char *ca_file; /* NULL: the system's */
    const char *prefix;
    const char *environment;
    const char *host;        /* what this host is called */
    struct storage *replica; /* borrowed */
};

/* Reads the replica's position; no network yet. NULL and *fault. */
struct fleet *fleet_new(struct event_base *base, const struct fleet_options *options,
                        const struct fleet_owner *owner, struct fault *fault);
/* Before the replica is closed; nobody may have a turn or wait for one. */
void fleet_free(struct fleet *f);
/* Connects, and goes on doing so. */
int fleet_start(struct fleet *f, struct fault *fault);

const struct turns *fleet_turns(const struct fleet *f);
/* Does the replica have a fleet's state? */
bool fleet_known(const struct fleet *f);
/* Is it connected, and up to date? */
bool fleet_follows(const struct fleet *f);
/* Why not; NULL: it does. */
const struct fault *fleet_trouble(const struct fleet *f);
/* Does this host run schedules at present? */
bool fleet_leads(const struct fleet *f);
/* For commands of others; NULL before fleet_start. */
struct redis_link *fleet_link(const struct fleet *f);

/* For status: state, sequence, epoch, place, leader, trouble ... */
json_t *fleet_json(const struct fleet *f);

#endif
