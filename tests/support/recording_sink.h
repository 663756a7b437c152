/*
 * recording_sink.h - a sink that remembers what the collector hands on, and what of it was
 * committed; with a storage, in the storage's outbox, as a delivery would.
 */
#ifndef FFSHM_TESTS_RECORDING_SINK_H
#define FFSHM_TESTS_RECORDING_SINK_H

#include <jansson.h>

#include "collect/sink.h"

struct recording_sink {
    struct storage *storage; /* NULL: only in memory */
    json_t *pending;         /* array of what is not committed */
    json_t *committed;       /* array of what is */
    int keeps, flushes, commits, reverts;
    int fail; /* so many of the next keeps and flushes fail */
};

void recording_sink_init(struct recording_sink *s, struct storage *storage);
void recording_sink_free(struct recording_sink *s);
struct collector_sink recording_sink(struct recording_sink *s);

/* Evaluations in an array as above; key NULL: of all flags; variation -2: of all variations. */
uint64_t recorded_counts(const json_t *list, const char *key, int64_t variation);
/* Events with this key; NULL: all. */
unsigned recorded_events(const json_t *list, const char *key);
uint64_t recorded_dropped(const json_t *list);
/* The first of a "kind" ("count", "event", "seen"), borrowed; NULL. */
json_t *recorded(const json_t *list, const char *kind);
/* What the storage's outbox has, as one array; the caller owns it. */
json_t *recorded_in(struct storage *storage);

/* What the collector would hand on, as JSON; owned. */
json_t *recorded_event(const struct deliver_event *event);
json_t *recorded_seen(const struct deliver_seen *seen);

#endif
