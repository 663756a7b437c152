/*
 * launchdarkly_client.h - the agent as a client of LaunchDarkly, or of its store in Redis: the
 * source of definitions, what is kept of them over restarts, and the way back of what programs
 * evaluate and track.
 *
 * Only glue: source/ -> pipeline, collect/ -> deliver/, with storage/, http/ and redis/ below.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_CLIENT_H
#define FFSHM_AGENT_LAUNCHDARKLY_CLIENT_H

#include <event2/event.h>

#include "collect/collector.h"
#include "config.h"
#include "deliver/launchdarkly_events.h"
#include "launchdarkly_levels.h"
#include "launchdarkly_store.h"
#include "pipeline.h"

struct launchdarkly_client;

/* Opens the state file and hands the last known good definitions to the pipeline, marked with their
   age; no network yet. Borrows everything. NULL: logged why. Without a state file that can be
   opened it goes on, and says so. */
struct launchdarkly_client *launchdarkly_client_new(struct event_base *base,
                                                    const struct config *config,
                                                    struct pipeline *pipeline,
                                                    struct publisher *publisher);
void launchdarkly_client_free(struct launchdarkly_client *c);

/* Definitions of an earlier run were found. */
bool launchdarkly_client_restored(const struct launchdarkly_client *c);

/* The state file, which others may keep things in, too; NULL: nothing is kept. */
struct storage *launchdarkly_client_storage(const struct launchdarkly_client *c);

/* Will it collect what programs tell? */
bool launchdarkly_client_collects(const struct launchdarkly_client *c);

/* Will it ask LaunchDarkly for definitions? Has it got them in this run? Has it given up? */
bool launchdarkly_client_asks(const struct launchdarkly_client *c);
bool launchdarkly_client_fresh(const struct launchdarkly_client *c);
bool launchdarkly_client_stopped(const struct launchdarkly_client *c);

/* What is wrong with it as a source, one line; "": nothing. news is called when that changes. */
const char *launchdarkly_client_trouble(const struct launchdarkly_client *c);
void launchdarkly_client_on_news(struct launchdarkly_client *c, void (*news)(void *arg), void *arg);

/* Where definitions come from a store, and it is there: reads it now, and calls done, once, when
   what it has is in the pipeline. false: nothing will be called. */
bool launchdarkly_client_look(struct launchdarkly_client *c, void (*done)(void *arg), void *arg);

/* Hands on what programs ask for (collector.h). Before the start. */
void launchdarkly_client_on_asks(struct launchdarkly_client *c,
                                 void (*asked)(void *arg, const char *key), void *arg);

/* Connects, and collects events (not with --once). 0, or -1: logged why. */
int launchdarkly_client_start(struct launchdarkly_client *c);

struct launchdarkly_client_stats {
    bool collects; /* the next one is filled in */
    struct collector_stats collected;
    bool delivers;
    struct launchdarkly_events_stats delivered;
    const struct launchdarkly_levels *levels; /* borrowed: the client's */
    struct launchdarkly_store_stats store;
};
void launchdarkly_client_stats(const struct launchdarkly_client *c,
                               struct launchdarkly_client_stats *out);

/* The agent is about to stop: collects what programs have told and begins to send it. */
void launchdarkly_client_finish(struct launchdarkly_client *c);
/* Is everything sent, or nothing going to be? */
bool launchdarkly_client_finished(const struct launchdarkly_client *c);

#endif
