/*
 * launchdarkly_client.h - the agent as a client of LaunchDarkly, or of its store in Redis: the
 * source of definitions, what is kept of them over restarts, and the delivery of what programs
 * evaluate and track (collection.h has it from them).
 *
 * Only glue: source/ -> pipeline, deliver/, with storage/, http/ and redis/ below.
 */
#ifndef FFSHM_AGENT_LAUNCHDARKLY_CLIENT_H
#define FFSHM_AGENT_LAUNCHDARKLY_CLIENT_H

#include <event2/event.h>

#include "collection.h"
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

/* Connects, and can deliver events (not with --once). 0, or -1: logged why. */
int launchdarkly_client_start(struct launchdarkly_client *c);

/* After the start. NULL: events are not delivered. */
struct deliver *launchdarkly_client_deliver(const struct launchdarkly_client *c);
/* Where that keeps its events, with what was counted of them: in memory where nothing is kept. */
struct storage *launchdarkly_client_queue(const struct launchdarkly_client *c);
/* What programs have told so far was for another environment. */
bool launchdarkly_client_forgets(const struct launchdarkly_client *c);
/* The collection has started. Borrowed, and told when contexts are to be told anew. */
void launchdarkly_client_collected_by(struct launchdarkly_client *c, struct collection *collection);

struct launchdarkly_client_stats {
    bool delivers; /* the next one is filled in */
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
